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
	for name, store := range map[string]func(*ledger.Memory) ledger.Store{
		"watching":                func(m *ledger.Memory) ledger.Store { return m.Store("test") },
		"polling":                 func(m *ledger.Memory) ledger.Store { return m.Store("test").Polled() },
		"watching, answered late": func(m *ledger.Memory) ledger.Store { return late{m.Store("test")} },
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, conformance.Backend{
				Name: name,
				Open: func(opts core.Options) (core.Manager, error) {
					engine := ledger.NewEngine(ledger.Config{Name: "ledger", Lease: time.Minute, Store: store(ledger.NewMemory())})
					return core.NewManager(engine, opts), nil
				},
			})
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
