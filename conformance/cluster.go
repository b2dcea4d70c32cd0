package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A cluster is a case's world with its nodes, and the recorder outside of them.
type cluster struct {
	*trial
	world World
	// faults are those of a FaultyWorld; another has none.
	faults Faults
	rec    *history.Recorder

	mu    sync.Mutex
	nodes []*node
	rough bool          // a node was cut off
	specs []core.Worker // of each worker, as it was first added
}

// A node is a manager in the world.
type node struct {
	c     *cluster
	name  string
	m     core.Manager
	watch *history.Node
	// prefix is that of the namespace before its workers' names in the history.
	prefix string
	clock  *wallClock // the trial's, and set apart further
	over   func()     // ends a fault that lasts; nil if there is none
}

// clustered makes a case of what is tried in a world. What the history says of
// the case's rule is judged at its end.
func clustered(rule, name string, needs []core.Feature, run func(*cluster)) kase {
	return kase{rule: rule, name: name, needs: needs, cluster: true, virtual: true, run: func(t *trial) {
		c := &cluster{trial: t, rec: history.NewRecorder()}
		world, err := t.backend.Cluster()
		t.must(err, "make a world")
		c.world = world
		if w, ok := world.(FaultyWorld); ok {
			c.faults = w.Faults()
		}
		t.cleanup(func() {
			world.Close()
			if c.rough { // what a dead process leaves behind may take its time to find out
				time.Sleep(10 * c.failover())
			}
		})
		probe, err := world.Open(Node{Name: "probe"}, quiet(core.Options{Now: time.Now}))
		t.must(err, "open a manager")
		t.features = probe.Features() // the world's, which may differ from the backend's
		run(c)
		c.holds(rule)
	}}
}

// site says how a node differs from others.
type site struct {
	namespace string
	ahead     time.Duration // its clock
	options   core.Options
}

// start brings a node up with workers.
func (c *cluster) start(name string, workers ...core.Worker) *node {
	return c.startAt(name, site{}, workers...)
}

func (c *cluster) startAt(name string, at site, workers ...core.Worker) *node {
	n := c.open(name, at, workers...)
	c.must(n.start(), "Start "+name)
	return n
}

// open makes a node with workers, not started.
func (c *cluster) open(name string, at site, workers ...core.Worker) *node {
	prefix := ""
	if at.namespace != "" {
		prefix = at.namespace + "/"
	}
	n := &node{c: c, name: name, prefix: prefix}
	n.clock = &wallClock{offset: at.ahead, note: func(by time.Duration, to time.Time) { c.noteClock(name, by, to) }}
	n.watch = history.NewNode(name, func(e history.Event) {
		if e.Worker != "" {
			e.Worker = prefix + e.Worker
		}
		c.hear(e)
	})
	opts := at.options
	if opts.Instance == "" {
		opts.Instance = name
	}
	opts.Now = n.clock.Now
	opts.Observers = append(slices.Clone(opts.Observers), n.watch.Observe)
	m, err := c.world.Open(Node{Name: name, Namespace: at.namespace}, quiet(opts))
	c.must(err, "Open "+name)
	n.m = m
	c.mu.Lock()
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	c.cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.failover())
		defer cancel()
		_ = m.Stop(ctx)
	})
	for _, w := range workers {
		n.add(w)
	}
	return n
}

func (n *node) start() error {
	err := n.m.Start(context.Background())
	if err == nil {
		n.watch.Suffer(history.Started)
	}
	return err
}

// add adds a worker.
func (n *node) add(w core.Worker) {
	c := n.c
	spec := w
	spec.Name = n.prefix + w.Name
	c.mu.Lock()
	if !slices.ContainsFunc(c.specs, func(s core.Worker) bool { return s.Name == spec.Name }) {
		c.specs = append(c.specs, spec)
	}
	c.mu.Unlock()
	c.must(n.m.Add(context.Background(), n.watch.Worker(w)), "Add "+w.Name+" on "+n.name)
}

// kill ends a node without a word: it is cut off for ever, and what its functions do
// from now on is not seen. That it is stopped then is not seen either, but by its own
// observers and hooks: it would go on trying to reach the broker.
func (n *node) kill() {
	n.c.rough = true
	n.c.world.Cut(n.name, true)
	n.watch.Suffer(history.Killed)
	n.c.apart("the end of "+n.name, func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = n.m.Stop(ctx)
	})
}

// cut cuts the node off from the broker.
func (n *node) cut() {
	n.c.rough = true
	n.c.world.Cut(n.name, true)
	n.watch.Suffer(history.Cut)
}

func (n *node) heal() {
	n.watch.Suffer(history.Healed)
	n.c.world.Cut(n.name, false)
}

// stop stops the node within a time.
func (n *node) stop(within time.Duration) error {
	n.watch.Suffer(history.Stopping)
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return n.m.Stop(ctx)
}

// mustStop stops the node, which nothing keeps from it.
func (n *node) mustStop() { n.c.must(n.stop(n.c.failover()), "Stop "+n.name) }

func (c *cluster) down() {
	c.rough = true
	c.world.Down(true)
	c.rec.Happened(history.BrokerDown)
	c.note("the broker is down")
}

func (c *cluster) up() {
	c.rec.Happened(history.BrokerUp)
	c.note("the broker is back")
	c.world.Down(false)
}

func (c *cluster) lose() {
	c.rec.Happened(history.BrokerLost)
	c.note("the broker has lost its data")
	c.world.Lose()
}

// hear takes an event of a node, into the story too.
func (c *cluster) hear(e history.Event) {
	c.rec.Take(e)
	c.tell(e)
}

