package conformance

import (
	"context"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, leaseCases) }

// CLU-9 and CLU-10: fencing tokens, and leases that are lost.
var leaseCases = []kase{
	clustered("CLU-9", "they-rise-over-slots-and-triggers-and-nodes", triggers, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		for range 10 {
			for _, n := range nodes {
				c.trigger(n.m, "w")
				c.sleep(p / 2)
			}
		}
		assert.Greater(c, len(c.runs("w")), 30, "runs")
	}),

	clustered("CLU-9", "they-rise-when-a-run-is-run-again", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.three(work("w", core.Every(p), firstly(2, hangs, nothing)))
		for crash := range 2 {
			c.on(c.await(p+c.slack(), "w", crash+1)[crash]).kill()
		}
		c.sleep(3 * p)
		assert.Greater(c, len(c.runs("w")), 3, "runs")
	}),

	clustered("CLU-9", "they-rise-when-the-broker-lost-its-data", nil, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		for range 5 {
			c.sleep(2 * p)
			c.lose()
		}
		c.sleep(2 * p)
		assert.GreaterOrEqual(c, len(c.runs("w")), 10, "runs")
	}),

	clustered("CLU-9", "they-rise-when-the-broker-lost-its-data-and-nobody-remembers", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		for i := range 5 {
			n := c.start(numbered("n", i), w)
			c.sleep(2 * p)
			n.kill()
			c.lose()
		}
		assert.GreaterOrEqual(c, len(c.runs("w")), 8, "runs")
	}),

	clustered("CLU-9", "they-rise-where-clocks-differ", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(max(p/60, c.features.MinPeriod)), nothing)
		c.startAt("a", site{ahead: -2e9}, w)
		c.startAt("b", site{ahead: 2e9}, w)
		c.sleep(3 * p)
		assert.Greater(c, len(c.runs("w")), 100, "runs")
	}),

	clustered("CLU-10", "a-run-whose-node-is-cut-off-is-cancelled", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), firstly(1, hangs, takes(p/4))))
		first := c.await(p, "w", 1)[0]
		lone := c.on(first)
		lone.cut()
		c.await(c.failover()+c.slack(), "w", 2)
		c.sleep(p / 2)
		lone.heal()
		c.sleep(p / 4)
		runs := c.runs("w")
		require.NotZero(c, runs[0].Lost, "the end of the context of the run on the node that was cut off")
		assert.Equal(c, core.ErrLeaseLost.Error(), runs[0].Cause, "the cause")
		assert.False(c, runs[0].Lost.After(runs[1].Begin), "another took over before the context ended")
		c.unrecorded(nodes, lone)
	}),

	clustered("CLU-10", "a-late-result-is-not-recorded", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		var failed atomic.Int64
		options := core.Options{OnError: func(context.Context, core.Tick, error) { failed.Add(1) }}
		w := work("w", core.Every(p), firstly(1, ignores(p*3/4), nothing))
		a, b := c.startAt("a", site{options: options}, w), c.startAt("b", site{options: options}, w)
		first := c.await(p, "w", 1)[0]
		lone := c.on(first)
		lone.cut()
		until(c.trial, slot.Add(p/2))
		lone.heal() // before the function returns
		until(c.trial, slot.Add(p*7/8))
		require.NotZero(c, c.runs("w")[0].End, "the function that ignored its context has returned")
		c.unrecorded([]*node{a, b}, lone) // before another run's result is in its place
		until(c.trial, slot.Add(p+p/2))
		c.unrecorded([]*node{a, b}, lone)
		assert.Zero(c, failed.Load(), "calls of OnError")
		assert.Equal(c, stamps(append(series(slot, p, 1), series(slot, p, 2)...)), stamps(c.slots("w")), "the slots that were run")
	}),

	clustered("CLU-10", "an-outage-longer-than-the-lease-cancels-a-run", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.three(work("w", c.shortly(), firstly(1, hangs, nothing)))
		c.await(p, "w", 1)
		c.down()
		c.sleep(2 * c.failover())
		first := c.runs("w")[0]
		require.NotZero(c, first.Lost, "the end of the run's context, after an outage of twice the failover time")
		assert.Equal(c, core.ErrLeaseLost.Error(), first.Cause, "the cause")
		c.up()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
	}),

	clustered("CLU-10", "a-short-cut-disturbs-no-run", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(p/2)))
		until(c.trial, slot.Add(p/4))
		lone := c.on(c.runs("w")[0])
		lone.cut()
		c.sleep(c.failover() / 4)
		lone.heal()
		until(c.trial, slot.Add(3*p+p*3/4))
		c.punctual(c.runs("w"), series(slot, p, 4), "a node was cut off for a quarter of the failover time")
		for _, r := range c.runs("w") {
			assert.Zero(c, r.Lost, "the context of %s ended: %s", r.Tick.ID(), r.Cause)
		}
	}),

	// The lease is reckoned by a clock that cannot be set.
	clustered("CLU-10", "a-run-whose-nodes-clock-is-set-goes-on", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(p/2)))
		until(c.trial, slot.Add(p/8))
		n := c.on(c.runs("w")[0])
		n.clock.jump(c.failover())
		until(c.trial, slot.Add(p/4))
		n.clock.jump(-c.failover())
		until(c.trial, slot.Add(p*3/4))
		c.punctual(c.runs("w"), series(slot, p, 1), "a node's clock was set ahead, and back, while it ran")
		for _, r := range c.runs("w") {
			assert.Zero(c, r.Lost, "the context of %s ended: %s", r.Tick.ID(), r.Cause)
		}
		last := c.status(n.m, "w").Last
		require.NotNil(c, last, "the last run")
		assert.Equal(c, core.Succeeded, last.Outcome, "its outcome")
	}),

	clustered("CLU-10", "a-run-that-ends-in-a-short-cut-is-recorded", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(p/4)))
		until(c.trial, slot.Add(p/4-c.failover()/10))
		lone := c.on(c.runs("w")[0])
		lone.cut()
		c.sleep(c.failover() / 5)
		lone.heal()
		until(c.trial, slot.Add(p*3/4))
		c.punctual(c.runs("w"), series(slot, p, 1), "the run ended while its node was cut off for a fifth of the failover time")
		assert.Equal(c, lone.name, c.status(lone.m, "w").Last.Instance, "the instance of the last run")
	}),
}

// unrecorded fails the case if the worker's first run, which lost its lease, shows
// anywhere.
func (c *cluster) unrecorded(nodes []*node, lone *node) {
	runs := c.runs("w")
	var here uint64
	for _, r := range runs[1:] {
		if r.Node == lone.name && !r.End.IsZero() {
			here++
		}
	}
	s := c.status(lone.m, "w")
	assert.Equal(c, here, s.Runs, "runs that count on the node that lost its lease")
	for _, n := range nodes {
		s := c.status(n.m, "w")
		if assert.NotNil(c, s.Last, "the last run that %s knows of", n.name) {
			assert.NotEqual(c, runs[0].Tick.Fence, s.Last.Tick.Fence, "the fencing token of the last run that %s knows of is that of the lost one", n.name)
		}
	}
}
