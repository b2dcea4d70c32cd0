package asynq_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test, or an example, leaves a goroutine behind.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // each script of miniredis' makes garbage of a Lua of its own
	goleak.VerifyTestMain(m)
}
