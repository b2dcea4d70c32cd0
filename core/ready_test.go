package core_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An attentive engine notes whether Ready was closed when it was called.
type attentive struct {
	host      core.Host
	ready     []bool // by the calls of Schedule
	triggered int
}

func (*attentive) Features() core.Features {
	return core.Features{Engine: "attentive", Distributed: true}
}

func (a *attentive) Start(_ context.Context, host core.Host) error { a.host = host; return nil }

func (a *attentive) Schedule(context.Context, *core.Job) error {
	a.ready = append(a.ready, a.isReady())
	return nil
}

func (*attentive) Unschedule(context.Context, *core.Job) error { return nil }

func (a *attentive) Trigger(context.Context, *core.Job) (core.Tick, error) {
	a.triggered++
	return core.Tick{}, nil
}

func (*attentive) Pause(context.Context, *core.Job) error { return nil }

func (*attentive) Resume(context.Context, *core.Job) error { return nil }

func (*attentive) Stop(context.Context) error { return nil }

func (a *attentive) isReady() bool {
	select {
	case <-a.host.Ready:
		return true
	default:
		return false
	}
}

func TestReadyIsClosedWhenTheWorkersAreScheduled(t *testing.T) {
	worker := func(name string) core.Worker {
		return core.Worker{Name: name, Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}
	}
	e := &attentive{}
	m := core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler)})
	hooked := worker("hooked")
	hooked.OnStart = func(ctx context.Context) error {
		assert.False(t, e.isReady(), "while a hook runs")
		return m.Add(ctx, worker("added-by-a-hook"))
	}
	require.NoError(t, m.Add(t.Context(), hooked))
	triggers := worker("w")
	triggers.RunOnStart = true
	require.NoError(t, m.Add(t.Context(), triggers))
	require.NoError(t, m.Start(t.Context()))
	assert.Equal(t, []bool{false, false, false}, e.ready, "as each of the three was scheduled")
	assert.Zero(t, e.triggered, "triggers: RunOnStart is the engine's in a cluster")
	assert.True(t, e.isReady(), "after Start")
	require.NoError(t, m.Add(t.Context(), worker("added-later")))
	require.NoError(t, m.Stop(t.Context()))

	e = &attentive{}
	m = core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler)})
	hooked.OnStart = func(context.Context) error { return errors.New("no") }
	require.NoError(t, m.Add(t.Context(), hooked))
	require.Error(t, m.Start(t.Context()))
	assert.False(t, e.isReady(), "after a Start that failed")
}
