package watchdog

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBubbleThatEnds(t *testing.T) {
	assert.Empty(t, Bubble(t, "suite", func(*testing.T) { time.Sleep(1000 * time.Hour) }))
}

// TestBubbleThatStandsStill: where a goroutine waits for a mutex no time passes.
func TestBubbleThatStandsStill(t *testing.T) {
	var mu sync.Mutex
	over := make(chan struct{})
	wrong := Bubble(t, "suite", func(*testing.T) {
		defer close(over)
		mu.Lock()
		mu.Lock()
	})
	assert.Contains(t, wrong, "the case was given up: it stands still")
	assert.Contains(t, wrong, "[sync.Mutex.Lock]:")
	mu.Unlock()
	<-over
}

// TestStacks: those of the caller's bubble, or of what it has begun, and each once.
func TestStacks(t *testing.T) {
	check := func() {
		stop := make(chan struct{})
		var done sync.WaitGroup
		for range 3 {
			done.Go(func() { parked(stop) })
		}
		for range 1000 {
			time.Sleep(time.Millisecond)
			if text := Stacks("suite"); text != "" {
				break
			}
		}
		text := Stacks("suite")
		close(stop)
		done.Wait()
		// This package is left out, and if nothing else is there all is shown.
		require.Contains(t, text, "3 goroutines [chan receive")
		require.Contains(t, text, "watchdog.parked\n\t")
	}
	check()
	synctest.Test(t, func(*testing.T) { check() })
}

func parked(stop chan struct{}) { <-stop }
