package conformance

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// memoryWorld is a world over a ledger in memory, with places to go wrong in.
type memoryWorld struct {
	memory *ledger.Memory
	wrong  wrongWorld
	polled bool
	// mumbled is told of each answer that a mumbling store has swallowed.
	mumbled func(history.Event)

	starting atomic.Int64 // the nodes that are, for who counts them

	mu     sync.Mutex
	nodes  map[string]*ledger.MemoryStore
	jobs   []*core.Job
	fences map[uint64]uint64
	names  map[string]bool // of the workers
}

// wrongWorld is what is wrong with it. A nil function is the right way; one of the
// store's has a store that only reads.
type wrongWorld struct {
	// node changes where a node is opened, and with which options.
	node func(*Node, *core.Options)
	// config changes an engine's, engine the engine.
	config func(Node, *ledger.Config)
	engine func(*memoryWorld, core.ClusterEngine) core.ClusterEngine
	// worker changes a worker as it is added, runs how it is run.
	worker func(*core.Worker)
	runs   func(*memoryWorld, context.Context, func(context.Context) error) error

	// lease changes a lease that is to be written in the place of another, read
	// one that was read, beat what the broker says of itself.
	lease func(l *liar, before, next *ledger.Lease) verdictOnWrite
	read  func(l *liar, lease *ledger.Lease)
	beat  func(*liar, *ledger.Pulse)
	// leave is called when an instance leaves, failed when an operation fails.
	leave  func(*liar)
	failed func(*liar)
}

func (w *wrongWorld) lies() bool {
	return w.lease != nil || w.read != nil || w.beat != nil || w.leave != nil || w.failed != nil
}

func newMemoryWorld(polled bool, wrong wrongWorld) *memoryWorld {
	return &memoryWorld{
		memory: ledger.NewMemory(), wrong: wrong, polled: polled,
		nodes: map[string]*ledger.MemoryStore{}, fences: map[uint64]uint64{}, names: map[string]bool{},
	}
}

func (w *memoryWorld) Open(node Node, opts core.Options) (core.Manager, error) {
	name := node.Name
	if w.wrong.node != nil {
		w.wrong.node(&node, &opts)
	}
	s := w.memory.Store(node.Namespace)
	w.mu.Lock()
	w.nodes[name] = s
	w.mu.Unlock()
	cfg := ledger.Config{Name: "ledger", Store: s}
	switch {
	case w.wrong.lies():
		cfg.Store = &liar{Store: s.Polled(), world: w, instance: opts.Instance, now: opts.Now, opened: time.Now(), closed: make(chan struct{})}
	case w.polled:
		cfg.Store = s.Polled()
	}
	if w.wrong.config != nil {
		w.wrong.config(node, &cfg)
	}
	engine, err := ledger.NewEngine(cfg)
	if err != nil {
		return nil, err
	}
	if w.wrong.engine != nil {
		engine = w.wrong.engine(w, engine)
	}
	return tweak{core.NewManager(engine, opts), w.add}, nil
}

func (w *memoryWorld) add(worker *core.Worker) {
	w.mu.Lock()
	w.names[worker.Name] = true
	w.mu.Unlock()
	if w.wrong.worker != nil {
		w.wrong.worker(worker)
	}
	if run := worker.Run; w.wrong.runs != nil {
		worker.Run = func(ctx context.Context) error { return w.wrong.runs(w, ctx, run) }
	}
}

func (w *memoryWorld) Cut(node string, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[node].Cut(cut)
}

func (w *memoryWorld) Down(down bool) { w.memory.Down(down) }

func (w *memoryWorld) Lose() {
	w.memory.Lose()
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.fences)
}

func (w *memoryWorld) Close() {}

// count numbers the fences since the data were lost.
func (w *memoryWorld) count(fence uint64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fences[fence] == 0 {
		w.fences[fence] = uint64(len(w.fences)) + 1
	}
	return w.fences[fence]
}

