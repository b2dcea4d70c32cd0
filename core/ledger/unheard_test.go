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
	done, undone atomic.Bool // the next one
}

func (u *unheard) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if u.undone.Swap(false) {
		return ledger.State{}, errors.New("no answer")
	}
	s, err := u.Store.WriteControl(ctx, w)
	if u.done.Swap(false) {
		return ledger.State{}, errors.New("no answer")
	}
	return s, err
}

// What was asked for is read back where there was no answer: who is told of an error
// asks again.
func TestWhatWasAskedForIsReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &unheard{Store: ledger.NewMemory().Store("n")}
		var runs atomic.Int64
		m := core.NewManager(ledger.NewEngine(ledger.Config{Name: "memory", Store: store}), core.Options{Logger: slog.New(slog.DiscardHandler)})
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
		require.NoError(t, ask(m.Trigger))
		assert.EqualValues(t, 1, runs.Load(), "runs of a trigger that was done")
		store.undone.Store(true)
		require.Error(t, ask(m.Trigger))
		assert.EqualValues(t, 1, runs.Load(), "runs, after a trigger that was not")
		store.undone.Store(true)
		require.Error(t, ask(m.Pause))
		store.done.Store(true)
		require.NoError(t, ask(m.Pause))
		time.Sleep(2 * time.Hour)
		assert.EqualValues(t, 1, runs.Load(), "runs while it is paused")
	})
}
