package ledgertest

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A DispatcherBackend is what RunDispatcher tests: a way to make queues, and the
// Dispatchers of instances on them.
type DispatcherBackend struct {
	// Name names the queue in failures: "rabbitmq". Required.
	Name string

	// New returns what one case needs. In virtual time it is called inside the case's
	// testing/synctest bubble, so that what it starts is in the bubble too. What it starts
	// it ends with t.Cleanup. In real time the broker may be one for all cases, with a queue
	// for each. Required.
	New func(t *testing.T) DispatcherBroker

	// WallClock runs the cases in real time instead of virtual time.
	WallClock bool

	// Only limits the run to the cases of these obligations; empty is all.
	Only []string
}

// A DispatcherBroker is an empty queue.
type DispatcherBroker struct {
	// Open returns the Dispatcher of a new instance, and the store whose connection the
	// Dispatcher uses, or nil if it has a connection of its own. The suite opens the store
	// before it starts the Dispatcher, and closes it after it has stopped the Dispatcher, as
	// an engine does. Required.
	Open func(Instance) (ledger.Dispatcher, ledger.Store)

	// Down makes the broker unreachable, or reachable again with its ticks. Nil leaves out
	// the cases about that.
	Down func(down bool)

	// Cut cuts an instance off from the broker for ever. Recovery is how long, at most, until
	// the ticks in its hands are delivered to another. A nil Cut, or a Recovery of zero, leaves
	// out the cases about that.
	Cut      func(instance string)
	Recovery time.Duration

	// End returns how a tick ended, as the queue's own tools show it, and whether it has
	// ended. The suite looks at Outcome and Err. Nil leaves out the cases about that.
	End func(core.Tick) (end ledger.Delivery, ended bool)
}

// An Instance says whose Dispatcher is opened.
type Instance struct {
	// Name is the instance's, for Cut.
	Name string
	// MaxConcurrent is how many ticks the instance can run at a time. Zero is no limit.
	MaxConcurrent int
}

// RunDispatcher tests a Dispatcher with Inboxes of its own. If it is a Witness, it is tested
// as one.
func RunDispatcher(t *testing.T, b DispatcherBackend) {
	t.Helper()
	if b.Name == "" || b.New == nil {
		t.Fatal("ledgertest: a DispatcherBackend needs a Name and a New")
	}
	runCases(t, b.Name+": a Dispatcher", dispatcherSuite, b.Only, func(t *testing.T, c kase) ([]string, string) {
		return judgeDispatcher(t, b, c)
	})
}

// judgeDispatcher runs one case, and returns what was wrong, or why it was left out.
func judgeDispatcher(t *testing.T, b DispatcherBackend, c kase) (failures []string, skipped string) {
	tr := &trial{kase: c, wall: b.WallClock}
	return tr.judge(t, func(t *testing.T) {
		tr.queue = b.New(t)
		tr.limit = limit + tr.queue.Recovery
	})
}

// dispatcherSuite is all cases of a Dispatcher.
var dispatcherSuite = slices.Concat(dispatchCases, inboxCases, deliveryCases, roomCases, outageCases, stopCases)