// A liar is a store that does not do what it says.
type liar struct {
	ledger.Store
	world    *memoryWorld
	instance string
	now      func() time.Time
	opened   time.Time
	closed   chan struct{}
}

type verdictOnWrite uint8

const (
	written   verdictOnWrite = iota
	pretended                // it is not written, and said to be
	rejected                 // it is said to be at another revision
)

// all calls f for each worker's lease, and writes it if f has changed it.
func (l *liar) all(f func(name string, lease *ledger.Lease) (changed bool)) {
	l.world.mu.Lock()
	var names []string
	for name := range l.world.names {
		names = append(names, name)
	}
	l.world.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	states, _ := l.Store.Load(ctx, names)
	for _, s := range states {
		lease := leaseOf(s.Lease.Value)
		if s.Lease.Rev != 0 && f(s.Worker, &lease) {
			_, _ = l.Store.WriteLease(ctx, ledger.Write{Worker: s.Worker, Value: valueOf(lease), Rev: s.Lease.Rev})
		}
	}
}

// record writes a run that has succeeded into its worker's record.
func (w *memoryWorld) record(tick core.Tick) {
	s := w.memory.Store("")
	ctx := context.Background()
	states, _ := s.Load(ctx, []string{tick.Worker})
	lease := leaseOf(states[0].Lease.Value)
	lease.Last = &ledger.Run{Slot: tick.Slot, Fence: tick.Fence, Started: tick.Slot, Attempts: 1, Outcome: core.Succeeded.String(), Instance: "late"}
	_, _ = s.WriteLease(ctx, ledger.Write{Worker: tick.Worker, Value: valueOf(lease), Rev: states[0].Lease.Rev})
}

func leaseOf(value []byte) (lease ledger.Lease) {
	if len(value) > 0 {
		if err := json.Unmarshal(value, &lease); err != nil {
			panic(err)
		}
	}
	return lease
}

func valueOf(lease ledger.Lease) []byte {
	value, err := json.Marshal(lease)
	if err != nil {
		panic(err)
	}
	return value
}

func (l *liar) told(s ledger.State, err error) (ledger.State, error) {
	if err != nil && l.world.wrong.failed != nil && s.Worker == "" {
		l.world.wrong.failed(l)
	}
	if l.world.wrong.read != nil && s.Lease.Rev != 0 {
		lease := leaseOf(s.Lease.Value)
		l.world.wrong.read(l, &lease)
		s.Lease.Value = valueOf(lease)
	}
	return s, err
}

func (l *liar) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	states, err := l.Store.Load(ctx, workers)
	if err != nil {
		_, _ = l.told(ledger.State{}, err)
	}
	for i := range states {
		states[i], _ = l.told(states[i], nil)
	}
	return states, err
}

func (l *liar) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if l.world.wrong.lease != nil {
		states, err := l.Store.Load(ctx, []string{w.Worker})
		if err != nil {
			return l.told(ledger.State{}, err)
		}
		before, next := leaseOf(states[0].Lease.Value), leaseOf(w.Value)
		switch l.world.wrong.lease(l, &before, &next) {
		case pretended:
			return l.told(states[0], nil)
		case rejected:
			return l.told(states[0], ledger.ErrConflict)
		}
		w.Value = valueOf(next)
	}
	return l.told(l.Store.WriteLease(ctx, w))
}

func (l *liar) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	p, err := l.Store.Beat(ctx, instance, roster)
	if err == nil && l.world.wrong.beat != nil {
		l.world.wrong.beat(l, &p)
	}
	if err != nil && l.world.wrong.failed != nil {
		l.world.wrong.failed(l)
	}
	return p, err
}

func (l *liar) Leave(ctx context.Context, instance string) error {
	if l.world.wrong.leave != nil {
		l.world.wrong.leave(l)
	}
	return l.Store.Leave(ctx, instance)
}

func (l *liar) Close(ctx context.Context) error {
	close(l.closed)
	return l.Store.Close(ctx)
}
