package ledger_test

import (
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// world is a conformance.World over a Memory.
type world struct {
	memory *ledger.Memory
	store  func(*ledger.MemoryStore) ledger.Store
	lease  time.Duration // zero is the default

	mu    sync.Mutex
	nodes map[string]*ledger.MemoryStore
}

func newWorld(store func(*ledger.MemoryStore) ledger.Store) *world {
	return &world{memory: ledger.NewMemory(), store: store, nodes: map[string]*ledger.MemoryStore{}}
}

func (w *world) Open(node conformance.Node, opts core.Options) (core.Manager, error) {
	s := w.memory.Store(node.Namespace)
	w.mu.Lock()
	w.nodes[node.Name] = s
	w.mu.Unlock()
	engine, err := ledger.NewEngine(ledger.Config{Name: "ledger", Lease: w.lease, Store: w.store(s)})
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}

func (w *world) Cut(node string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[node].Cut(cut)
}

func (w *world) Down(down bool) { w.memory.Down(down) }
func (w *world) Lose()          { w.memory.Lose() }
func (w *world) Close()         {}
