package asynq_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test, or an example, leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