// tell notes an event of a node in the story.
func (t *trial) tell(e history.Event) {
	id := core.Tick{Worker: e.Worker, Slot: e.Slot, Manual: e.Manual}.ID()
	switch e.Kind {
	case history.Began:
		again := ""
		if e.Redelivered {
			again = ", redelivered"
		}
		t.noteOf(e.Worker, "%s: %s begins, fence %d%s", e.Node, id, e.Fence, again)
	case history.Lost:
		t.noteOf(e.Worker, "%s: the context of %s ends: %s", e.Node, id, e.Err)
	case history.Returned:
		t.noteOf(e.Worker, "%s: %s returns %s", e.Node, id, e.Err)
	case history.Disowned:
		t.noteOf(e.Worker, "%s: the result of %s is not recorded", e.Node, id)
	case history.Skipped:
		t.noteOf(e.Worker, "%s: %d skipped, %s, at %s", e.Node, e.Count, e.Reason, id)
	case history.Broker:
		t.noteOf(e.Worker, "%s: broker: %s", e.Node, strings.ReplaceAll(e.Err, "\n", "; "))
	default:
		t.noteOf(e.Worker, "%s: %s", e.Node, e.Kind)
	}
}

// period is the base of the case's schedules: long beside the failover time.
func (c *cluster) period() time.Duration {
	return roundUp(max(4*(c.failover()+c.slack()), c.features.MinPeriod, 30*time.Second), 5*time.Second)
}

// lively is that of a case in which no node fails, but which waits for what may take a
// failover time: that fits between a slot, with a run of a second, and the middle to
// the next, and between the middle and the next.
func (c *cluster) lively() time.Duration {
	return roundUp(max(2*(c.failover()+c.slack()+time.Second), c.brisk()), 5*time.Second)
}

// brisk is that of a case in which no node fails: it is long beside all that goes on
// between nodes which live, and no longer, since what they do for their leases in the
// meantime is most of what such a case would cost.
func (c *cluster) brisk() time.Duration {
	return roundUp(max(c.failover(), 2*(c.promptly()+time.Second), c.features.MinPeriod, 10*time.Second), time.Second)
}

func roundUp(d, step time.Duration) time.Duration { return (d + step - 1).Truncate(step) }

// shortly returns an interval with a slot half a period from now, and none after
// that in the case's time.
func (c *cluster) shortly() core.Interval { return c.nextIn(c.period()/2, 1000*c.period()) }

// failover is the engine's declared figure.
func (c *cluster) failover() time.Duration { return c.features.Failover }

// history returns what happened so far, to the present.
func (c *cluster) seen() *history.History {
	h := c.rec.History()
	h.Until = time.Now()
	return h
}

// runs returns the runs of a worker so far.
func (c *cluster) runs(worker string) []history.Run { return c.seen().Of(worker) }

// holds judges the history by some rules.
func (c *cluster) holds(rules ...string) {
	h := c.seen()
	c.judge(h.Check(history.Promise{Workers: c.specs, Failover: c.failover(), Lateness: c.slack()}), rules...)
}

// await waits until a worker has begun n runs in all, and returns them.
func (c *cluster) await(within time.Duration, worker string, n int) []history.Run {
	c.eventually(within, fmt.Sprintf("%s has begun %d runs", worker, n), func() bool { return len(c.runs(worker)) >= n })
	return c.runs(worker)
}

// on returns the node of a run that was seen.
func (c *cluster) on(r history.Run) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.name == r.Node {
			return n
		}
	}
	panic("no node " + r.Node)
}

// slots returns the slots that a worker's runs were of.
func (c *cluster) slots(worker string) []time.Time {
	var list []time.Time
	for _, r := range c.runs(worker) {
		if r.Tick.Manual == "" {
			list = append(list, r.Tick.Slot)
		}
	}
	return list
}

// punctual fails the case unless the runs from some number on are of these slots,
// each begun in time.
func (c *cluster) punctual(runs []history.Run, slots []time.Time, promise string) {
	c.begun(c.features.Lateness, runs, slots, promise)
}

// rerouted is punctual for a worker that some nodes do not have.
func (c *cluster) rerouted(runs []history.Run, slots []time.Time, promise string) {
	c.begun(c.features.Lateness+c.features.Reroute, runs, slots, promise)
}

func (c *cluster) begun(within time.Duration, runs []history.Run, slots []time.Time, promise string) {
	var got []time.Time
	for _, r := range runs {
		got = append(got, r.Tick.Slot)
		if late := r.Begin.Sub(r.Tick.Slot); late > within {
			c.Errorf("%s began %s after its slot, on %s: %s", r.Tick.ID(), late, r.Node, promise)
		}
	}
	require.Equal(c, stamps(slots), stamps(got), "the slots that were run: %s", promise)
}

// takes is a worker's function that takes a time, and gives up when its context
// ends.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// nothing is a worker's function that takes no time.
func nothing(context.Context) error { return nil }

// hangs is a worker's function that goes on until its context ends.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// hangsOnce is a worker's function that goes on until its context ends, but for
// what is run again.
func hangsOnce(ctx context.Context) error {
	if tick, _ := core.TickFrom(ctx); tick.Redelivered {
		return nil
	}
	return hangs(ctx)
}

// ignores is a worker's function that takes a time, whatever its context.
func ignores(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

// at first, and after that: a function that differs from call to call.
func firstly(n int, first, then func(context.Context) error) func(context.Context) error {
	var calls atomic.Int64
	return func(ctx context.Context) error {
		if calls.Add(1) <= int64(n) {
			return first(ctx)
		}
		return then(ctx)
	}
}

// work is a worker of a schedule with a function.
func work(name string, s core.Schedule, run func(context.Context) error) core.Worker {
	return core.Worker{Name: name, Schedule: s, Run: run}
}
