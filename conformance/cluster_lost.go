package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, lostCases) }

// CLU-13: the broker has lost its data, and instances are alive that know.
var lostCases = []kase{
	clustered("CLU-13", "between-runs", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		for n := range 5 {
			until(c.trial, slot.Add(time.Duration(2*n+1)*p+p/2))
			c.lose()
		}
		until(c.trial, slot.Add(11*p+p/2))
		c.punctual(c.runs("w"), series(slot, p, 12), "the data were lost between runs")
		c.holds("CLU-1", "PER-3", "OBS-2")
	}),

	clustered("CLU-13", "just-after-a-run", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		for n := range 10 { // at the slot, and up to a lease after it
			until(c.trial, slot.Add(c.slack()/2+time.Duration(n*n)*c.failover()/100))
			c.lose()
			slot = slot.Add(p)
			until(c.trial, slot.Add(-p/2))
		}
		until(c.trial, slot.Add(p/2))
		require.Equal(c, stamps(series(slot.Add(-10*p), p, 11)), stamps(c.slots("w")), "the slots that were run: each once")
		c.holds("CLU-1", "PER-3", "OBS-2")
	}),

	clustered("CLU-13", "just-before-and-at-a-slot", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		c.sleep(p)
		for n := range 10 {
			slot = slot.Add(p)
			until(c.trial, slot.Add(time.Duration(n-5)*c.slack()*2/5))
			c.lose()
			until(c.trial, slot.Add(p/2))
		}
		require.Equal(c, stamps(series(slot.Add(-10*p), p, 11)), stamps(c.slots("w")), "the slots that were run: each once")
		c.holds("CLU-1", "PER-3", "OBS-2")
	}),

	clustered("CLU-13", "in-a-run", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), takes(p*2/3)))
		for n := range 5 {
			until(c.trial, slot.Add(time.Duration(n)*p+p/6+time.Duration(n)*c.failover()/20))
			c.lose()
		}
		until(c.trial, slot.Add(6*p+p/2))
		c.punctual(c.runs("w"), series(slot, p, 7), "the data were lost in runs")
		for _, r := range c.runs("w") {
			assert.Zero(c, r.Lost, "the context of %s ended: %s", r.Tick.ID(), r.Cause)
		}
		var recorded uint64
		for _, n := range nodes {
			recorded += c.status(n.m, "w").Runs
		}
		assert.EqualValues(c, 6, recorded, "runs that ended and count, on all nodes")
		c.holds("CLU-1", "CLU-2", "PER-3", "OBS-2")
	}),

	clustered("CLU-13", "in-an-outage", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		c.sleep(3 * p)
		c.down()
		c.sleep(c.failover())
		c.lose()
		c.up()
		c.sleep(3*p - c.failover())
		require.Equal(c, stamps(series(slot, p, 6)), stamps(c.slots("w")), "the slots that were run")
		c.holds("CLU-1", "PER-3", "OBS-2")
	}),

	// What the dead one ran the others have seen.
	clustered("CLU-13", "the-node-that-ran-it-is-dead", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		until(c.trial, slot.Add(p*4/3))
		runs := c.runs("w")
		c.on(runs[1]).kill()
		c.lose()
		c.sleep(2 * p)
		require.Equal(c, stamps(series(slot, p, 4)), stamps(c.slots("w")), "the slots that were run")
		c.holds("CLU-1", "PER-3", "OBS-2")
	}),

	clustered("CLU-13", "a-run-whose-node-died-is-still-run-again", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.three(work("w", c.shortly(), firstly(1, hangs, nothing)))
		first := c.await(p, "w", 1)[0]
		c.sleep(c.failover() / 2)
		c.on(first).kill()
		c.lose()
		again := c.await(2*c.failover(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run again")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
	}),

	clustered("CLU-13", "a-pause-is-remembered", pauses, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		c.sleep(2 * p)
		require.NoError(c, nodes[0].m.Pause(context.Background(), "w"))
		c.sleep(p)
		nodes[0].kill()
		c.lose()
		c.sleep(5 * p)
		assert.Len(c, c.runs("w"), 2, "runs, of a worker that was paused")
		require.NoError(c, nodes[1].m.Resume(context.Background(), "w"))
		c.sleep(2 * p)
		assert.Len(c, c.runs("w"), 4, "runs after Resume")
		c.lose()
		c.sleep(2 * p)
		assert.Len(c, c.runs("w"), 6, "runs after the data were lost again: the Resume is remembered")
	}),

	clustered("CLU-13", "when-a-delay-is-due-is-remembered", []core.Feature{core.FeatureDelay}, func(c *cluster) {
		p := c.period()
		c.three(work("w", core.Delay(p), nothing))
		for range 4 {
			c.sleep(p + p/2 - time.Second) // the sixth run is not due yet, however punctual the engine is
			c.lose()
		}
		runs := c.runs("w")
		for i := range runs[1:] {
			wait := runs[i+1].Begin.Sub(runs[i].End)
			assert.GreaterOrEqual(c, wait, p, "the time from the end of run %d to the next", i)
			assert.LessOrEqual(c, wait, p+c.failover(), "the time from the end of run %d to the next", i)
		}
		assert.Len(c, runs, 5, "runs in a little less than six periods, each a period after the one before")
	}),

	clustered("CLU-13", "a-long-running-worker-goes-on-and-one-that-is-done-stays-so", longRunning, func(c *cluster) {
		p := c.period()
		c.three(work("up", nil, hangs), work("done", nil, takes(time.Second)))
		for range 3 {
			c.sleep(p)
			c.lose()
		}
		c.sleep(p)
		assert.Len(c, c.runs("done"), 1, "runs of the one that was done")
		runs := c.runs("up")
		require.Len(c, runs, 1, "runs of the one that was up")
		assert.Zero(c, runs[0].Lost, "the end of its context")
	}),

	clustered("CLU-13", "a-crash-is-remembered", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), hangs)
		c.three(w)
		c.start("d", w)
		for crash := range 3 {
			r := c.await(p, "w", crash+1)[crash]
			c.sleep(c.failover() / 2)
			c.on(r).kill()
			c.lose()
			c.sleep(2*c.failover() + c.slack())
		}
		assert.EqualValues(c, 1, c.seen().Skipped("w").Refused, "slots refused, after three crashes and three losses of the data")
		assert.Len(c, c.runs("w"), 3, "runs")
	}),
}
