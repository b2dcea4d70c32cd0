package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, clusterControlCases) }

// CTL-3, CTL-4, PER-6 and PER-10 across the instances.
var clusterControlCases = []kase{
	clustered("CTL-3", "in-a-cluster-it-runs-once", triggers, func(c *cluster) {
		midway(c.trial, c.brisk())
		nodes := c.three(work("w", c.rarely(), nothing))
		for n, from := range nodes {
			c.trigger(from.m, "w")
			c.await(c.promptly(), "w", n+1)
			c.sleep(c.brisk())
			assert.Len(c, c.runs("w"), n+1, "runs, of as many triggers, one from each node")
		}
	}),

	clustered("CTL-3", "in-a-cluster-while-one-waits-several-are-one", triggers, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		nodes := c.three(work("w", c.shortly(), takes(2*p)))
		c.await(c.period(), "w", 1)
		for range 3 {
			for _, n := range nodes {
				c.trigger(n.m, "w")
			}
		}
		c.sleep(6 * p)
		assert.Len(c, c.runs("w"), 2, "runs: of the slot, and of nine triggers on three nodes while it was run")
	}),

	clustered("CTL-3", "in-a-cluster-triggers-return-the-one-tick-that-waits", triggers, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		nodes := c.three(work("w", c.rarely(), takes(2*p)))
		first := c.trigger(nodes[0].m, "w")
		c.await(c.promptly(), "w", 1)
		second := c.trigger(nodes[1].m, "w")
		for _, n := range nodes {
			assert.Equal(c, second.ID(), c.trigger(n.m, "w").ID(), "the tick that Trigger returned on %s while another trigger was waiting", n.name)
		}
		c.sleep(6 * p)
		runs := c.runs("w")
		require.Len(c, runs, 2, "runs")
		assert.Equal(c, first.ID(), runs[0].Tick.ID(), "the tick of the first run, and what its Trigger returned")
		assert.Equal(c, second.ID(), runs[1].Tick.ID(), "the tick of the second run, and what its Triggers returned")
	}),

	clustered("CTL-3", "in-a-cluster-one-that-comes-in-a-triggered-run-is-another", triggers, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		nodes := c.three(work("w", c.rarely(), takes(2*p)))
		c.trigger(nodes[0].m, "w")
		c.await(c.promptly(), "w", 1)
		c.trigger(nodes[1].m, "w")
		c.trigger(nodes[2].m, "w")
		c.sleep(6 * p)
		assert.Len(c, c.runs("w"), 2, "runs")
	}),

	clustered("CTL-3", "from-a-node-that-dies-at-once", triggers, func(c *cluster) {
		midway(c.trial, c.period())
		nodes := c.three(work("w", c.rarely(), takes(time.Second)))
		c.trigger(nodes[0].m, "w")
		nodes[0].kill()
		c.eventually(c.failover()+c.slack(), "it is run by another, if the dead one did not end it", func() bool {
			for _, r := range c.runs("w") {
				if !r.End.IsZero() {
					return true
				}
			}
			return false
		})
	}),

	clustered("CTL-3", "in-a-cluster-it-is-beside-the-schedule", triggers, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), takes(time.Second)))
		for i := range 9 {
			c.trigger(nodes[i%3].m, "w")
			c.sleep(p)
		}
		require.Equal(c, stamps(series(slot, p, 9)), stamps(c.slots("w")), "the slots that were run, beside the triggers")
		assert.Len(c, c.runs("w"), 18, "runs, of nine slots and nine triggers")
		c.holds("OBS-2", "PER-3", "CLU-2")
	}),

	clustered("CTL-4", "a-pause-on-one-node-holds-on-all", pauses, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing), work("other", core.Every(p), nothing))
		c.sleep(2 * p)
		require.NoError(c, nodes[0].m.Pause(context.Background(), "w"))
		c.eventually(c.failover(), "all nodes show that it is paused", func() bool {
			for _, n := range nodes {
				if c.status(n.m, "w").State != core.StatePaused {
					return false
				}
			}
			return true
		})
		until(c.trial, slot.Add(6*p+p/2))
		assert.Len(c, c.runs("w"), 2, "runs")
		assert.Equal(c, core.Skips{Paused: 5}, c.seen().Skipped("w"), "slots skipped, on all nodes")
		require.NoError(c, nodes[2].m.Resume(context.Background(), "w"))
		c.sleep(3 * p)
		require.Equal(c, stamps(append(series(slot, p, 2), series(slot.Add(7*p), p, 3)...)), stamps(c.slots("w")), "the slots that were run: none is made up")
		for _, n := range nodes {
			assert.Equal(c, core.StateIdle, c.status(n.m, "w").State, "the state on %s", n.name)
		}
		assert.Len(c, c.runs("other"), 10, "runs of another worker")
		c.holds("OBS-2")
	}),

	clustered("OBS-1", "in-a-cluster-every-instance-shows-who-paused-a-worker-and-when", pauses, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		before := time.Now()
		require.NoError(c, nodes[1].m.Pause(context.Background(), "w"))
		after := time.Now()
		if c.features.Supports(core.FeatureTrigger) { // another write of another instance
			c.trigger(nodes[2].m, "w")
		}
		var first core.Pause
		for i, n := range nodes {
			c.eventually(c.failover(), n.name+" shows that it is paused", func() bool { return c.status(n.m, "w").Paused != nil })
			shown := *c.status(n.m, "w").Paused
			assert.Equal(c, nodes[1].name, shown.By, "who paused it, on %s", n.name)
			assert.False(c, shown.At.Before(before.Add(-time.Millisecond)) || shown.At.After(after), "when it was paused, on %s: %s, and Pause was called from %s to %s", n.name, shown.At, before, after)
			if i == 0 {
				first = shown
			}
			assert.True(c, first.At.Equal(shown.At), "when it was paused, on %s and on %s", nodes[0].name, n.name)
		}
		require.NoError(c, nodes[0].m.Resume(context.Background(), "w"))
		for _, n := range nodes {
			c.eventually(c.failover(), n.name+" shows that it is not paused any more", func() bool { return c.status(n.m, "w").Paused == nil })
		}
	}),

	clustered("CTL-4", "a-pause-holds-at-once", pauses, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		for n := range 6 { // Pause returns just before the slot
			until(c.trial, slot.Add(-c.slack()))
			require.NoError(c, nodes[n%3].m.Pause(context.Background(), "w"))
			until(c.trial, slot.Add(p/2))
			require.NoError(c, nodes[(n+1)%3].m.Resume(context.Background(), "w"))
			slot = slot.Add(p)
		}
		assert.Len(c, c.runs("w"), 0, "runs of a worker that is paused at each slot")
		assert.Equal(c, core.Skips{Paused: 6}, c.seen().Skipped("w"), "slots skipped, on all nodes")
	}),

	clustered("CTL-4", "a-pause-outlives-all-instances", pauses, func(c *cluster) {
		if !c.features.Memory {
			return
		}
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a, b := c.start("a", w), c.start("b", w)
		c.sleep(2 * p)
		require.NoError(c, a.m.Pause(context.Background(), "w"))
		a.mustStop()
		b.kill()
		c.sleep(5 * p)
		d := c.start("d", w)
		c.sleep(5 * p)
		assert.Len(c, c.runs("w"), 2, "runs")
		assert.Equal(c, core.StatePaused, c.status(d.m, "w").State, "the state on a node that came later")
		require.NoError(c, d.m.Resume(context.Background(), "w"))
		c.sleep(p)
		assert.Len(c, c.runs("w"), 3, "runs after Resume")
		assert.EqualValues(c, 10, c.seen().Skipped("w").Total(), "slots skipped")
	}),

	clustered("CTL-4", "a-pause-lets-a-run-elsewhere-go-on", pauses, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), takes(2*p+p/4)))
		until(c.trial, slot.Add(p/8))
		for _, n := range nodes {
			require.NoError(c, n.m.Pause(context.Background(), "w"))
		}
		until(c.trial, slot.Add(5*p+p/2))
		runs := c.runs("w")
		require.Len(c, runs, 1, "runs")
		assert.Zero(c, runs[0].Lost, "the end of its context")
		assert.Equal(c, core.Skips{Paused: 5}, c.seen().Skipped("w"), "slots skipped, on all nodes")
	}),

	clustered("CTL-4", "a-pause-holds-for-workers-that-each-instance-runs", []core.Feature{core.FeaturePause, core.FeaturePerInstance}, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		w := work("each", core.Every(p), nothing)
		w.Scope = core.PerInstance
		nodes := c.three(w)
		c.specs = nil // what each runs for itself no history judges
		c.sleep(2 * p)
		require.Len(c, c.runs("each"), 6, "runs, on each of three nodes")
		require.NoError(c, nodes[1].m.Pause(context.Background(), "each"))
		c.sleep(3 * p)
		assert.Len(c, c.runs("each"), 6, "runs")
		assert.Equal(c, core.Skips{Paused: 9}, c.seen().Skipped("each"), "slots skipped, on all nodes")
		require.NoError(c, nodes[2].m.Resume(context.Background(), "each"))
		c.sleep(p)
		assert.Len(c, c.runs("each"), 9, "runs after Resume")
	}),

	clustered("CTL-4", "a-pause-and-a-trigger-on-two-nodes-at-once", []core.Feature{core.FeaturePause, core.FeatureTrigger}, func(c *cluster) {
		midway(c.trial, c.period())
		nodes := c.three(work("w", c.rarely(), nothing))
		for n := range 10 {
			calls := []func() error{
				func() error { return nodes[0].m.Pause(context.Background(), "w") },
				func() error { return errOf(nodes[1].m.Trigger(context.Background(), "w")) },
				func() error { return nodes[2].m.Pause(context.Background(), "w") },
			}
			errs := make(chan error, len(calls))
			for _, call := range calls {
				go func() { errs <- call() }()
			}
			for range calls {
				require.NoError(c, <-errs)
			}
			c.await(c.promptly(), "w", n+1)
			c.sleep(c.failover())
			for _, n := range nodes {
				require.Equal(c, core.StatePaused, c.status(n.m, "w").State, "the state on %s", n.name)
			}
			require.Len(c, c.runs("w"), n+1, "runs")
			require.NoError(c, nodes[n%3].m.Resume(context.Background(), "w"))
		}
	}),

	clustered("PER-10", "in-a-cluster-the-delay-counts-from-the-last-run-wherever", []core.Feature{core.FeatureDelay}, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		began := time.Now()
		c.three(work("w", core.Delay(p), takes(p/3)))
		c.sleep(20 * p)
		runs := c.runs("w")
		require.Len(c, runs, 15, "runs in twenty periods, of one and a third each")
		c.delayed(runs, began, p)
	}),

	clustered("PER-10", "in-a-cluster-it-goes-on-when-the-node-that-ran-last-dies", []core.Feature{core.FeatureDelay}, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		began := time.Now()
		nodes := c.three(work("w", core.Delay(p), takes(p/3)))
		for n := range len(nodes) - 1 {
			runs := c.await(2*p, "w", n+1)
			c.sleep(p / 2)
			c.on(runs[n]).kill()
		}
		c.await(3*p, "w", 4)
		c.delayed(c.runs("w"), began, p)
	}),

	clustered("PER-10", "a-node-that-comes-later-does-not-begin-anew", []core.Feature{core.FeatureDelay}, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		began := time.Now()
		w := work("w", core.Delay(p), nothing)
		a := c.start("a", w)
		for i := range 4 {
			c.sleep(p * 2 / 3)
			c.start(numbered("later", i), w)
		}
		a.mustStop()
		c.sleep(3 * p)
		c.delayed(c.runs("w"), began, p)
		assert.Len(c, c.runs("w"), 5, "runs in five periods and two thirds")
	}),

	clustered("PER-10", "a-triggered-run-elsewhere-counts", []core.Feature{core.FeatureDelay, core.FeatureTrigger}, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Delay(p), nothing))
		for i := range 6 {
			c.sleep(p / 2)
			c.trigger(nodes[i%3].m, "w")
		}
		c.sleep(p / 2)
		assert.Len(c, c.runs("w"), 6, "runs: of the triggers, each half a period after the last")
		c.sleep(p)
		assert.Len(c, c.runs("w"), 7, "runs: of the triggers, and the one that is due a period after the last")
	}),
}

// delayed fails the case unless each run began a delay after the one before, and
// the first after the start.
func (c *cluster) delayed(runs []history.Run, began time.Time, d time.Duration) {
	for i, r := range runs {
		from := began
		if i > 0 {
			from = runs[i-1].End
		}
		if late := r.Begin.Sub(from) - d; late < 0 || late > c.features.Lateness {
			c.Errorf("run %d, on %s, began %s after the one before had ended, and the delay is %s", i+1, r.Node, r.Begin.Sub(from), d)
		}
	}
}
