package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

func TestConformance(t *testing.T) {
	watching := func(s *ledger.MemoryStore) ledger.Store { return s }
	for name, store := range map[string]func(*ledger.MemoryStore) ledger.Store{
		"watching":                watching,
		"polling":                 func(s *ledger.MemoryStore) ledger.Store { return s.Polled() },
		"watching, answered late": func(s *ledger.MemoryStore) ledger.Store { return late{s} },
		"watching, with a queue":  watching,
	} {
		t.Run(name, func(t *testing.T) {
			b := ledgertest.Conformance(name, func() (ledgertest.WorldConfig, error) {
				m := ledger.NewMemory()
				cfg := ledgertest.WorldConfig{
					Store: func(namespace string) ledger.Store { return store(m.Store(namespace)) },
					Lose:  m.Lose, Down: m.Down, Checkpoint: m.Checkpoint,
				}
				if name == "watching, with a queue" {
					withQueues(&cfg)
				}
				return cfg, nil
			})
			if name == "watching, answered late" { // it is there for what one instance does at an instant
				b.Cluster = nil
			}
			conformance.Run(t, b)
		})
	}
}

// withQueues has the ticks of each namespace go through a queue.
func withQueues(cfg *ledgertest.WorldConfig) {
	queues := map[string]*ledgertest.Queue{} // the cases open their nodes one after the other
	cfg.Dispatcher = func(node conformance.Node, opts core.Options) ledger.Dispatcher {
		if queues[node.Namespace] == nil {
			queues[node.Namespace] = ledgertest.NewQueue()
		}
		return queues[node.Namespace].Dispatcher(opts.MaxConcurrent)
	}
	lose, down := cfg.Lose, cfg.Down
	cfg.Lose = func() {
		lose()
		for _, q := range queues {
			q.Lose()
		}
	}
	cfg.Down = func(is bool) {
		down(is)
		for _, q := range queues {
			q.Down(is)
		}
	}
}

// late is a store whose watch has told of a write before its answer comes.
type late struct{ *ledger.MemoryStore }

func (s late) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	state, err := s.MemoryStore.WriteLease(ctx, w)
	time.Sleep(time.Millisecond)
	return state, err
}
