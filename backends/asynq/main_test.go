package asynq_test

import (
	"flag"
	"runtime/debug"
	"testing"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/conformance"
)

// TestMain fails when a test, or an example, leaves a goroutine behind.
func TestMain(m *testing.M) {
	logging.Disable()       // go-redis prints each connection that it does not get
	debug.SetGCPercent(400) // the suite makes much garbage, and keeps little
	conformance.ServeNode(openNode)
	_ = flag.Set("test.parallel", "4") // those that are parallel mostly wait; -parallel overrides it
	goleak.VerifyTestMain(m)
}
