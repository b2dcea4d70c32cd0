package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

func TestConformance(t *testing.T) {
	for name, store := range map[string]func(*ledger.MemoryStore) ledger.Store{
		"watching":                func(s *ledger.MemoryStore) ledger.Store { return s },
		"polling":                 func(s *ledger.MemoryStore) ledger.Store { return s.Polled() },
		"watching, answered late": func(s *ledger.MemoryStore) ledger.Store { return late{s} },
	} {
		t.Run(name, func(t *testing.T) {
			b := conformance.Backend{
				Name: name,
				Open: func(opts core.Options) (core.Manager, error) {
					w := newWorld(store)
					w.lease = time.Minute // some cases last for days, and an instance beats ten times in a lease
					return w.Open(conformance.Node{Name: "one"}, opts)
				},
				Cluster: func() (conformance.World, error) { return newWorld(store), nil },
			}
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
