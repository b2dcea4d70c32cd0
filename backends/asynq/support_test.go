package asynq_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// a record of the runs of all instances.
type record struct {
	mu   sync.Mutex
	runs map[string][]string // the runs of a tick, by its id: where, and whether an earlier one's lease had lapsed (CLU-4)
	by   map[string]int      // the runs of an instance
	last map[string]time.Time
}

func newRecord() *record {
	return &record{runs: map[string][]string{}, by: map[string]int{}, last: map[string]time.Time{}}
}

// run is a worker's, on an instance.
func (r *record) run(instance string) func(context.Context) error {
	return func(ctx context.Context) error {
		tick, _ := core.TickFrom(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.runs[tick.ID()] = append(r.runs[tick.ID()], fmt.Sprintf("on %s under fence %d, redelivered: %t", instance, tick.Fence, tick.Redelivered))
		r.by[instance]++
		r.last[tick.Worker] = tick.Slot
		return nil
	}
}

func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs)
}

// shares returns how many runs each instance has had.
func (r *record) shares() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

// once fails the test if a tick was run twice.
func (r *record) once(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, by := range r.runs {
		require.Len(t, by, 1, "runs of %s", id)
	}
}

// quiet are options of an instance that logs nothing.
func quiet(instance string) core.Options {
	return core.Options{Instance: instance, Logger: slog.New(slog.DiscardHandler), StopGrace: 5 * time.Second}
}

// node starts a manager on a Mini.
func node(t *testing.T, mini *redistest.Mini, cfg asynq.Config, opts core.Options, workers ...core.Worker) core.Manager {
	t.Helper()
	m, err := asynq.NewOver(cfg, func() redis.UniversalClient { return mini.Client(opts.Instance) }, opts)
	require.NoError(t, err)
	start(t, m, workers...)
	return m
}

// real starts a manager on a Redis that is reached by a URL.
func real(t *testing.T, cfg asynq.Config, opts core.Options, workers ...core.Worker) core.Manager {
	t.Helper()
	m, err := asynq.New(cfg, opts)
	require.NoError(t, err)
	start(t, m, workers...)
	return m
}

// start starts a manager that ends with the test.
func start(t *testing.T, m core.Manager, workers ...core.Worker) {
	t.Helper()
	launch(t, m, workers...)
	t.Cleanup(func() { stop(t, m) })
}

// launch starts a manager that the test ends.
func launch(t *testing.T, m core.Manager, workers ...core.Worker) {
	t.Helper()
	for _, w := range workers {
		require.NoError(t, m.Add(t.Context(), w))
	}
	require.NoError(t, m.Start(t.Context()))
}

func stop(t *testing.T, m core.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	require.NoError(t, m.Stop(ctx))
}

// every returns n workers with a function of an instance.
func every(n int, period time.Duration, run func(context.Context) error) []core.Worker {
	workers := make([]core.Worker, n)
	for i := range workers {
		workers[i] = core.Worker{Name: fmt.Sprintf("w-%03d", i), Schedule: core.Every(period), Run: run}
	}
	return workers
}

// eventually waits for a condition in real time.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain", "%s: %s", within, what)
		}
	}
}

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
