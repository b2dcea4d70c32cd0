package natstest

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A timer of a bubble that is used in another, or in none, ends the process.
func TestABubbleLeavesNoTimers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // each processor has timers of its own
	flush := func(t *testing.T) {
		server, err := New(InProcess)
		require.NoError(t, err)
		defer func() { assert.NoError(t, server.Stop()) }()
		nc, err := server.Connect()
		require.NoError(t, err)
		defer nc.Close()
		for range 10 { // with the race detector a pool drops some of what it is given
			require.NoError(t, nc.Flush())
		}
	}
	Bubble(t, flush)
	Bubble(t, flush)
	flush(t)
}
