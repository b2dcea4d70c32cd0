package conformance

import (
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// memoryWorld is a world over a ledger in memory, with places to go wrong in.
type memoryWorld struct {
	memory *ledger.Memory
	wrong  wrongWorld

	mu    sync.Mutex
	nodes map[string]*ledger.MemoryStore
}

// wrongWorld is what is wrong with it. A nil function is the right way.
type wrongWorld struct {
	// store changes what the engine of a node works on.
	store func(*ledger.MemoryStore) ledger.Store
	// engine changes the engine of a node.
	engine func(core.ClusterEngine) core.ClusterEngine
	// node changes where a node is opened, and with which options.
	node func(*Node, *core.Options)
	// worker changes a worker as it is added.
	worker func(*core.Worker)
	// manager changes a manager as it is opened.
	manager func(core.Manager) core.Manager
	// config changes the engine's.
	config func(*ledger.Config)
}

func newMemoryWorld(polled bool) *memoryWorld {
	w := &memoryWorld{memory: ledger.NewMemory(), nodes: map[string]*ledger.MemoryStore{}}
	if polled {
		w.wrong.store = func(s *ledger.MemoryStore) ledger.Store { return s.Polled() }
	}
	return w
}

func (w *memoryWorld) Open(node Node, opts core.Options) (core.Manager, error) {
	if w.wrong.node != nil {
		w.wrong.node(&node, &opts)
	}
	s := w.memory.Store(node.Namespace)
	w.mu.Lock()
	w.nodes[node.Name] = s
	w.mu.Unlock()
	cfg := ledger.Config{Name: "ledger", Store: s}
	if w.wrong.store != nil {
		cfg.Store = w.wrong.store(s)
	}
	if w.wrong.config != nil {
		w.wrong.config(&cfg)
	}
	engine := ledger.NewEngine(cfg)
	if w.wrong.engine != nil {
		engine = w.wrong.engine(engine)
	}
	m := core.NewManager(engine, opts)
	if w.wrong.manager != nil {
		m = w.wrong.manager(m)
	}
	return tweak{m, w.wrong.worker}, nil
}

func (w *memoryWorld) Cut(node string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[node].Cut(cut)
}

func (w *memoryWorld) Down(down bool) { w.memory.Down(down) }
func (w *memoryWorld) Lose()          { w.memory.Lose() }
func (w *memoryWorld) Close()         {}
