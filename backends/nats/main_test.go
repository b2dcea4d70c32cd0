package nats_test

import (
	"flag"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// TestMain fails when a test, or an example, leaves a goroutine behind.
func TestMain(m *testing.M) {
	conformance.ServeNode(openNode)
	debug.SetGCPercent(400)            // the suite makes much garbage, and keeps little
	_ = flag.Set("test.parallel", "4") // those that are parallel mostly wait; -parallel overrides it
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(natstest.AccessTime))
}
