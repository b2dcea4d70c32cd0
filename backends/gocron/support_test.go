package gocron_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	upstream "github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A run is what a recorded worker saw.
type run struct {
	tick core.Tick
	at   time.Time // by the runtime's clock
}

// A recorder keeps the runs of workers by name.
type recorder struct {
	mu   sync.Mutex
	runs map[string][]run
}

// worker returns a worker whose runs are recorded, and then do what f does.
func (r *recorder) worker(name string, s core.Schedule, f func(context.Context) error) core.Worker {
	return core.Worker{Name: name, Schedule: s, Run: func(ctx context.Context) error {
		tick, _ := core.TickFrom(ctx)
		r.mu.Lock()
		if r.runs == nil {
			r.runs = make(map[string][]run)
		}
		r.runs[name] = append(r.runs[name], run{tick, time.Now()})
		r.mu.Unlock()
		if f == nil {
			return nil
		}
		return f(ctx)
	}}
}

func (r *recorder) of(name string) []run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]run(nil), r.runs[name]...)
}

// slots returns the slots that a worker ran; the zero time for one by hand.
func (r *recorder) slots(name string) []time.Time {
	var list []time.Time
	for _, run := range r.of(name) {
		list = append(list, run.tick.Slot)
	}
	return list
}

// start returns a running manager with workers, which is stopped after the test.
func start(t *testing.T, cfg gocron.Config, opts core.Options, workers ...core.Worker) core.Manager {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	m, err := gocron.New(cfg, opts)
	require.NoError(t, err)
	for _, w := range workers {
		require.NoError(t, m.Add(t.Context(), w))
	}
	require.NoError(t, m.Start(t.Context()))
	t.Cleanup(func() { _ = m.Stop(context.Background()) })
	return m
}

// scheduler returns a program's own scheduler, which is shut down after the
// test.
func scheduler(t *testing.T, options ...upstream.SchedulerOption) upstream.Scheduler {
	t.Helper()
	s, err := upstream.NewScheduler(options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Shutdown() })
	return s
}

// sleep lets virtual time pass, and what is due then happen.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func status(t *testing.T, m core.Manager, name string) core.WorkerStatus {
	t.Helper()
	for _, w := range m.Workers() {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no worker %s", name)
	return core.WorkerStatus{}
}

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
