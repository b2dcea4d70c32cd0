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

// failing is an engine that delivers a tick, and then cannot schedule the job.
type failing struct{ attentive }

func (*failing) Schedule(ctx context.Context, job *core.Job) error {
	job.Go(context.WithoutCancel(ctx), core.Tick{Worker: job.Name(), Slot: time.Now()}, nil)
	synctest.Wait()
	return errors.New("out of reach")
}

// A run of a worker that could not be added after all is seen to its end.
func TestAnAddThatFailsLeavesNoRunBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := core.NewManager(&failing{}, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, m.Start(t.Context()))
		var ended, stopped time.Time
		w := core.Worker{
			Name: "w", Schedule: core.Every(time.Hour),
			Run:    func(context.Context) error { time.Sleep(time.Hour); ended = time.Now(); return nil },
			OnStop: func(context.Context) error { stopped = time.Now(); return nil },
		}
		require.Error(t, m.Add(t.Context(), w))
		assert.Empty(t, m.Workers())
		require.Zero(t, stopped, "OnStop while it runs")
		require.NoError(t, m.Stop(t.Context()))
		require.NotZero(t, ended, "Stop waits for it")
		assert.Equal(t, ended, stopped, "when OnStop was called")
	})
}
