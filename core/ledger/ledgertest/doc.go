// Package ledgertest tests a ledger.Store and a ledger.Dispatcher: the test of a store of
// your own is one call of Run, and that of a Dispatcher one of RunDispatcher.
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
// Each obligation in the comments of ledger.Store, ledger.Watcher, ledger.Dispatcher,
// ledger.Inbox and ledger.Witness has cases, each a subtest named obligation/case. They run
// in virtual time, in a testing/synctest bubble each, or with WallClock in real time.
//
// So have engines on the store: that of several instances one claims a slot, that a
// lease expires and is taken over, that a zombie is fenced off, and that the outcome
// of a tick is replayed. A store that passes can be trusted with the rules of the
// cluster; all of these are for the package conformance to test.
//
// A Queue is a queue in memory, with a Dispatcher for each instance.
//
// The suite is itself tested by mutants: stores and Dispatchers that are broken in one way
// each, which it must find out.
package ledgertest
