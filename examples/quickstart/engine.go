package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all" // the engines that -backend may name
	"github.com/seed-891a2e1b/tickwork/core"
)

// startBroker starts a broker in this process for a backend that needs one, and
// returns its URL, which is empty if it started none. broker.go replaces it.
var startBroker = func(backend string) (url string, stop func(), err error) { return "", func() {}, nil }

// newManager returns a manager over the engine that backend, a name or a URL,
// selects. The rest of the program knows only core.Manager. Call stop, which ends
// the broker if startBroker started one, after the manager's Stop.
func newManager(ctx context.Context, backend string, opts core.Options) (m core.Manager, stop func(), err error) {
	cfg, _, stop, err := choose(backend)
	if err != nil {
		return nil, nil, err
	}
	if m, err = backends.Open(ctx, cfg, opts); err != nil {
		stop()
		return nil, nil, err
	}
	return m, stop, nil
}

// choose returns the configuration of an engine, and whether its broker is
// embedded: in this process.
func choose(backend string) (cfg backends.Config, embedded bool, stop func(), err error) {
	url, stop, err := startBroker(backend)
	if err != nil {
		return backends.Config{}, false, nil, err
	}
	embedded = url != ""
	if embedded {
		url += "?lease=3s" // a new ledger is quiet for a fifth of it
	} else {
		url = backend
	}
	if cfg, err = backends.ParseURL(url); err != nil {
		stop()
		return backends.Config{}, false, nil, err
	}
	return cfg, embedded, stop, nil
}

// check is -check: it prints whether the engine opens and accepts the workers, and
// when they would run. It runs none, and makes no sample to work on.
func check(ctx context.Context, cfg config, stdout io.Writer) error {
	chosen, embedded, stop, err := choose(cfg.backend)
	if err != nil {
		return err
	}
	defer stop()
	if embedded {
		fmt.Fprintf(stdout, "no URL of a broker is given: %s is checked on one in this process, and on no other\n", cfg.backend)
	}
	report := backends.Preflight(ctx, chosen, core.Options{}, func(ctx context.Context, m core.Manager) error {
		return addAll(ctx, m, newTasks(cfg, new(input)))
	})
	fmt.Fprint(stdout, report)
	if report.Err() != nil {
		return errors.New("-backend, with these workers, does not open")
	}
	return nil
}
