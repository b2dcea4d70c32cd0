package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMetronome is all that an engine needs to be tested against the contract. The
// suite also tests that what the engine lacks (jitter, Delay, Reschedule) is
// refused.
func TestMetronome(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "metronome", Open: func(opts core.Options) (core.Manager, error) {
		return New(Config{}, opts)
	}})
}

// TestRunsBeginOnTheBeat tests what is special about this engine.
func TestRunsBeginOnTheBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := backends.OpenURL(t.Context(), "metronome://?beat=700ms", core.Options{})
		require.NoError(t, err)
		epoch := time.Unix(0, 0)
		var late []time.Duration
		require.NoError(t, m.Add(t.Context(), core.Worker{
			Name:     "a",
			Schedule: core.Every(time.Second),
			Run: func(ctx context.Context) error {
				assert.Zero(t, time.Since(epoch)%(700*time.Millisecond))
				tick, _ := core.TickFrom(ctx)
				late = append(late, time.Since(tick.Slot))
				return nil
			},
		}))
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(7*time.Second + 650*time.Millisecond)
		require.NoError(t, m.Stop(context.Background()))
		assert.Len(t, late, 7)
		assert.Equal(t, 600*time.Millisecond, slices.Max(late))
	})
}

func TestTheProgramRunsOnWhatItsConfigurationSays(t *testing.T) {
	for backend, first := range map[string]string{"": "running on metronome", "native": "running on native"} {
		t.Setenv("TICKWORK_BACKEND", backend)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second+time.Millisecond)
			defer cancel()
			var out lines
			require.NoError(t, run(ctx, false, &out))
			got := out.all()
			assert.Equal(t, first, got[0])
			slices.Sort(got)
			assert.Equal(t, []string{
				first,
				"stopped",
				"tick@2000-01-01T00:00:01Z", "tick@2000-01-01T00:00:02Z", "tick@2000-01-01T00:00:03Z",
				"tick@2000-01-01T00:00:04Z", "tick@2000-01-01T00:00:05Z", "tick@2000-01-01T00:00:06Z",
				"tock@2000-01-01T00:00:03Z", "tock@2000-01-01T00:00:06Z",
			}, got)
		})
	}
}

func TestCheck(t *testing.T) {
	var out lines
	require.NoError(t, run(t.Context(), true, &out))
	text := strings.Join(out.all(), "\n")
	assert.Contains(t, text, "backend metronome\n")
	assert.Contains(t, text, "cannot do: jitter delay reschedule\n")
	assert.Contains(t, text, "tock: every 3s (configured: Schedule)\n")
}

// lines is what a program writes, from several goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.b.String()), "\n")
}
