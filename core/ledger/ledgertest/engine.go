package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// lease is that of the engines, and period that of their worker.
const (
	lease  = 2 * time.Second
	period = 500 * time.Millisecond
)

// Engines on the store, whose leases are contended for, expire, are taken over, and
// fence off who had them before.
var engineCases = []kase{
	{"engine", "each-slot-runs-once", "of the instances that claim a slot at once one gets it, under a greater fence than any before", func(t *trial) {
		for range 3 {
			t.node(worker(func(context.Context, *run) error { return nil }), nil)
		}
		t.eventually("six slots have run", func() bool { return len(t.ran()) >= 6 })
		slots := map[string]bool{}
		var before uint64
		for _, r := range t.ran() {
			assert.False(t, slots[r.tick.ID()], "%s ran twice", r.tick.ID())
			slots[r.tick.ID()] = true
			assert.Greater(t, r.tick.Fence, before, "the fence of %s", r.tick.ID())
			before = r.tick.Fence
		}
	}},
	{"engine", "a-lease-holds-while-it-is-renewed-and-is-taken-over-when-it-expires", "a run is alone for as long as its instance is heard of; then its context ends, and another instance runs its tick again", func(t *trial) {
		long := worker(func(ctx context.Context, r *run) error {
			if r.tick.Redelivered {
				return nil
			}
			<-ctx.Done()
			r.lose(context.Cause(ctx))
			return ctx.Err()
		})
		t.node(long, nil)
		t.node(long, nil)
		t.eventually("a slot is run", func() bool { return len(t.ran()) > 0 })
		first := t.ran()[0]
		time.Sleep(2 * lease)
		require.Len(t, t.ran(), 1, "the runs, while the first is in progress")
		t.nodes[first.node].link.sever(false)
		t.eventually("its tick is run again", func() bool { return len(t.ran()) > 1 })
		second := t.ran()[1]
		lost, cause := first.lost()
		assert.Equal(t, first.tick.ID(), second.tick.ID())
		assert.True(t, second.tick.Redelivered, "the second is marked")
		assert.Greater(t, second.tick.Fence, first.tick.Fence, "the second's fence")
		require.ErrorIs(t, cause, core.ErrLeaseLost, "why the first's context has ended when the second begins")
		assert.True(t, lost.Before(second.began), "the first's context ended at %s, and the second began at %s", lost, second.began)
	}},
	{"engine", "a-trigger-outlives-the-instance-that-took-it", "a write of the control record that succeeded is seen by all instances: a trigger is run even if the instance that wrote it is cut off afterwards", func(t *trial) {
		release := make(chan struct{})
		w := worker(func(ctx context.Context, _ *run) error {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		w.Schedule = once(time.Now().Add(30 * time.Minute))
		t.node(w, nil)
		t.node(w, nil)
		trigger := func(node int) core.Tick {
			ctx, cancel := briefly()
			defer cancel()
			tick, err := t.nodes[node].m.Trigger(ctx, w.Name)
			require.NoError(t, err, "Trigger")
			return tick
		}
		trigger(0)
		t.eventually("the first trigger is run", func() bool { return len(t.ran()) == 1 })
		first := t.ran()[0]
		other := 1 - first.node
		second := trigger(other) // waits for the end of the first
		t.nodes[other].link.sever(false)
		close(release)
		t.eventually("the second trigger is run", func() bool { return len(t.ran()) == 2 })
		assert.Equal(t, second.Manual, t.ran()[1].tick.Manual, "the tick that the second Trigger returned")
		assert.Equal(t, first.node, t.ran()[1].node, "the instance that runs it")
	}},
	{"engine", "what-a-zombie-writes-late-does-not-count", "a write of an instance whose lease is another's by then does not happen, however late it comes", func(t *trial) {
		w := worker(func(_ context.Context, r *run) error {
			if !r.tick.Redelivered {
				t.nodes[r.node].link.sever(true) // its end is written, and comes late
			}
			return nil
		})
		w.Schedule = once(time.Now().Add(30 * time.Minute))
		t.node(w, nil)
		t.node(w, nil)
		require.NoError(t, errOf(t.nodes[0].m.Trigger(context.Background(), w.Name)))
		t.eventually("the tick is run again", func() bool { return len(t.ran()) > 1 })
		first, second := t.ran()[0], t.ran()[1]
		require.True(t, second.tick.Redelivered, "the second is marked")
		other := t.nodes[second.node]
		t.eventually("that is recorded", func() bool { return other.last().Fence == second.tick.Fence })
		late := t.nodes[first.node].link.heal()
		require.NotEmpty(t, late, "the answers to late writes")
		for _, err := range late {
			require.ErrorIs(t, err, ledger.ErrConflict, "the answer to a late write")
		}
		t.eventually("the first instance hears of it", func() bool { return t.nodes[first.node].last().Fence == second.tick.Fence })
		time.Sleep(lease)
		assert.Equal(t, second.tick.Fence, other.last().Fence, "the fence of the last run, after a late write under %d", first.tick.Fence)
		assert.Len(t, t.ran(), 2, "the runs")
	}},
	{"engine", "an-outcome-is-replayed", "a tick that is delivered once more, to whichever instance, is answered with what came of it, and not run again", func(t *trial) {
		for _, failure := range []error{nil, errors.New("no more paper")} {
			w := worker(func(context.Context, *run) error { return failure })
			w.Name = fmt.Sprintf("fails-%t", failure != nil)
			slot := time.Now().Add(lease / 4).Truncate(time.Millisecond) // a new ledger is quiet at first
			w.Schedule = once(slot)
			a, b := &hand{}, &hand{}
			t.node(w, a)
			t.node(w, b)
			before := len(t.ran())
			other := t.nodes[len(t.nodes)-1]
			for i, h := range []*hand{a, a, b} {
				if h == b { // before, to it the tick is in another's hands
					t.eventually("the other instance hears of the run", func() bool { return other.last().Slot.Equal(slot) })
				}
				ctx, cancel := context.WithTimeout(context.Background(), 2*lease)
				got, err := h.in.Deliver(ctx, core.Tick{Worker: w.Name, Slot: slot})
				cancel()
				require.NoError(t, err, "delivery %d", i+1)
				if failure == nil {
					require.Equal(t, core.Succeeded, got.Outcome, "the outcome by delivery %d", i+1)
					continue
				}
				require.Equal(t, core.Failed, got.Outcome, "the outcome by delivery %d", i+1)
				require.ErrorContains(t, got.Err, failure.Error(), "delivery %d", i+1)
			}
			assert.Len(t, t.ran()[before:], 1, "the runs of %s", w.Name)
		}
	}},
}

// worker is due every period.
func worker(f func(context.Context, *run) error) core.Worker {
	return core.Worker{Name: "w", Schedule: core.Every(period), Run: func(ctx context.Context) error {
		return f(ctx, ctx.Value(runKey{}).(*run))
	}}
}

// once is due at a time, and not again while a case lasts.
func once(at time.Time) core.Schedule {
	return core.Every(time.Hour).Offset(time.Duration(at.UnixNano() % int64(time.Hour)))
}

// A run is one that has begun.
type run struct {
	node  int
	tick  core.Tick
	began time.Time

	mu    sync.Mutex
	ended time.Time // its context
	cause error
}

type runKey struct{}

func (r *run) lose(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cause, r.ended = cause, time.Now()
}

func (r *run) lost() (at time.Time, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended, r.cause
}

// A node is an instance with an engine on the store.
type node struct {
	m    core.Manager
	link *link
}

// node starts an instance that has a worker.
func (t *trial) node(w core.Worker, d ledger.Dispatcher) {
	i := len(t.nodes)
	l := &link{Store: t.broker.Open()}
	var store ledger.Store = watchedLink{l}
	if _, watches := l.Store.(ledger.Watcher); !watches {
		store = l
	}
	record := func(ctx context.Context, next func(context.Context) error) error {
		tick, _ := core.TickFrom(ctx)
		r := &run{node: i, tick: tick, began: time.Now()}
		t.mu.Lock()
		t.runs = append(t.runs, r)
		t.mu.Unlock()
		return next(context.WithValue(ctx, runKey{}, r))
	}
	engine, err := ledger.NewEngine(ledger.Config{Name: "ledgertest", Store: store, Dispatcher: d, Lease: lease, Lateness: 1}) // all claim at once
	require.NoError(t, err, "NewEngine")
	n := &node{link: l, m: core.NewManager(engine, core.Options{
		Instance: fmt.Sprintf("node-%d", i+1), Logger: slog.New(slog.DiscardHandler), Middleware: []core.Middleware{record},
	})}
	t.nodes = append(t.nodes, n)
	ctx, cancel := briefly()
	defer cancel()
	require.NoError(t, n.m.Add(ctx, w), "Add")
	require.NoError(t, n.m.Start(ctx), "Start")
}

// ran returns the runs so far.
func (t *trial) ran() []*run {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.runs)
}

// last is the last run as an instance knows it.
func (n *node) last() (tick core.Tick) {
	if last := n.m.Workers()[0].Last; last != nil {
		tick = last.Tick
	}
	return tick
}

func (n *node) stop(t *trial) {
	n.link.heal()
	ctx, cancel := briefly()
	defer cancel()
	if err := n.m.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// A link is a store that can be cut off.
type link struct {
	ledger.Store

	mu      sync.Mutex
	cut     chan struct{} // closed when it is healed; nil where it is not cut
	late    bool          // what is written meanwhile arrives then
	arrive  sync.WaitGroup
	answers []error // to what was late
}

func (l *link) sever(late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.late = make(chan struct{}), late
}

// heal ends a cut. When it returns what was late has arrived, with these answers.
func (l *link) heal() (answers []error) {
	l.mu.Lock()
	if l.cut != nil {
		close(l.cut)
		l.cut = nil
	}
	l.mu.Unlock()
	l.arrive.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers
}

// pass waits while the store is cut off.
func (l *link) pass(ctx context.Context) error {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut == nil {
		return nil
	}
	select {
	case <-cut:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *link) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	if err := l.pass(ctx); err != nil {
		return nil, err
	}
	return l.Store.Load(ctx, workers)
}

func (l *link) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	l.mu.Lock()
	if cut := l.cut; cut != nil && l.late {
		l.arrive.Go(func() {
			<-cut
			ctx, cancel := briefly()
			defer cancel()
			_, err := l.Store.WriteLease(ctx, w) // nobody waits for the answer any more
			l.mu.Lock()
			defer l.mu.Unlock()
			l.answers = append(l.answers, err)
		})
	}
	l.mu.Unlock()
	if err := l.pass(ctx); err != nil {
		return ledger.State{}, err
	}
	return l.Store.WriteLease(ctx, w)
}

func (l *link) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if err := l.pass(ctx); err != nil {
		return ledger.State{}, err
	}
	return l.Store.WriteControl(ctx, w)
}

func (l *link) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	if err := l.pass(ctx); err != nil {
		return ledger.Pulse{}, err
	}
	return l.Store.Beat(ctx, instance, roster)
}

// A watchedLink is one of a store that watches.
type watchedLink struct{ *link }

func (l watchedLink) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	return l.Store.(ledger.Watcher).Watch(ctx, func(s ledger.State) {
		if l.pass(ctx) == nil {
			changed(s)
		}
	}, ready)
}

// A hand is a Dispatcher that delivers nothing by itself.
type hand struct{ in ledger.Inbox }

func (h *hand) Start(_ context.Context, _ core.Host, in ledger.Inbox) error { h.in = in; return nil }

func (h *hand) Dispatch(context.Context, core.Tick) error { return nil }
func (h *hand) Stop(context.Context) error                { return nil }

// errOf returns only the error of a call that also returns a tick.
func errOf(_ core.Tick, err error) error { return err }
