package core

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Trigger whose run will never begin is an error (CTL-3): Stop has been called, and the
// worker's run is in progress still.
func TestATriggerDuringStopIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
		end := make(chan struct{})
		j := newJob(m, Worker{Name: "w", Schedule: Every(time.Hour), Run: func(context.Context) error { <-end; return nil }}, 1)
		j.phase = live
		_, err := j.Trigger()
		require.NoError(t, err)
		m.stopFlag.Store(true) // as Stop does before it comes to the worker
		_, err = j.Trigger()
		assert.ErrorIs(t, err, ErrStopped)
		close(end)
		synctest.Wait()
		m.runners.stop()
	})
}
