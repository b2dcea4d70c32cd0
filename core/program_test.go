package core_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// program is a manager with one worker that begins a run when it starts.
func program(t *testing.T, opts core.Options, run func(context.Context) error) (m core.Manager, stopped *time.Time) {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	m, err := native.New(native.Config{}, opts)
	require.NoError(t, err)
	stopped = new(time.Time)
	require.NoError(t, m.Add(t.Context(), core.Worker{
		Name: "w", Schedule: core.Every(24 * time.Hour), RunOnStart: true, Run: run,
		OnStop: func(context.Context) error { *stopped = time.Now(); return nil },
	}))
	return m, stopped
}

// takes is a run that takes so long, unless it is cancelled.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestRunWaitsForTheRunInProgressAndForOnStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m, stopped := program(t, core.Options{}, takes(12*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.NoError(t, core.Run(ctx, m, 10*time.Second))
		assert.Equal(t, 12*time.Second, time.Since(begin))
		assert.Equal(t, 12*time.Second, stopped.Sub(begin), "OnStop")
		assert.Equal(t, core.Succeeded, m.Workers()[0].Last.Outcome)
	})
}

func TestRunCancelsRunsWhenItsPatienceIsOver(t *testing.T) {
	for name, c := range map[string]struct{ patience, want time.Duration }{
		"ten seconds":           {10 * time.Second, 10 * time.Second},
		"zero is eight seconds": {0, 8 * time.Second},
		"negative is none":      {-1, 0},
		"minus an hour is none": {-time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, stopped := program(t, core.Options{}, takes(time.Hour))
				ctx, cancel := context.WithCancel(t.Context())
				var ended time.Time
				time.AfterFunc(5*time.Second, func() { ended = time.Now(); cancel() })
				err := core.Run(ctx, m, c.patience)
				var cut *core.StopError
				require.ErrorAs(t, err, &cut)
				assert.Equal(t, []string{"w"}, cut.CutOff)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, c.want, time.Since(ended))
				assert.Equal(t, c.want, stopped.Sub(ended), "OnStop")
				require.ErrorIs(t, m.Workers()[0].Last.Err, core.ErrStopping)
			})
		})
	}
}

func TestRunReturnsTheErrorOfStartAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := program(t, core.Options{}, takes(0))
		broken := errors.New("no template")
		require.NoError(t, m.Add(t.Context(), core.Worker{
			Name: "report", Schedule: core.Every(time.Hour), Run: takes(0),
			OnStart: func(context.Context) error { return broken },
		}))
		require.ErrorIs(t, core.Run(t.Context(), m, time.Minute), broken)
		require.ErrorIs(t, m.Start(t.Context()), core.ErrStopped)
	})
}

func TestRunReturnsTheErrorOfStartIfItsContextEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := program(t, core.Options{}, takes(0))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, core.Run(ctx, m, time.Minute), context.Canceled)
		assert.Zero(t, m.Workers()[0].Runs)
	})
	synctest.Test(t, func(t *testing.T) {
		m, err := native.New(native.Config{}, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		begin := time.Now()
		require.NoError(t, m.Add(t.Context(), core.Worker{
			Name: "w", Schedule: core.Every(time.Hour), Run: takes(0), OnStart: takes(time.Hour),
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, core.Run(ctx, m, time.Minute), context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(begin))
	})
}

// TestRunStopsAStartThatSucceededAlthoughTheContextHadEnded: an OnStart that
// does not look at its context finishes.
func TestRunStopsAStartThatSucceededAlthoughTheContextHadEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		m := &recorder{start: func(context.Context) error { cancel(); return nil }}
		require.NoError(t, core.Run(ctx, m, time.Minute))
		assert.Equal(t, 1, m.stops)
		require.NoError(t, m.stopErr, "the context of Stop had ended")
		assert.Equal(t, time.Minute, m.stopIn)
	})
}

func TestRunLeavesAManagerAloneThatRunsAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, stopped := program(t, core.Options{}, takes(0))
		require.NoError(t, m.Start(t.Context()))
		require.ErrorIs(t, core.Run(t.Context(), m, time.Minute), core.ErrStarted)
		synctest.Wait()
		assert.Zero(t, *stopped)
		require.NoError(t, m.Stop(t.Context()))
	})
}

func TestRunWaitsForItsContextWhenSomebodyElseStopsTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m, stopped := program(t, core.Options{}, takes(time.Hour))
		time.AfterFunc(2*time.Second, func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = m.Stop(ctx)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		var cut *core.StopError
		require.ErrorAs(t, core.Run(ctx, m, time.Minute), &cut, "the result of that stop")
		assert.Equal(t, 3*time.Second, stopped.Sub(begin), "OnStop")
		assert.Equal(t, 9*time.Second, time.Since(begin))
	})
}

func TestRunBoundsStartByConnectTimeoutAlthoughItsContextHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m := core.NewManager(&deaf{}, core.Options{Logger: slog.New(slog.DiscardHandler), ConnectTimeout: 3 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.ErrorIs(t, core.Run(ctx, m, 0), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(begin))
	})
}

// A deaf engine never reaches its broker.
type deaf struct{ attentive }

func (*deaf) Start(ctx context.Context, _ core.Host) error { <-ctx.Done(); return ctx.Err() }

func TestRunRefusesNil(t *testing.T) {
	m := &recorder{}
	var none context.Context
	require.EqualError(t, core.Run(none, m, 0), "tickwork: run: the context is nil")
	require.EqualError(t, core.Run(t.Context(), nil, 0), "tickwork: run: the manager is nil")
	assert.Zero(t, m.starts+m.stops)
}

// TestRunOnAManagerWrittenByHand: Run needs no more of a manager than its Start
// and its Stop, and passes on what they return.
func TestRunOnAManagerWrittenByHand(t *testing.T) {
	require.ErrorIs(t, core.Run(t.Context(), core.UnimplementedManager{}, 0), core.ErrUnsupported)
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		stuck := errors.New("a door is stuck")
		m := &recorder{stop: stuck}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Second)
		defer cancel()
		require.Equal(t, stuck, core.Run(ctx, m, 3*time.Second))
		assert.Equal(t, 1, m.starts)
		assert.Equal(t, 1, m.stops)
		require.NoError(t, m.stopErr, "the context of Stop had ended")
		assert.Equal(t, 3*time.Second, m.stopIn)
		assert.Equal(t, []any{"value", "value"}, []any{m.startCtx.Value(key{}), m.stopCtx.Value(key{})})
	})
}

// A recorder is a manager that notes how it is started and stopped.
type recorder struct {
	core.UnimplementedManager
	start             func(context.Context) error
	stop              error
	starts, stops     int
	startCtx, stopCtx context.Context
	stopErr           error         // of the context of Stop
	stopIn            time.Duration // until its deadline
}

func (r *recorder) Start(ctx context.Context) error {
	r.starts++
	r.startCtx = ctx
	if r.start != nil {
		return r.start(ctx)
	}
	return nil
}

func (r *recorder) Stop(ctx context.Context) error {
	r.stops++
	r.stopCtx, r.stopErr = ctx, ctx.Err()
	deadline, _ := ctx.Deadline()
	r.stopIn = time.Until(deadline)
	return r.stop
}
