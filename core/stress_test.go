package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// TestStress has many goroutines do everything to one manager at a time, in
// virtual time, while its workers succeed, fail, panic, exit, block and call the
// manager themselves; then it is stopped, sometimes out of patience. Whatever
// the order: no worker overlaps itself, nothing runs after Stop has returned,
// and each OnStart that succeeded has its one OnStop.
func TestStress(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	for i := range rounds {
		synctest.Test(t, func(t *testing.T) { stress(t, uint64(i)) })
	}
}

func stress(t *testing.T, seed uint64) {
	m, err := native.New(native.Config{}, core.Options{
		Logger:        slog.New(slog.DiscardHandler),
		MaxConcurrent: int(seed % 4 * 3),
		Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			return next(ctx)
		}}[:seed%2],
		OnError:   func(context.Context, core.Tick, error) { panic("handler") },
		Observers: []core.Observer{func(core.Event) {}},
	})
	require.NoError(t, err)
	s := &stressed{m: m}
	ctx := context.Background()
	for i := range 5 {
		require.NoError(t, m.Add(ctx, s.worker(i, rand.New(rand.NewPCG(seed, 99)))))
	}
	require.NoError(t, m.Start(ctx))

	var wg sync.WaitGroup
	until := time.Now().Add(2 * time.Minute)
	for g := range 6 {
		r := rand.New(rand.NewPCG(seed, uint64(g)))
		wg.Go(func() {
			for time.Now().Before(until) {
				s.act(ctx, r)
				time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
			}
		})
	}
	time.Sleep(time.Until(until) - time.Duration(seed%3)*20*time.Second)
	stopCtx, cancel := context.WithTimeout(ctx, time.Duration(seed%5)*time.Second)
	err = m.Stop(stopCtx)
	cancel()
	var cut *core.StopError
	require.True(t, err == nil || errors.As(err, &cut), "Stop: %v", err)
	if cut != nil {
		require.Empty(t, cut.Abandoned, "all heed their context")
	}
	s.stopped.Store(true)
	require.Zero(t, s.inside.Load(), "runs in progress after Stop")
	require.Equal(t, s.starts.Load(), s.stops.Load(), "OnStart and OnStop")
	wg.Wait()
	time.Sleep(time.Minute)
	require.Empty(t, s.wrong())
	require.Greater(t, s.runs.Load(), int64(20), "the test did something")
}

// stressed watches a manager.
type stressed struct {
	m             core.Manager
	stopped       atomic.Bool
	inside, runs  atomic.Int64
	starts, stops atomic.Int64
	mu            sync.Mutex
	errs          []string
}

func (s *stressed) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, fmt.Sprintf(format, args...))
}

func (s *stressed) wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs
}

// worker makes a worker; its incarnations must not overlap, unless a run has
// removed itself.
func (s *stressed) worker(i int, r *rand.Rand) core.Worker {
	schedules := []core.Schedule{
		core.Every(time.Second), core.Every(3 * time.Second).Offset(time.Second),
		core.Delay(1500 * time.Millisecond), core.Cron("*/2 * * * * *"), nil,
	}
	var running atomic.Int64
	kind, name := r.IntN(8), fmt.Sprint("w", i)
	return core.Worker{
		Name:     name,
		Schedule: schedules[r.IntN(len(schedules))],
		Retry:    core.Retry{MaxAttempts: r.IntN(3), Backoff: core.Constant(500 * time.Millisecond)},
		Timeout:  time.Duration(r.IntN(2)) * 5 * time.Second,
		OnStart:  func(context.Context) error { s.starts.Add(1); return nil },
		OnStop:   func(context.Context) error { s.stops.Add(1); return nil },
		Run: func(ctx context.Context) error {
			if s.stopped.Load() {
				s.complain("%s runs after Stop", name)
			}
			if running.Add(1) > 1 {
				s.complain("%s overlaps itself", name)
			}
			s.runs.Add(1)
			s.inside.Add(1)
			defer s.inside.Add(-1)
			defer running.Add(-1)
			return s.behave(ctx, kind, name)
		},
	}
}

func (s *stressed) behave(ctx context.Context, kind int, name string) error {
	switch kind {
	case 0:
		return errors.New("failed")
	case 1:
		panic("panicked")
	case 2:
		runtime.Goexit()
	case 3:
		_ = s.m.Remove(ctx, name)
	case 4:
		_, _ = s.m.Trigger(ctx, "w0")
		_ = s.m.Pause(ctx, "w1")
	case 5:
		_ = s.m.Remove(ctx, "w2")
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(1200 * time.Millisecond):
		return nil
	}
}

func (s *stressed) act(ctx context.Context, r *rand.Rand) {
	i := r.IntN(6)
	name := fmt.Sprint("w", i)
	var err error
	switch r.IntN(8) {
	case 0, 1:
		err = s.m.Add(ctx, s.worker(i, r))
	case 2:
		short, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(3))*time.Second)
		err = s.m.Remove(short, name)
		cancel()
	case 3:
		_, err = s.m.Trigger(ctx, name)
	case 4:
		err = s.m.Pause(ctx, name)
	case 5:
		err = s.m.Resume(ctx, name)
	case 6:
		err = s.m.Reschedule(ctx, name, core.Every(time.Duration(1+r.IntN(5))*time.Second))
	case 7:
		for _, w := range s.m.Workers() {
			if w.Name == "" || w.Runs < w.Failures {
				s.complain("status %+v", w)
			}
		}
	}
	var cut *core.StopError
	for _, expected := range []error{nil, core.ErrDuplicate, core.ErrNotFound, core.ErrStopped, core.ErrUnsupported} {
		if errors.Is(err, expected) {
			return
		}
	}
	if !errors.As(err, &cut) {
		s.complain("%v", err)
	}
}
