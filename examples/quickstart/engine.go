package main

import (
	"context"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all" // the engines that -backend may name
	"github.com/seed-891a2e1b/tickwork/core"
)

// newManager picks the engine, by its name or URL. Everything else in this
// program knows only core.Manager.
func newManager(ctx context.Context, backend string, opts core.Options) (core.Manager, error) {
	return backends.OpenURL(ctx, backend, opts)
}
