package ledgertest_test

import (
	"testing"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

func TestQueue(t *testing.T) {
	ledgertest.RunDispatcher(t, ledgertest.DispatcherBackend{
		Name: "queue in memory",
		New:  func(*testing.T) ledgertest.DispatcherBroker { return onQueue(ledgertest.NewQueue()) },
	})
}

// onQueue has instances on a queue.
func onQueue(q *ledgertest.Queue) ledgertest.DispatcherBroker {
	members := map[string]*ledgertest.QueueDispatcher{}
	return ledgertest.DispatcherBroker{
		Open: func(i ledgertest.Instance) (ledger.Dispatcher, ledger.Store) {
			members[i.Name] = q.Dispatcher(i.MaxConcurrent)
			return members[i.Name], nil
		},
		Down: q.Down, Cut: func(instance string) { members[instance].Cut(true) }, Recovery: ledgertest.QueueRecovery, End: q.End,
	}
}
