package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, limitCases) }

var limitCases = []kase{
	{rule: "ERR-7", name: "a-limit-is-kept-and-all-get-their-turn", run: func(t *trial) {
		crowd := &crowd{}
		slots := t.nextIn(t.period()/2, 10*t.period())
		var workers []core.Worker
		for i := range 10 {
			workers = append(workers, t.worker(fmt.Sprintf("w-%d", i), slots, func(context.Context) error {
				defer crowd.enter()()
				time.Sleep(t.period() / 10)
				return nil
			}))
		}
		m := t.running(core.Options{MaxConcurrent: 3}, workers...)
		t.eventually(3*t.period(), "all ten run", func() bool { return t.begun() == 10 && t.inProgress() == 0 })
		assert.Equal(t, 3, crowd.most(), "the most runs in progress at a time, of ten that were due at once")
		for _, w := range workers {
			s := t.awaitRuns(m, w.Name, 1)
			assert.Zero(t, s.Skips.Total(), "slots of %s that were skipped: it was to wait its turn", w.Name)
		}
	}},
	{rule: "ERR-7", name: "turns-are-in-the-order-of-being-due", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "c", "a", "b")
		for _, name := range []string{"c", "a", "b"} {
			s := t.status(m, name)
			assert.Equal(t, core.StateWaiting, s.State, "the state of %s, which waits its turn", name)
			assert.Zero(t, s.Runs, "runs of %s, which waits its turn", name)
		}
		g.open()
		t.eventually(t.period(), "all had their turn", func() bool { return t.begun() == 4 })
		order := []string{}
		t.mu.Lock()
		for _, r := range t.runs {
			order = append(order, r.worker)
		}
		t.mu.Unlock()
		assert.Equal(t, []string{"first", "c", "a", "b"}, order, "the order of turns; they were due in this order")
	}},
	{rule: "ERR-7", name: "a-turn-is-passed-on-however-a-run-ends", run: func(t *trial) {
		midway(t, t.period())
		workers := []core.Worker{t.worker("failing", core.Every(t.period()), fails)}
		for _, c := range crashes {
			workers = append(workers, t.worker(c.name, core.Every(t.period()), func(context.Context) error { c.do(); return nil }))
		}
		t.running(core.Options{MaxConcurrent: 1}, append(workers, t.worker("last", core.Every(t.period()), nil))...)
		for _, w := range workers {
			t.awaitCalls(w.Name, 3)
		}
		t.awaitCalls("last", 3)
	}},
	{rule: "ERR-7", name: "slots-that-fall-due-while-it-waits-are-skipped", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "w")
		t.sleep(20 * t.period())
		g.open()
		s := t.awaitRuns(m, "w", 1)
		t.sleep(t.soon())
		assert.Equal(t, 1, t.count("w"), "runs of a worker that waited its turn for two of its slots")
		assert.EqualValues(t, 2, s.Skips.Overlap, "slots skipped, with reason overlap")
	}, virtual: true},
	{rule: "ERR-7", name: "stop-while-some-wait-their-turn", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "a", "b")
		stop := t.stopping(m)
		t.sleep(t.period() / 10)
		require.False(t, stop.over(), "Stop waits for the run in progress")
		g.open()
		require.NoError(t, stop.within(t.soon()))
		assert.Equal(t, 1, t.begun(), "runs: those that waited their turn never begin")
		for _, name := range []string{"a", "b"} {
			assert.Zero(t, t.status(m, name).Runs, "runs of %s in the status", name)
		}
	}},
	{rule: "ERR-7", name: "a-stop-cut-short-while-some-wait-their-turn-names-who-ran", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "a", "b")
		report := t.cutShort(t.stoppingBy(m, t.period()/10), t.period()/10+t.soon())
		assert.Equal(t, []string{"first"}, report.CutOff, "the workers cut off: those that waited were not running")
		assert.Empty(t, report.Abandoned, "the workers that never returned")
		assert.Equal(t, 1, t.begun(), "runs")
	}},
	{rule: "ERR-7", name: "remove-of-one-that-waits-its-turn", needs: []core.Feature{core.FeatureRemove}, run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "a", "b", "c")
		remove := t.call("Remove", func() error { return m.Remove(context.Background(), "b") })
		require.NoError(t, remove.within(t.soon()), "there is no run to wait for")
		g.open()
		t.eventually(t.period(), "the others have their turn", func() bool { return t.count("a") == 1 && t.count("c") == 1 })
		assert.Zero(t, t.count("b"), "runs of the worker that was removed")
		t.eventually(12*t.period(), "turns go on", func() bool { return t.count("c") == 2 })
	}},
	{rule: "ERR-7", name: "remove-of-one-that-runs-passes-its-turn-on", needs: []core.Feature{core.FeatureRemove}, run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "a")
		remove := t.call("Remove", func() error { return m.Remove(context.Background(), "first") })
		g.open()
		require.NoError(t, remove.within(t.soon()))
		t.eventually(t.soon(), "the other has its turn", func() bool { return t.count("a") == 1 })
	}},
	{rule: "ERR-7", name: "a-long-running-worker-takes-no-turn", needs: []core.Feature{core.FeatureLongRunning}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		t.running(core.Options{MaxConcurrent: 1}, t.worker("long", nil, g.patient), t.worker("w", core.Every(t.period()), nil))
		g.await()
		t.awaitCalls("w", 2)
	}},
	{rule: "ERR-7", name: "the-limit-holds-when-runs-that-took-no-turn-have-ended", needs: []core.Feature{core.FeatureLongRunning, core.FeatureRemove}, run: func(t *trial) {
		crowd := &crowd{}
		g := t.gate("the first")
		defer g.open()
		m := t.limitedToOne(g, "a", "b")
		for _, name := range []string{"long-1", "long-2"} { // they end at once
			t.must(m.Add(context.Background(), t.worker(name, nil, nil)), "Add")
		}
		t.awaitRuns(m, "long-1", 1)
		t.awaitRuns(m, "long-2", 1)
		for _, name := range []string{"a", "b"} { // they wait their turn
			require.NoError(t, t.call("Remove", func() error { return m.Remove(context.Background(), name) }).within(t.soon()))
		}
		slots := t.nextIn(t.period(), 10*t.period())
		for i := range 4 {
			t.must(m.Add(context.Background(), t.worker(fmt.Sprintf("w-%d", i), slots, func(context.Context) error {
				defer crowd.enter()()
				time.Sleep(t.period() / 10)
				return nil
			})), "Add")
		}
		t.sleep(t.period() + t.period()/2)
		assert.Equal(t, 1, t.begun()-t.count("long-1")-t.count("long-2"), "runs, while the first has its turn")
		g.open()
		t.eventually(3*t.period(), "all four run", func() bool {
			return t.count("w-0")+t.count("w-1")+t.count("w-2")+t.count("w-3") == 4 && t.inProgress() == 0
		})
		assert.Equal(t, 1, crowd.most(), "the most runs in progress at a time")
	}},
	{rule: "ERR-7", name: "a-wait-between-attempts-keeps-its-turn", needs: retries, run: func(t *trial) {
		crowd := &crowd{}
		slots := t.nextIn(t.period()/2, 10*t.period())
		w := t.worker("failing", slots, func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt == 1 {
				crowd.enter() // and stays until the second attempt
			} else {
				crowd.leave()
			}
			return errBoom
		})
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period())}
		other := t.worker("other", slots, func(context.Context) error {
			defer crowd.enter()()
			return nil
		})
		m := t.running(core.Options{MaxConcurrent: 1}, w, other)
		t.eventually(4*t.period(), "both have run", func() bool {
			return t.status(m, "failing").Runs > 0 && t.status(m, "other").Runs > 0
		})
		assert.Equal(t, 1, crowd.most(), "the most runs in progress at a time")
	}},
}

