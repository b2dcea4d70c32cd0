package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, deployCases) }

// limits is what a case needs whose nodes are at their limit.
var limits = []core.Feature{core.FeatureMaxConcurrent, core.FeatureTrigger}

// CLU-5: nodes that differ in their workers.
var deployCases = []kase{
	clustered("CLU-5", "a-worker-runs-where-it-exists", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		both, only := work("both", core.Every(p), nothing), work("only", core.Every(p), nothing)
		c.start("a", both)
		c.start("b", both, only)
		c.start("c", both)
		c.sleep(10 * p)
		for _, r := range c.runs("only") {
			require.Equal(c, "b", r.Node, "the node that runs the worker which b alone has")
		}
		c.rerouted(c.runs("only"), series(slot, p, 10), "the worker that one node has")
		c.punctual(c.runs("both"), series(slot, p, 10), "the worker that all have")
	}),

	clustered("CLU-5", "a-rolling-deploy-loses-and-fails-nothing", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		gone, stays, new := work("gone", core.Every(p), takes(p/4)), work("stays", core.Every(p), takes(p/4)), work("new", core.Every(p), takes(p/4))
		before := []*node{c.start("a1", gone, stays), c.start("b1", gone, stays), c.start("c1", gone, stays)}
		until(c.trial, slot.Add(2*p+p/8)) // in the middle of runs
		for i, old := range before {
			c.start([]string{"a2", "b2", "c2"}[i], stays, new)
			c.sleep(p)
			old.mustStop()
			c.sleep(p)
		}
		until(c.trial, slot.Add(12*p+p/2))
		c.punctual(c.runs("stays"), series(slot, p, 13), "the worker that stays")
		c.rerouted(c.runs("new"), series(slot.Add(3*p), p, 10), "the worker that is new")
		last := c.runs("gone")
		c.rerouted(last, series(slot, p, len(last)), "the worker that goes")
		assert.GreaterOrEqual(c, len(last), 7, "runs of the worker that goes, while a node has it")
		for _, w := range []string{"gone", "stays", "new"} {
			assert.Zero(c, c.seen().Skipped(w), "slots of %s that were skipped", w)
			for _, r := range c.runs(w) {
				assert.Empty(c, r.Err, "what %s on %s returned", r.Tick.ID(), r.Node)
				assert.False(c, r.Tick.Redelivered, "%s is marked as redelivered", r.Tick.ID())
			}
		}
	}),

	clustered("CLU-5", "nodes-that-are-starting-hold-up-no-tick", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.start("a", w)
		w.OnStart = func(context.Context) error {
			time.Sleep(4*p + p/2)
			return nil
		}
		later := make([]*node, 8)
		for i := range later {
			later[i] = c.open(numbered("later", i), site{}, w)
		}
		until(c.trial, slot.Add(p)) // when there is something to be taken
		var starts sync.WaitGroup
		for _, n := range later {
			starts.Go(func() { assert.NoError(c, n.start(), "Start %s", n.name) })
		}
		starts.Wait()
		until(c.trial, slot.Add(7*p+p/2))
		a.mustStop()
		c.sleep(2 * p)
		c.punctual(c.runs("w"), series(slot, p, 10), "others are starting for four and a half periods from the second on, and are alone at last")
	}),

	clustered("CLU-5", "a-node-at-its-limit-leaves-ticks-to-one-with-room", limits, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		full := site{options: core.Options{MaxConcurrent: 1}}
		w := work("w", core.Every(p), takes(time.Second))
		a := c.startAt("a", full, w, work("long", c.nextIn(p/8, 1000*p), hangs))
		c.startAt("b", full, w)
		c.await(p/4, "long", 1)
		c.sleep(10 * p)
		c.rerouted(c.runs("w"), series(slot, p, 10), "a run that takes hours is all that node a may run at a time")
		c.trigger(a.m, "w")
		runs := c.await(c.features.Reroute, "w", 11)
		for _, r := range runs {
			assert.Equal(c, "b", r.Node, "the node that runs %s: the other has no room", r.Tick.ID())
		}
	}),

	clustered("CLU-5", "ticks-that-are-due-at-once-go-where-there-is-room", limits, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		crowds := map[string]*crowd{}
		for _, name := range []string{"a", "b", "c"} {
			crowd := &crowd{}
			crowds[name] = crowd
			var workers []core.Worker
			for i := range 6 {
				workers = append(workers, work(numbered("w", i), core.Every(p), func(ctx context.Context) error {
					defer crowd.enter()()
					return takes(p / 2)(ctx)
				}))
			}
			c.startAt(name, site{options: core.Options{MaxConcurrent: 2}}, workers...)
		}
		c.sleep(3 * p)
		for i := range 6 {
			name := numbered("w", i)
			c.rerouted(c.runs(name), series(slot, p, 3), "six are due at once, on three nodes that may run two each, for half a period")
		}
		for name, crowd := range crowds {
			assert.Equal(c, 2, crowd.most(), "the most runs in progress at a time on %s", name)
		}
	}),

	clustered("CLU-5", "a-tick-that-no-node-has-room-for-waits-its-turn", limits, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		full := site{options: core.Options{MaxConcurrent: 1}}
		w := work("w", core.Every(p), nothing)
		for _, name := range []string{"a", "b"} {
			c.startAt(name, full, w, work("long-"+name, c.nextIn(p/8, 1000*p), takes(p)))
		}
		c.sleep(6 * p)
		runs := c.runs("w")
		c.begun(p*5/8+c.features.Reroute, runs, series(slot, p, 6), "the long run on either node ends five eighths of a period after the first slot")
	}),

	clustered("CLU-5", "a-trigger-reaches-the-one-other-node-that-has-the-worker", triggers, func(c *cluster) {
		// The node on which Trigger is called dies at once.
		midway(c.trial, c.period())
		w := work("w", c.rarely(), nothing)
		a := c.start("a", w)
		c.start("b")
		c.start("c", w)
		c.start("d")
		a.c.trigger(a.m, "w")
		c.await(c.promptly(), "w", 1)
	}),

	clustered("CLU-5", "a-run-of-a-dead-node-waits-for-one-that-has-the-worker", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(1, hangs, nothing))
		a := c.start("a", w)
		c.start("b")
		c.start("c")
		c.await(p, "w", 1)
		a.kill()
		c.sleep(3 * p)
		require.Len(c, c.runs("w"), 1, "runs while nobody has the worker")
		assert.Zero(c, c.seen().Skipped("w"), "slots skipped while nobody has the worker")
		d := c.start("d")
		d.add(w)
		again := c.await(c.failover()+c.features.Reroute, "w", 2)[1]
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
	}),

	clustered("CLU-5", "a-worker-added-to-a-running-node-is-run-there-too", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.start("a", w)
		b := c.start("b")
		c.sleep(2 * p)
		b.add(w)
		a.kill()
		c.sleep(3 * p)
		c.rerouted(c.runs("w"), series(slot, p, 5), "the node that had it first is dead")
	}),

	clustered("CLU-5", "a-worker-removed-on-one-node-runs-on-the-others", []core.Feature{core.FeatureRemove}, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), takes(time.Second)))
		for _, n := range nodes[:2] {
			c.sleep(2 * p)
			require.NoError(c, n.m.Remove(context.Background(), "w"))
		}
		c.sleep(2 * p)
		runs := c.runs("w")
		c.rerouted(runs, series(slot, p, 6), "it was removed on all nodes but c")
		assert.Equal(c, "c", runs[4].Node, "the node")
		assert.Equal(c, "c", runs[5].Node, "the node")
	}),
}
