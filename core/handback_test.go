package core

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A panic with HandBack is a panic (STP-9), and its error does not say that the manager
// is not stopping when it is.
func TestAPanicWithHandBackFailsAsAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
		j := newJob(m, Worker{Name: "w", Schedule: Every(time.Hour), Run: func(context.Context) error {
			m.stopFlag.Store(true) // as Stop does
			panic(HandBack(nil))
		}}, 1)
		j.phase = live
		result := j.Run(context.Background(), j.Tick(time.Now()))
		m.runners.stop()
		assert.Equal(t, Failed, result.Outcome)
		assert.EqualError(t, result.Err, "panic: handed back")
	})
}
