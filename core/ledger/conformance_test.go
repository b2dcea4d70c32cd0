package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

func TestConformance(t *testing.T) {
	for name, store := range map[string]func(*ledger.MemoryStore) ledger.Store{
		"watching":                func(s *ledger.MemoryStore) ledger.Store { return s },
		"polling":                 func(s *ledger.MemoryStore) ledger.Store { return s.Polled() },
		"watching, answered late": func(s *ledger.MemoryStore) ledger.Store { return late{s} },
	} {
		t.Run(name, func(t *testing.T) {
			b := ledgertest.Conformance(name, func() (ledgertest.WorldConfig, error) {
				m := ledger.NewMemory()
				return ledgertest.WorldConfig{
					Store: func(namespace string) ledger.Store { return store(m.Store(namespace)) },
					Lose:  m.Lose, Down: m.Down, Checkpoint: m.Checkpoint,
				}, nil
			})
			if name == "watching, answered late" { // it is there for what one instance does at an instant
				b.Cluster = nil
			}
			conformance.Run(t, b)
		})
	}
}

// late is a store whose watch has told of a write before its answer comes.
type late struct{ *ledger.MemoryStore }

func (s late) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	state, err := s.MemoryStore.WriteLease(ctx, w)
	time.Sleep(time.Millisecond)
	return state, err
}
