package ledger_test

import (
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

func TestConformance(t *testing.T) {
	for name, store := range map[string]func(*ledger.MemoryStore) ledger.Store{
		"watching": func(s *ledger.MemoryStore) ledger.Store { return s },
		"polling":  func(s *ledger.MemoryStore) ledger.Store { return s.Polled() },
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, conformance.Backend{
				Name: name,
				Open: func(opts core.Options) (core.Manager, error) {
					return newWorld(store, time.Minute).Open(conformance.Node{Name: "one"}, opts)
				},
				Cluster: func() (conformance.World, error) { return newWorld(store, ledger.DefaultLease), nil },
			})
		})
	}
}
