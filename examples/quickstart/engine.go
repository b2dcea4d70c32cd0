package main

import (
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// newManager picks the engine. Everything else in this program knows only
// core.Manager, so that another engine is another line here.
func newManager(opts core.Options) (core.Manager, error) {
	return native.New(native.Config{}, opts)
}