// limitedToOne starts a manager with a limit of one, a worker "first" whose run
// is at the gate, and others, due one after the other, that wait their turn.
// They are due every ten periods.
func (t *trial) limitedToOne(g *gate, others ...string) core.Manager {
	slots := t.nextIn(t.period()/2, 10*t.period())
	step := t.period() / time.Duration(2*len(others))
	workers := []core.Worker{t.worker("first", slots, g.patient)}
	for i, name := range others {
		workers = append(workers, t.worker(name, t.nextIn(t.period()/2+time.Duration(i+1)*step, 10*t.period()), nil))
	}
	for i, j := 1, len(workers)-1; i < j; i, j = i+1, j-1 { // Add is in another order
		workers[i], workers[j] = workers[j], workers[i]
	}
	m := t.running(core.Options{MaxConcurrent: 1}, workers...)
	g.await()
	t.eventually(t.period(), "the others are due", func() bool {
		for _, name := range others {
			if t.status(m, name).State != core.StateWaiting {
				return false
			}
		}
		return true
	})
	return m
}

// A crowd counts who is inside.
type crowd struct {
	mu       sync.Mutex
	now, max int
}

// enter returns leave.
func (c *crowd) enter() (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.max = max(c.max, c.now)
	return c.leave
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func (c *crowd) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.max
}

// nextIn returns an interval whose next slot is d from now.
func (t *trial) nextIn(d, period time.Duration) core.Interval {
	next := time.Now().Add(d)
	return core.Every(period).Offset(next.Sub(floor(next, period)))
}

// rarely returns an interval that has no slot in this case's time.
func (t *trial) rarely() core.Interval { return t.nextIn(500*t.period(), 1000*t.period()) }
