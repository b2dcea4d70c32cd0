package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// mute is a store that does not answer the first release, which has happened.
type mute struct {
	*ledger.MemoryStore
	releases atomic.Int64
}

func (s *mute) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	state, err := s.MemoryStore.WriteLease(ctx, w)
	if w.Rev > 1 && !bytes.Contains(w.Value, []byte(`"running":true`)) && s.releases.Add(1) == 1 {
		return ledger.State{}, errors.New("no response from stream")
	}
	return state, err
}

// What falls due while Stop waits for a run is reported by who ran it, once, also
// where the release has to be tried again (PER-5, OBS-2); as paused where it is.
func TestSlotsThatPassWhileStopWaits(t *testing.T) {
	for name, paused := range map[string]bool{"overlap": false, "paused": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { passing(t, paused) })
		})
	}
}

func passing(t *testing.T, paused bool) {
	store := &mute{MemoryStore: ledger.NewMemory().Store("n")}
	var runs, overlapped, skippedPaused atomic.Int64
	m := core.NewManager(newEngine(t, ledger.Config{Name: "memory", Store: store}), core.Options{
		Logger: slog.New(slog.DiscardHandler),
		Observers: []core.Observer{func(e core.Event) {
			switch {
			case e.Kind != core.EventSkipped:
			case e.Reason == core.ReasonPaused:
				skippedPaused.Add(int64(e.Count))
			default:
				overlapped.Add(int64(e.Count))
			}
		}},
	})
	require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: func(context.Context) error {
		runs.Add(1)
		time.Sleep(5500 * time.Millisecond)
		return nil
	}}))
	require.NoError(t, m.Start(t.Context()))
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(3*time.Second + 300*time.Millisecond)))
	require.EqualValues(t, 1, runs.Load())
	before := overlapped.Load()
	if paused {
		require.NoError(t, m.Pause(t.Context(), "w"))
	}
	began := time.Now()
	require.NoError(t, m.Stop(t.Context()))
	passed := int64(time.Since(began.Truncate(time.Second)) / time.Second)
	require.GreaterOrEqual(t, passed, int64(3))
	require.EqualValues(t, 2, store.releases.Load(), "releases that were sent")
	asOverlap, asPaused := passed, int64(0)
	if paused {
		asOverlap, asPaused = asPaused, asOverlap
	}
	require.Equal(t, before+asOverlap, overlapped.Load(), "slots skipped for an overlap")
	require.Equal(t, asPaused, skippedPaused.Load(), "slots skipped for a pause")
}
