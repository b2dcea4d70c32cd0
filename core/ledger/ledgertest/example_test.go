package ledgertest_test

import (
	"testing"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

// The test of a store of your own is this one call, with your broker in the place
// of the one in memory. To run one case again, go test -run 'TestStore/guard'.
func ExampleRun() {
	// In a file of your own this is func TestStore(t *testing.T).
	_ = func(t *testing.T) {
		ledgertest.Run(t, ledgertest.Backend{
			Name: "mine",
			New: func(*testing.T) ledgertest.Broker {
				broker := ledger.NewMemory()
				return ledgertest.Broker{
					Open:  func() ledger.Store { return broker.Store("test") },
					Other: func() ledger.Store { return broker.Store("another") },
					Lose:  broker.Lose,
					Down:  broker.Down,
				}
			},
		})
	}
}

// On a real broker each case has a namespace of its own, and takes its time.
func ExampleRun_wallClock() {
	server := ledger.NewMemory() // one for all cases
	_ = func(t *testing.T) {
		ledgertest.Run(t, ledgertest.Backend{
			Name:      "mine",
			WallClock: true,
			New: func(t *testing.T) ledgertest.Broker {
				namespace := t.Name()
				return ledgertest.Broker{
					Open:  func() ledger.Store { return server.Store(namespace) },
					Other: func() ledger.Store { return server.Store(namespace + ", another") },
				}
			},
		})
	}
}

// The test of a Dispatcher of your own. The queue in memory is in the place of yours.
func ExampleRunDispatcher() {
	_ = func(t *testing.T) {
		ledgertest.RunDispatcher(t, ledgertest.DispatcherBackend{
			Name: "mine",
			New: func(*testing.T) ledgertest.DispatcherBroker {
				queue := ledgertest.NewQueue()
				return ledgertest.DispatcherBroker{
					Open: func(i ledgertest.Instance) (ledger.Dispatcher, ledger.Store) {
						return queue.Dispatcher(i.MaxConcurrent), nil
					},
					Down: queue.Down,
					End:  queue.End,
				}
			},
		})
	}
}
