package conformance

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, onceCases) }

var atMostOnce = []core.Feature{core.FeatureAtMostOnce}

// CLU-1 and CLU-2: each slot once, and one run at a time, whoever runs it.
var onceCases = []kase{
	clustered("CLU-1", "three-nodes-run-each-slot-once", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		c.sleep(40 * p)
		c.punctual(c.runs("w"), series(slot, p, 40), "forty periods")
	}),

	clustered("CLU-1", "a-hundred-workers-on-one-slot-run-once-each", nil, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		var workers []core.Worker
		for i := range 100 {
			workers = append(workers, work(numbered("w", i), core.Every(p), nothing))
		}
		c.three(workers...)
		c.sleep(3 * p)
		for _, w := range workers {
			assert.Len(c, c.runs(w.Name), 3, "runs of %s in three periods", w.Name)
		}
	}),

	clustered("CLU-1", "short-periods-run-once-too", nil, func(c *cluster) {
		p := max(4*c.features.Lateness, c.features.MinPeriod, 100*time.Millisecond)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), nothing))
		c.sleep(200 * p)
		assert.InDelta(c, 200, len(c.runs("w")), 1, "runs in two hundred periods of %s", p)
	}),

	clustered("CLU-1", "at-most-once-does-not-begin-again-after-a-crash", atMostOnce, func(c *cluster) {
		c.neverAgain(func(n *node) { n.kill() })
	}),
	clustered("CLU-1", "at-most-once-does-not-begin-again-when-its-lease-was-lost", atMostOnce, func(c *cluster) {
		c.neverAgain(func(n *node) { n.cut() })
	}),
	clustered("CLU-1", "at-most-once-does-not-begin-again-when-stop-cut-it-off", atMostOnce, func(c *cluster) {
		c.neverAgain(func(n *node) { _ = n.stop(0) })
	}),
	clustered("CLU-1", "at-most-once-does-not-begin-again-after-a-long-outage", atMostOnce, func(c *cluster) {
		c.neverAgain(func(*node) {
			c.down()
			c.sleep(2 * c.failover())
			c.up()
		})
	}),

	clustered("CLU-2", "a-run-longer-than-many-leases-is-alone", nil, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(10*c.failover())))
		c.sleep(35 * c.failover())
		for _, r := range c.runs("w") {
			assert.Zero(c, r.Lost, "the context of %s on %s ended: %s", r.Tick.ID(), r.Node, r.Cause)
		}
		assert.Greater(c, len(c.runs("w")), 2, "runs")
	}),

	clustered("CLU-2", "a-trigger-on-another-node-waits-for-the-run", triggers, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		n := c.three(work("w", c.shortly(), takes(p)))
		c.await(c.period(), "w", 1)
		for _, n := range n {
			c.trigger(n.m, "w")
		}
		c.sleep(3 * p)
		runs := c.runs("w")
		require.Len(c, runs, 2, "runs: of the slot, and of triggers on three nodes while it went on")
		assert.False(c, runs[1].Begin.Before(runs[0].End), "the triggered run began beside the other")
	}),

	clustered("CLU-2", "a-run-whose-node-is-cut-off-ends-before-its-successor-begins", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), hangsOnce))
		for n := range 12 { // at all phases of the renewals
			until(c.trial, slot.Add(c.slack()+time.Duration(n)*c.failover()/12))
			runs := c.runs("w")
			first := runs[len(runs)-1]
			lone := c.on(first)
			lone.cut()
			runs = c.await(c.failover()+c.slack(), "w", len(runs)+1)
			first = runs[len(runs)-2]
			assert.Equal(c, core.ErrLeaseLost.Error(), first.Cause, "why the context of the run on the node that was cut off has ended")
			until(c.trial, slot.Add(p*2/3))
			lone.heal()
			slot = slot.Add(p)
		}
	}),
}

// three brings up three nodes with the same workers.
func (c *cluster) three(workers ...core.Worker) []*node {
	return []*node{c.start("a", workers...), c.start("b", workers...), c.start("c", workers...)}
}

// neverAgain interrupts the run of a worker that is to run at most once: its slot
// does not begin again, and the next is as usual.
func (c *cluster) neverAgain(interrupt func(*node)) {
	p := c.period()
	slot := midway(c.trial, p)
	w := work("w", core.Every(p), firstly(1, hangs, nothing))
	w.AtMostOnce = true
	c.three(w)
	first := c.await(p, "w", 1)[0]
	interrupt(c.on(first))
	until(c.trial, slot.Add(3*p+p/2))
	require.Equal(c, stamps(series(slot, p, 4)), stamps(c.slots("w")), "the slots that were run, the first of which was interrupted")
	for _, r := range c.runs("w") {
		assert.False(c, r.Tick.Redelivered, "%s is marked as redelivered", r.Tick.ID())
	}
	c.holds("OBS-2")
}
