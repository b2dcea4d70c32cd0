// Package ledgertest tests a ledger.Store and a ledger.Dispatcher. The test of a store of
// your own is the store, and two calls. That of a Dispatcher is one of RunDispatcher.
//
//	func TestStore(t *testing.T) {
//		ledgertest.Run(t, ledgertest.Backend{
//			Name: "mine",
//			New: func(t *testing.T) ledgertest.Broker {
//				server := startServer(t)
//				return ledgertest.Broker{
//					Open: func() ledger.Store { return mine.NewStore(server.Addr(), "test") },
//					Lose: server.Flush,
//				}
//			},
//		})
//	}
//
//	func TestEngine(t *testing.T) {
//		conformance.Run(t, ledgertest.Conformance("mine", func() (ledgertest.WorldConfig, error) {
//			server, err := start()
//			return ledgertest.WorldConfig{
//				Store: func(namespace string) ledger.Store { return mine.NewStore(server.Addr(), namespace) },
//				Lose:  server.Flush,
//				Close: server.Close,
//			}, err
//		}))
//	}
//
// The second call tests the rules of the contract, those of a cluster in a World: several
// engines over your store, with links between them that can be cut, lose answers, hold
// writes back, suspend an instance, and refuse to open.
//
// Each obligation in the comments of ledger.Store, ledger.Watcher, ledger.Dispatcher,
// ledger.Inbox and ledger.Witness has cases, each a subtest named obligation/case. They run
// in virtual time, in a testing/synctest bubble each, or with WallClock in real time.
//
// So have engines on the store: that of several instances one claims a slot, that a
// lease expires and is taken over, that a zombie is fenced off, and that the outcome
// of a tick is replayed. All rules of the cluster are for the second call.
//
// A Queue is a queue in memory, with a Dispatcher for each instance.
//
// The suite is itself tested by mutants: stores and Dispatchers that are broken in one way
// each, which it must find out.
package ledgertest
