package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, clusterStatusCases) }

// OBS-1 and OBS-2 across the instances.
var clusterStatusCases = []kase{
	clustered("OBS-1", "the-last-run-wherever-it-ran", nil, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		fails := errors.New("the disk is full")
		nodes := c.three(work("w", core.Every(p), takes(time.Second)), work("fails", core.Every(p), func(context.Context) error { return fails }))
		nodes = append(nodes, c.startAt("watches", site{ahead: 0}, work("w", core.Every(p), takes(time.Second)), work("fails", core.Every(p), func(context.Context) error { return fails })))
		for range 4 {
			c.sleep(p)
			for _, w := range []string{"w", "fails"} {
				runs := c.runs(w)
				last := runs[len(runs)-1]
				for _, n := range nodes {
					l := c.status(n.m, w).Last
					require.NotNil(c, l, "the last run of %s that %s knows of", w, n.name)
					assert.Equal(c, last.Tick.ID(), l.Tick.ID(), "the tick, on %s", n.name)
					assert.Equal(c, last.Node, l.Instance, "the instance, on %s", n.name)
					assert.Equal(c, last.Tick.Fence, l.Tick.Fence, "the fencing token, on %s", n.name)
					assert.WithinDuration(c, last.Begin, l.Start, c.slack(), "the start, on %s", n.name)
					assert.Equal(c, 1, l.Attempts(), "the attempts, on %s", n.name)
					if w == "w" {
						assert.Equal(c, core.Succeeded, l.Outcome, "the outcome, on %s", n.name)
						assert.NoError(c, l.Err, "the error, on %s", n.name)
						assert.InDelta(c, time.Second, l.Duration, float64(c.slack()), "the duration, on %s", n.name)
					} else {
						assert.Equal(c, core.Failed, l.Outcome, "the outcome, on %s", n.name)
						assert.ErrorContains(c, l.Err, fails.Error(), "the error, on %s", n.name)
					}
				}
			}
		}
	}),

	clustered("OBS-1", "what-another-ran-shows-within-the-failover-time", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		until(c.trial, slot.Add(c.failover()+c.slack()))
		for _, n := range nodes {
			l := c.status(n.m, "w").Last
			require.NotNil(c, l, "the last run that %s knows of", n.name)
			assert.Equal(c, slot, l.Tick.Slot, "its slot")
		}
	}),

	clustered("OBS-1", "a-node-that-comes-later-knows-the-last-run", nil, func(c *cluster) {
		if !c.features.Memory {
			return
		}
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.start("a", w)
		c.sleep(2 * p)
		a.mustStop()
		b := c.start("b", w)
		c.sleep(c.promptly())
		l := c.status(b.m, "w").Last
		require.NotNil(c, l, "the last run")
		assert.Equal(c, slot.Add(p), l.Tick.Slot, "its slot")
		assert.Equal(c, "a", l.Instance, "its instance")
		assert.Zero(c, c.status(b.m, "w").Runs, "runs that ended there")
	}),

	clustered("OBS-1", "a-node-that-comes-back-under-its-name-knows-the-last-run", nil, func(c *cluster) {
		if !c.features.Memory {
			return
		}
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.startAt("a", site{options: core.Options{Instance: "one"}}, w)
		c.sleep(2 * p)
		a.mustStop()
		b := c.startAt("b", site{options: core.Options{Instance: "one"}}, w)
		c.sleep(c.promptly())
		l := c.status(b.m, "w").Last
		require.NotNil(c, l, "the last run")
		assert.Equal(c, slot.Add(p), l.Tick.Slot, "its slot")
		assert.Zero(c, c.status(b.m, "w").Runs, "runs that ended there")
	}),

	clustered("OBS-1", "a-delay-has-no-next-slot-while-it-runs-anywhere", []core.Feature{core.FeatureDelay}, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Delay(p/4), takes(p)))
		c.await(p, "w", 1)
		c.sleep(p / 2) // long enough for all to have heard of it
		for _, n := range nodes {
			assert.Zero(c, c.status(n.m, "w").Next, "the next slot while it runs, on %s", n.name)
		}
	}),

	clustered("OBS-1", "runs-are-counted-where-they-ended", nil, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		c.sleep(20 * p)
		var sum uint64
		for _, n := range nodes {
			runs := c.status(n.m, "w").Runs
			var here uint64
			for _, r := range c.runs("w") {
				if r.Node == n.name {
					here++
				}
			}
			assert.Equal(c, here, runs, "runs on %s", n.name)
			sum += runs
		}
		assert.EqualValues(c, 20, sum, "runs on all nodes")
	}),

	clustered("OBS-1", "the-next-slot-is-the-same-on-all", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing), work("delay", core.Delay(p), nothing))
		for range 5 {
			slot := midway(c.trial, p)
			for _, n := range nodes {
				assert.Equal(c, slot, c.status(n.m, "w").Next, "the next slot, on %s", n.name)
			}
			runs := c.runs("delay")
			if len(runs) == 0 {
				continue
			}
			for _, n := range nodes {
				assert.WithinDuration(c, runs[len(runs)-1].End.Add(p), c.status(n.m, "delay").Next, c.slack(), "the next slot of the delay, on %s", n.name)
			}
		}
	}),

	clustered("OBS-2", "in-a-cluster-an-overlap-is-counted-once", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(4*p+p/4)))
		until(c.trial, slot.Add(24*p+p/2))
		assert.Len(c, c.runs("w"), 5, "runs in twenty-five periods, of four and a quarter each")
		assert.Equal(c, core.Skips{Overlap: 20}, c.seen().Skipped("w"), "slots skipped, on all nodes")
	}),

	clustered("OBS-2", "in-a-cluster-slots-that-overlap-with-a-crashed-run", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), firstly(1, hangs, takes(2*p+p/2))))
		first := c.await(2*p, "w", 1)[0]
		c.sleep(c.failover() * 2 / 3)
		c.on(first).kill()
		c.sleep(4 * c.failover())
	}),

	clustered("OBS-2", "in-a-cluster-slots-that-overlap-with-a-run-that-was-handed-back", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), firstly(1, hangs, takes(2*p+p/2))))
		first := c.await(2*p, "w", 1)[0]
		c.sleep(c.failover()/2 + p/2)
		_ = c.on(first).stop(0)
		c.sleep(4 * c.failover())
	}),

	clustered("OBS-2", "in-a-cluster-slots-that-pass-while-the-last-two-stop", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		w := work("w", core.Every(p), takes(8*p+p/2))
		one, two := c.start("one", w), c.start("two", w)
		first := c.await(2*p, "w", 1)[0]
		c.sleep(2*p + p/4)
		last := one
		if c.on(first) == one {
			last = two
		}
		c.on(first).mustStop() // when the run has ended, six slots later
		c.sleep(p / 100)
		last.mustStop()
		c.holds("OBS-2")
		h := c.seen()
		for _, r := range h.Of("w") { // PER-5
			for _, before := range h.Of("w") {
				assert.False(c, before.Begin.Before(r.Tick.Slot) && before.End.After(r.Tick.Slot), "%s was run, and was due while %s was", r.Tick.ID(), before.Tick.ID())
			}
		}
		// What passes while nobody is left to say so, the records tell the next.
		c.sleep(10*p + p/4)
		c.start("three", w)
		c.sleep(2 * c.failover())
	}),

	clustered("OBS-2", "in-a-cluster-slots-that-pass-while-a-run-ignores-that-its-lease-is-lost", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), firstly(1, ignores(4*c.failover()), nothing)))
		c.sleep(p + p/2)
		lone := c.on(c.runs("w")[0])
		lone.cut()
		c.sleep(c.failover())
		lone.heal()
		c.sleep(4*c.failover() + p/2)
		run := map[time.Time]bool{}
		for _, slot := range c.slots("w") {
			run[slot] = true
		}
		began := c.runs("w")[0].Tick.Slot
		due := int(floor(time.Now(), p).Sub(began)/p) + 1
		// Who was cut off has reported what passed before it knew.
		accounted := len(run) + int(c.seen().Skipped("w").Total())
		assert.GreaterOrEqual(c, accounted, due, "slots that were run, and skipped on all nodes, of those that were due")
		assert.LessOrEqual(c, accounted, due+int(c.failover()/p), "slots that were run, and skipped on all nodes, of those that were due")
	}),

	clustered("OBS-2", "in-a-cluster-slots-that-pass-in-an-outage-and-a-run", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), takes(2*p+p/2)), work("v", core.Every(p), nothing))
		for range 3 {
			c.sleep(10*p + p/4)
			c.down()
			c.sleep(2*c.failover() + p/3)
			c.up()
			c.sleep(2 * c.failover())
		}
	}),
}
