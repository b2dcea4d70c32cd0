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
					engine := ledger.NewEngine(ledger.Config{Name: "ledger", Lease: time.Minute, Store: store(ledger.NewMemory())})
					return core.NewManager(engine, opts), nil
				},
				Cluster: func() (conformance.World, error) { return newWorld(store), nil },
			})
		})
	}
}
