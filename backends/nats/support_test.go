package nats_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// patience is how long anything may take that is to happen.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

func startServer(t testing.TB, options ...natstest.Option) *natstest.Server {
	t.Helper()
	server, err := natstest.New(options...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	return server
}

// start starts a manager with workers, which is stopped after the test.
func start(t testing.TB, cfg nats.Config, instance string, workers ...core.Worker) core.Manager {
	t.Helper()
	m, err := nats.New(cfg, core.Options{Instance: instance, Logger: quiet, ConnectTimeout: patience})
	require.NoError(t, err)
	for _, w := range workers {
		require.NoError(t, m.Add(context.Background(), w))
	}
	require.NoError(t, m.Start(context.Background()))
	t.Cleanup(func() { stop(t, m) })
	return m
}

func stop(t testing.TB, m core.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	assert.NoError(t, m.Stop(ctx))
}

// A recorder writes down the runs of workers on several instances.
type recorder struct {
	mu     sync.Mutex
	runs   []run
	inside map[string]string // who is running a worker
	wrong  []string
}

type run struct {
	tick     core.Tick
	instance string
	at       time.Time
}

func newRecorder() *recorder { return &recorder{inside: make(map[string]string)} }

// worker returns a worker that is run on an instance and takes a while.
func (r *recorder) worker(name, instance string, every, takes time.Duration) core.Worker {
	return core.Worker{Name: name, Schedule: core.Every(every), Run: func(ctx context.Context) error {
		tick, _ := core.TickFrom(ctx)
		r.begin(tick, instance)
		defer r.end(name)
		select {
		case <-time.After(takes):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
}

func (r *recorder) begin(tick core.Tick, instance string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other, running := r.inside[tick.Worker]; running {
		r.wrong = append(r.wrong, fmt.Sprintf("%s begins on %s while it runs on %s", tick.ID(), instance, other))
	}
	r.inside[tick.Worker] = instance
	for _, before := range slices.Backward(r.runs) {
		if before.tick.Worker != tick.Worker {
			continue
		}
		if !tick.Slot.After(before.tick.Slot) {
			r.wrong = append(r.wrong, fmt.Sprintf("%s begins on %s after %s on %s", tick.ID(), instance, before.tick.ID(), before.instance))
		}
		if tick.Fence <= before.tick.Fence {
			r.wrong = append(r.wrong, fmt.Sprintf("%s has the fence %d, and %s had %d", tick.ID(), tick.Fence, before.tick.ID(), before.tick.Fence))
		}
		break
	}
	r.runs = append(r.runs, run{tick, instance, time.Now()})
}

func (r *recorder) end(worker string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inside, worker)
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs)
}

// more waits for so many more runs.
func (r *recorder) more(t testing.TB, n int) {
	t.Helper()
	want := r.count() + n
	require.Eventually(t, func() bool { return r.count() >= want }, patience, 5*time.Millisecond, "%d more runs", n)
}

// judge fails the test if a slot ran twice, out of order, or beside another.
func (r *recorder) judge(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Empty(t, r.wrong)
}

// gap is the longest time between the begins of a worker's runs.
func (r *recorder) gap(worker string) (longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var last time.Time
	for _, run := range r.runs {
		if run.tick.Worker != worker {
			continue
		}
		if !last.IsZero() {
			longest = max(longest, run.at.Sub(last))
		}
		last = run.at
	}
	return longest
}

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
