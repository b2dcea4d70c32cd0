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

	"github.com/seed-891a2e1b/tickwork/core"
)

// unreachable is an engine whose broker takes no trigger.
type unreachable struct {
	attentive
	jobs map[string]*core.Job
}

func (u *unreachable) Schedule(_ context.Context, job *core.Job) error {
	u.jobs[job.Name()] = job
	return nil
}

func (u *unreachable) Trigger(context.Context, *core.Job) (core.Tick, error) {
	return core.Tick{}, errors.New("out of reach")
}

func TestStopEndsAStartThatTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := core.NewManager(&unreachable{jobs: map[string]*core.Job{}}, core.Options{Logger: slog.New(slog.DiscardHandler)})
		for _, name := range []string{"first", "second"} {
			w := core.Worker{Name: name, Schedule: core.Every(time.Hour), RunOnStart: true, Run: func(context.Context) error { return nil }}
			require.NoError(t, m.Add(t.Context(), w))
		}
		started := make(chan error)
		go func() { started <- m.Start(t.Context()) }()
		time.Sleep(time.Second + time.Nanosecond)
		require.NoError(t, m.Stop(t.Context()))
		require.ErrorIs(t, <-started, core.ErrStopped)
	})
}

func TestAWorkerThatIsRemovedIsNotTriggeredAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := core.NewManager(&unreachable{jobs: map[string]*core.Job{}}, core.Options{Logger: slog.New(slog.DiscardHandler)})
		w := core.Worker{Name: "w", Schedule: core.Every(time.Hour), RunOnStart: true, Run: func(context.Context) error { return nil }}
		require.NoError(t, m.Add(t.Context(), w))
		started := make(chan error)
		go func() { started <- m.Start(t.Context()) }()
		time.Sleep(time.Second + time.Nanosecond)
		require.NoError(t, m.Remove(t.Context(), "w"))
		require.NoError(t, <-started)
		require.NoError(t, m.Stop(t.Context()))
	})
}

// A run of a worker that could not be added after all is seen to its end.
func TestAnAddThatFailsLeavesNoRunBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &unreachable{jobs: map[string]*core.Job{}}
		m := core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, m.Start(t.Context()))
		var ended, stopped time.Time
		w := core.Worker{
			Name: "w", Schedule: core.Every(time.Hour), RunOnStart: true,
			Run:    func(context.Context) error { time.Sleep(time.Hour); ended = time.Now(); return nil },
			OnStop: func(context.Context) error { stopped = time.Now(); return nil },
		}
		added := make(chan error)
		go func() { added <- m.Add(t.Context(), w) }()
		synctest.Wait()
		e.jobs["w"].Go(t.Context(), core.Tick{Worker: "w", Slot: time.Now()}, nil)
		require.Error(t, <-added)
		assert.Empty(t, m.Workers())
		require.Zero(t, stopped, "OnStop while it runs")
		require.NoError(t, m.Stop(t.Context()))
		require.NotZero(t, ended, "Stop waits for it")
		assert.Equal(t, ended, stopped, "when OnStop was called")
	})
}
