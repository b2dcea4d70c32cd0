package main

import (
	"context"
	"errors"
	"runtime/metrics"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// addWorkers adds the application's workers to a manager of any backend.
func addWorkers(ctx context.Context, m core.Manager) error {
	for _, w := range []core.Worker{
		{
			Name:     "heartbeat",
			Schedule: core.Every(time.Second),
			Run:      heartbeat,
		},
		{
			Name:     "memory-report",
			Schedule: core.Cron("* * * * *"),
			Run:      reportMemory,
		},
		{
			Name:     "flaky-import",
			Schedule: core.Every(3 * time.Second),
			Run:      new(flakyImport).Run,
		},
		{
			Name:     "night-shift",
			Schedule: core.Cron("0 2 * * *"),
			Run:      func(context.Context) error { return errors.New("nobody works at night") },
		},
	} {
		if err := m.Add(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func heartbeat(ctx context.Context) error {
	core.Logger(ctx).Info("alive")
	return nil
}

func reportMemory(ctx context.Context) error {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	core.Logger(ctx).Info("memory", "heap_kib", sample[0].Value.Uint64()>>10)
	return nil
}

// A flakyImport fails at every other call. With one attempt in a run, every other
// run fails; with two, none does.
type flakyImport struct{ calls int }

func (f *flakyImport) Run(ctx context.Context) error {
	if f.calls++; f.calls%2 == 1 {
		return errors.New("the other side hung up")
	}
	core.Logger(ctx).Info("imported")
	return nil
}
