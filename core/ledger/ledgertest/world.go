package ledgertest

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/faults"
)

// Conformance returns the backend with which conformance.Run tests engines over a store,
// alone and in a World. It calls broker for each manager that is alone and for each
// World, inside of the bubble of its case. Name names the backend and its engines.
func Conformance(name string, broker func() (WorldConfig, error)) conformance.Backend {
	world := func() (*World, error) {
		cfg, err := broker()
		if err != nil {
			return nil, err
		}
		cfg.Engine.Name = cmp.Or(cfg.Engine.Name, name)
		return NewWorld(cfg)
	}
	return conformance.Backend{
		Name: name,
		Open: func(opts core.Options) (core.Manager, error) {
			w, err := world()
			if err != nil {
				return nil, err
			}
			w.alone = true
			// Some cases last for days, and an instance beats ten times in a lease.
			w.cfg.Engine.Lease = max(w.cfg.Engine.Lease, time.Minute)
			return w.Open(conformance.Node{Name: "one"}, opts)
		},
		Cluster: func() (conformance.World, error) {
			w, err := world()
			if err != nil {
				return nil, err
			}
			return w, nil
		},
	}
}

// A WorldConfig is what a World is made of.
type WorldConfig struct {
	// Store returns a new store that is not open, on a namespace of the broker, as each
	// instance has one of its own. Required. The World calls it with the names of
	// namespaces: letters only, never empty.
	Store func(namespace string) ledger.Store

	// Lose has the broker lose the data of all namespaces, as Broker.Lose. Required.
	Lose func()

	// Down makes the broker unreachable for all, or reachable again. Nil is for the World
	// to do: then no operation of a store gets through.
	Down func(down bool)

	// Checkpoint returns a function that has the broker go back to its present data, as
	// one that has lost the last writes. Nil is for the World to do: it writes the old
	// records over those that are there then.
	Checkpoint func() (rewind func())

	// Dispatcher returns the Dispatcher of a node's instance. Nil is for engines without
	// one. If the Dispatcher has a method Cut(bool), the World calls it when it cuts the node
	// off or heals that. Lose and Down are for the queue, too.
	Dispatcher func(node conformance.Node, opts core.Options) ledger.Dispatcher

	// Close ends the broker. Nil is for one that needs no end. For a manager alone it is
	// called when the manager's store was closed, so not for one that never started.
	Close func()

	// Engine configures the engines. Its Store is the World's.
	Engine ledger.Config
}

// A World is a conformance.World over any store, in virtual time. Between each engine and
// its store it has a link that can be cut, lose answers, hold writes back, suspend the
// instance, and refuse to open. NewWorld makes one.
type World struct {
	cfg   WorldConfig
	net   faults.Net
	alone bool // it is closed with the store of its only node

	mu          sync.Mutex
	born        map[string]time.Time         // of the data that a namespace had first
	dispatchers map[string]ledger.Dispatcher // by node
}

var _ conformance.FaultyWorld = (*World)(nil)

// NewWorld returns a World without nodes. It fails if a field of cfg is missing that is
// required.
func NewWorld(cfg WorldConfig) (*World, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("ledgertest: WorldConfig.Store is nil: set the function that returns a store on a namespace")
	case cfg.Lose == nil:
		return nil, errors.New("ledgertest: WorldConfig.Lose is nil: set the function that has the broker lose its data")
	}
	cfg.Engine.Name = cmp.Or(cfg.Engine.Name, "ledger")
	return &World{cfg: cfg, born: map[string]time.Time{}, dispatchers: map[string]ledger.Dispatcher{}}, nil
}

// Open implements conformance.World.
func (w *World) Open(node conformance.Node, opts core.Options) (core.Manager, error) {
	namespace := cmp.Or(node.Namespace, own)
	link := w.net.Link(node.Name, w.cfg.Store(namespace))
	link.Pulse = func(p *ledger.Pulse) { w.age(namespace, p) }
	if w.alone {
		link.Closed = w.Close
	}
	cfg := w.cfg.Engine
	cfg.Store = link.Store()
	if w.cfg.Dispatcher != nil {
		cfg.Dispatcher = w.cfg.Dispatcher(node, opts)
		w.mu.Lock()
		w.dispatchers[node.Name] = cfg.Dispatcher
		w.mu.Unlock()
	}
	engine, err := ledger.NewEngine(cfg)
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}

// own is the namespace of a node that has none.
const own = "own"

// age makes the first data of a namespace a day old, so that nobody waits whether another
// knows of an earlier life of them: nothing is claimed from a new ledger. What comes after
// a loss is as new as it is.
func (w *World) age(namespace string, p *ledger.Pulse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, known := w.born[namespace]
	if !known {
		first = p.Born
		w.born[namespace] = first
	}
	if p.Born.Equal(first) {
		p.Born = p.Born.Add(-24 * time.Hour)
	}
}

// Cut implements conformance.World.
func (w *World) Cut(node string, cut bool) {
	w.net.Cut(node, cut)
	w.mu.Lock()
	d, ok := w.dispatchers[node].(interface{ Cut(cut bool) })
	w.mu.Unlock()
	if ok {
		d.Cut(cut)
	}
}

// Down implements conformance.World.
func (w *World) Down(down bool) {
	if w.cfg.Down != nil {
		w.cfg.Down(down)
		return
	}
	w.net.Down(down)
}

// Lose implements conformance.World.
func (w *World) Lose() { w.cfg.Lose() }

// Close implements conformance.World.
func (w *World) Close() {
	if w.cfg.Close != nil {
		w.cfg.Close()
	}
}

// Faults implements conformance.FaultyWorld.
func (w *World) Faults() conformance.Faults {
	open := func() ledger.Store { return w.cfg.Store(own) }
	checkpoint := w.cfg.Checkpoint
	if checkpoint == nil {
		checkpoint = func() (rewind func()) { return faults.Checkpoint(open, w.net.Workers()) }
	}
	return conformance.Faults{
		LoseAnswers: w.net.LoseAnswers,
		HoldWrites:  w.net.HoldWrites,
		Suspend:     w.net.Suspend,
		FailJoins:   w.net.FailJoins,
		Checkpoint:  checkpoint,
		Overwrite:   func(worker string, record []byte) (restore func()) { return faults.Overwrite(open, worker, record) },
	}
}
