package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// silent is a logger that is off.
var silent = slog.New(slog.DiscardHandler)

// lease is that of the tests' clusters.
const lease = 10 * time.Second

// A cluster is some managers on one broker, in virtual time, and a diary of what
// they ran.
type cluster struct {
	t      *testing.T
	broker *ledger.Memory
	kind   kind
	nodes  []*node

	mu   sync.Mutex
	runs []*ran
}

// A kind is how a cluster's instances learn of changes, and of ticks.
type kind struct {
	name     string
	polled   bool
	lateness time.Duration // of the engine: none has all instances claim at once
	post     *post         // carries the ticks, if there is one
	wrap     func(ledger.Store) ledger.Store
	leases   []time.Duration // of the nodes in their order, where they differ
}

var kinds = []kind{{name: "watched"}, {name: "polled", polled: true}}

// inCluster runs a test in a bubble for each kind of store.
func inCluster(t *testing.T, n int, f func(*cluster)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { inClusterOf(t, k, n, f) })
	}
}

func inClusterOf(t *testing.T, k kind, n int, f func(*cluster)) {
	synctest.Test(t, func(t *testing.T) {
		cl := &cluster{t: t, broker: ledger.NewMemory(), kind: k}
		for range n {
			cl.join(core.Options{})
		}
		defer func() {
			for _, n := range cl.nodes {
				n.stop()
			}
		}()
		f(cl)
	})
}

// newEngine is ledger.NewEngine of what it takes.
func newEngine(t *testing.T, cfg ledger.Config) core.ClusterEngine {
	t.Helper()
	engine, err := ledger.NewEngine(cfg)
	require.NoError(t, err)
	return engine
}

// A node is one instance.
type node struct {
	cl      *cluster
	name    string
	store   *ledger.MemoryStore
	m       core.Manager
	stopped bool
}

// join makes a node; start starts it.
func (cl *cluster) join(opts core.Options) *node {
	return cl.joinAs(fmt.Sprint("n", len(cl.nodes)+1), opts)
}

// joinAs makes a node of a name, which one that is cut off for ever may have had before.
func (cl *cluster) joinAs(name string, opts core.Options) *node {
	n := &node{cl: cl, name: name, store: cl.broker.Store("test")}
	opts.Instance = n.name
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	var store ledger.Store = n.store
	if cl.kind.polled {
		store = n.store.Polled()
	}
	if cl.kind.wrap != nil {
		store = cl.kind.wrap(store)
	}
	cfg := ledger.Config{Name: "ledger", Store: store, Lease: lease, Lateness: cl.kind.lateness}
	if i := len(cl.nodes); i < len(cl.kind.leases) {
		cfg.Lease = cl.kind.leases[i]
	}
	if cl.kind.post != nil {
		cfg.Dispatcher = &mailbox{post: cl.kind.post}
	}
	n.m = core.NewManager(newEngine(cl.t, cfg), opts)
	cl.nodes = append(cl.nodes, n)
	return n
}

// start starts nodes, all where none is given, and settles between two slots of
// whole seconds.
func (cl *cluster) start(nodes ...*node) {
	cl.t.Helper()
	if len(nodes) == 0 {
		nodes = cl.nodes
	}
	for _, n := range nodes {
		require.NoError(cl.t, n.m.Start(context.Background()))
	}
	cl.align(time.Second)
}

// align sleeps until half a second after a multiple of d.
func (cl *cluster) align(d time.Duration) {
	now := time.Now()
	time.Sleep(now.Truncate(d).Add(d + 500*time.Millisecond).Sub(now))
	synctest.Wait()
}

// add adds a worker to nodes, all where none is given.
func (cl *cluster) add(w core.Worker, nodes ...*node) {
	cl.t.Helper()
	if len(nodes) == 0 {
		nodes = cl.nodes
	}
	for _, n := range nodes {
		require.NoError(cl.t, n.m.Add(context.Background(), n.watched(w)))
	}
}

// stop stops the node, patiently.
func (n *node) stop() {
	if n.stopped {
		return
	}
	n.stopped = true
	n.store.Cut(false)
	require.NoError(n.cl.t, n.m.Stop(context.Background()), "Stop of %s", n.name)
}

// A ran is a run that has begun.
type ran struct {
	node, worker string
	tick         core.Tick
	began, ended time.Time // ended is zero while it goes on
	ctx          context.Context
	err          error
	cause        error // of its context, when it had ended
}

// watched has the diary kept of a worker's runs on a node.
func (n *node) watched(w core.Worker) core.Worker {
	run := w.Run
	w.Run = func(ctx context.Context) error {
		tick, _ := core.TickFrom(ctx)
		r := &ran{node: n.name, worker: w.Name, tick: tick, began: time.Now(), ctx: ctx}
		n.cl.mu.Lock()
		n.cl.runs = append(n.cl.runs, r)
		n.cl.mu.Unlock()
		var err error
		if run != nil {
			err = run(ctx)
		}
		n.cl.mu.Lock()
		defer n.cl.mu.Unlock()
		r.ended, r.err, r.cause = time.Now(), err, context.Cause(ctx)
		return err
	}
	return w
}

// of returns copies of the runs of a worker, in the order in which they began.
func (cl *cluster) of(worker string) (list []ran) {
	synctest.Wait()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for _, r := range cl.runs {
		if r.worker == worker {
			list = append(list, *r)
		}
	}
	return list
}

// holder returns the node on which a worker runs.
func (cl *cluster) holder(worker string) *node {
	cl.t.Helper()
	for _, r := range cl.of(worker) {
		if r.ended.IsZero() {
			for _, n := range cl.nodes {
				if n.name == r.node {
					return n
				}
			}
		}
	}
	require.Fail(cl.t, "nobody runs "+worker)
	return nil
}

// fencesRise wants each run of a worker to have a greater fence than that before.
func (cl *cluster) fencesRise(worker string) {
	cl.t.Helper()
	var last uint64
	for _, r := range cl.of(worker) {
		require.Greater(cl.t, r.tick.Fence, last, "the fence of %s on %s", r.tick, r.node)
		last = r.tick.Fence
	}
}

// oncePerSlot wants the runs of a worker to be those of all slots of a period,
// one each, from the first.
func (cl *cluster) oncePerSlot(worker string, period time.Duration, atLeast int) {
	cl.t.Helper()
	runs := cl.of(worker)
	require.GreaterOrEqual(cl.t, len(runs), atLeast, "the runs of %s", worker)
	for i, r := range runs[1:] {
		require.Equal(cl.t, runs[i].tick.Slot.Add(period), r.tick.Slot, "the slot after %s", runs[i].tick)
	}
}

// status is what a node says of a worker.
func (n *node) status(worker string) core.WorkerStatus {
	for _, w := range n.m.Workers() {
		if w.Name == worker {
			return w
		}
	}
	require.Fail(n.cl.t, n.name+" does not list "+worker)
	return core.WorkerStatus{}
}

// lasting is a function that runs for a time, or until its context ends.
func lasting(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell tells the runs of a tick.
func (cl *cluster) tell(tick core.Tick) (story string) {
	for _, r := range cl.of(tick.Worker) {
		if r.tick.ID() == tick.ID() {
			story += fmt.Sprintf("\n%s to %s on %s, fence %d, redelivered %v: %v", r.began.Format("15:04:05.000000"), r.ended.Format("15:04:05.000"), r.node, r.tick.Fence, r.tick.Redelivered, r.err)
		}
	}
	return story
}

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
