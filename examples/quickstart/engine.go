package main

import (
	"context"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all" // the engines that -backend may name
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/brokers"
)

// newManager picks the engine, by its name or URL. Everything else in this
// program knows only core.Manager. An engine that wants a broker, and is given
// none, gets one in this process, until stop is called.
func newManager(ctx context.Context, backend string, opts core.Options) (m core.Manager, stop func(), err error) {
	url, stop, err := brokers.Start(backend)
	if err != nil {
		return nil, nil, err
	}
	if url == "" {
		url = backend
	} else {
		url += "?lease=3s" // a new ledger is quiet for a fifth of it
	}
	if m, err = backends.OpenURL(ctx, url, opts); err != nil {
		stop()
		return nil, nil, err
	}
	return m, stop, nil
}
