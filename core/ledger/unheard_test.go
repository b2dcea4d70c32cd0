package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// unheard is a store that does not tell of what was asked for, whether it has done that
// or not.
type unheard struct {
	ledger.Store
	done   atomic.Bool  // the next one
	undone atomic.Int32 // so many

	meanwhile func() // what others do before who asked for it gives up waiting; may be nil
}

func (u *unheard) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if u.undone.Add(-1) >= 0 {
		return ledger.State{}, errors.New("no answer")
	}
	s, err := u.Store.WriteControl(ctx, w)
	if u.done.Swap(false) {
		if u.meanwhile != nil {
			u.meanwhile()
		}
		return ledger.State{}, errors.New("no answer")
	}
	return s, err
}

// What was asked for is read back where there was no answer, and asked for again: who is
// told of an error has tried in vain.
func TestWhatWasAskedForIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &unheard{Store: ledger.NewMemory().Store("n")}
		var runs atomic.Int64
		m := core.NewManager(newEngine(t, ledger.Config{Name: "memory", Store: store}), core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error {
			runs.Add(1)
			return nil
		}}))
		require.NoError(t, m.Start(t.Context()))
		defer func() { assert.NoError(t, m.Stop(context.Background())) }()
		ask := func(of func(context.Context, string) error) error {
			err := of(t.Context(), "w")
			time.Sleep(time.Minute)
			return err
		}
		store.done.Store(true)
		trigger := func(ctx context.Context, name string) error { return errOf(m.Trigger(ctx, name)) }
		require.NoError(t, ask(trigger))
		assert.EqualValues(t, 1, runs.Load(), "runs of a trigger that was done")
		store.undone.Store(2)
		require.NoError(t, ask(trigger))
		assert.EqualValues(t, 2, runs.Load(), "runs, after a trigger that was done at last")
		store.undone.Store(3)
		require.ErrorContains(t, ask(trigger), "no answer")
		assert.EqualValues(t, 2, runs.Load(), "runs, after a trigger that was not")
		store.undone.Store(3)
		require.ErrorContains(t, ask(m.Pause), "no answer")
		store.done.Store(true)
		require.NoError(t, ask(m.Pause))
		time.Sleep(2 * time.Hour)
		assert.EqualValues(t, 2, runs.Load(), "runs while it is paused")
	})
}

// A trigger has run, its answer is lost, and another has asked since: it is not asked for
// again.
func TestATriggerThatHasRunIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := ledger.NewMemory()
		var runs atomic.Int64
		w := core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error {
			runs.Add(1)
			return nil
		}}
		other := newAccount().join(t, "b", memory.Store("n"), w)
		store := &unheard{Store: memory.Store("n"), meanwhile: func() {
			time.Sleep(time.Second)
			assert.NoError(t, errOf(other.Trigger(context.Background(), "w")))
			time.Sleep(time.Second)
		}}
		store.done.Store(true)
		m := newAccount().join(t, "a", store, w)
		require.Error(t, errOf(m.Trigger(t.Context(), "w")), "whether it was done is not to be told any more")
		time.Sleep(time.Minute)
		assert.EqualValues(t, 2, runs.Load(), "runs of two triggers")
		require.NoError(t, m.Stop(t.Context()))
		require.NoError(t, other.Stop(t.Context()))
	})
}
