package core_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// lapsing is a context that has ended, and finds that out when it is asked: as a
// lease does after its process was frozen.
type lapsing struct {
	context.Context
	thawed *atomic.Bool
	end    context.CancelCauseFunc
}

func (l lapsing) Err() error {
	if l.thawed.Load() {
		l.end(core.ErrLeaseLost)
	}
	return l.Context.Err()
}

// A run that asks its context learns what the engine's would say if it were asked
// (CLU-10), in any attempt, and so does what only adds values.
func TestARunsContextAsksTheEngines(t *testing.T) {
	e := &byHand{}
	m := core.NewManager(e, core.Options{Logger: silent, Middleware: []core.Middleware{
		func(ctx context.Context, next func(context.Context) error) error {
			return next(context.WithValue(ctx, t, 1))
		},
	}})
	var thawed atomic.Bool
	var cause error
	require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(ctx context.Context) error {
		assert.NoError(t, ctx.Err())
		thawed.Store(true)
		cause = ctx.Err()
		assert.ErrorIs(t, context.Cause(ctx), core.ErrLeaseLost)
		return cause
	}}))
	require.NoError(t, m.Start(t.Context()))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	assert.Equal(t, core.LeaseLost, e.deliver(lapsing{ctx, &thawed, cancel}, "w", time.Now()).Outcome)
	assert.ErrorIs(t, cause, context.Canceled)
	require.NoError(t, m.Stop(t.Context()))
}
