package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, crashCases) }

// CLU-3 and CLU-4: what a death leaves behind.
var crashCases = []kase{
	clustered("CLU-3", "a-death-between-runs-leaves-no-gap", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		for n := range 2 { // whoever ran last dies, until one is left
			c.sleep(3 * p)
			runs := c.runs("w")
			require.Len(c, runs, 3*(n+1), "runs")
			c.on(runs[len(runs)-1]).kill()
		}
		c.sleep(3 * p)
		c.punctual(c.runs("w"), series(slot, p, 9), "nodes died between runs")
	}),

	clustered("CLU-3", "a-death-just-before-a-slot-leaves-no-gap", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), nothing))
		for _, n := range c.nodes[:2] {
			until(c.trial, slot.Add(p-time.Millisecond))
			n.kill()
			slot = slot.Add(p)
			c.sleep(p / 2)
		}
		runs := c.runs("w")
		c.punctual(runs, series(slot.Add(-2*p), p, 3), "nodes died just before slots")
	}),

	clustered("CLU-3", "a-death-in-a-run-leaves-no-gap-longer-than-declared", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), firstly(1, hangs, nothing)))
		first := c.await(2*p, "w", 1)[0]
		c.sleep(c.failover() * 3 / 7) // between two renewals
		c.on(first).kill()
		c.sleep(2 * c.failover())
		c.await(0, "w", 2)
	}),

	clustered("CLU-3", "a-short-outage-leaves-no-gap-longer-than-declared", nil, func(c *cluster) {
		p := max(time.Second, c.features.MinPeriod)
		c.align(time.Minute)
		c.three(work("w", core.Every(p), nothing), work("busy", core.Every(p), takes(3*p)))
		for range 3 {
			c.sleep(7 * p)
			c.down()
			c.sleep(c.failover() / 4)
			c.up()
			c.sleep(2 * c.failover())
		}
	}),

	clustered("CLU-4", "the-run-of-a-dead-node-is-run-again-by-another", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), firstly(1, hangs, nothing)))
		first := c.await(p, "w", 1)[0]
		c.on(first).kill()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.NotEqual(c, first.Node, again.Node, "the node that runs the slot again")
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run again")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		assert.Equal(c, 1, again.Tick.Attempt, "the number of the attempt")
		assert.Greater(c, again.Tick.Fence, first.Tick.Fence, "the fencing token")
		until(c.trial, slot.Add(3*p+p/2))
		runs := c.runs("w")
		c.punctual(runs[2:], series(slot.Add(p), p, 3), "the next slots are as usual")
		assert.False(c, runs[2].Tick.Redelivered, "the next slot is marked as redelivered")
	}),

	clustered("CLU-4", "so-is-a-triggered-run", triggers, func(c *cluster) {
		midway(c.trial, c.period())
		nodes := c.three(work("w", c.rarely(), firstly(1, hangs, nothing)))
		c.trigger(nodes[0].m, "w")
		first := c.await(c.promptly(), "w", 1)[0]
		c.on(first).kill()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run again")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		c.sleep(3 * c.failover())
		assert.Len(c, c.runs("w"), 2, "runs, of one trigger and one crash")
	}),

	clustered("CLU-4", "so-is-one-whose-nodes-all-died", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(1, hangs, nothing))
		c.start("a", w)
		first := c.await(p, "w", 1)[0]
		c.on(first).kill()
		c.sleep(5 * p)
		c.start("b", w)
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
	}),

	clustered("CLU-4", "a-node-that-comes-back-under-its-name-runs-its-own-run-again", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(1, hangs, nothing))
		c.startAt("a", site{options: core.Options{Instance: "the-host"}}, w)
		first := c.await(p, "w", 1)[0]
		c.on(first).kill()
		c.startAt("a-restarted", site{options: core.Options{Instance: "the-host"}}, w)
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		c.sleep(3 * c.failover())
		assert.Len(c, c.runs("w"), 2, "runs")
	}),

	clustered("CLU-4", "after-the-third-crash-the-slot-is-refused", nil, func(c *cluster) {
		p := c.period()
		for p < 6*c.failover() {
			p += c.period()
		}
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), firstly(3, hangs, nothing))
		c.three(w)
		c.start("d", w)
		for crash := 1; crash <= 3; crash++ {
			runs := c.await(p, "w", crash)
			assert.Equal(c, slot, runs[crash-1].Tick.Slot, "the slot of run %d", crash)
			assert.Equal(c, crash > 1, runs[crash-1].Tick.Redelivered, "run %d is marked as redelivered", crash)
			c.on(runs[crash-1]).kill()
		}
		c.eventually(c.failover()+c.slack(), "the slot is skipped with reason refused", func() bool {
			return c.seen().Skipped("w").Refused == 1
		})
		until(c.trial, slot.Add(2*p+p/2))
		c.punctual(c.runs("w")[3:], series(slot.Add(p), p, 2), "the next slots are as usual")
		assert.EqualValues(c, 1, c.seen().Skipped("w").Total(), "slots skipped")
		c.holds("OBS-2")
	}),

	clustered("CLU-4", "crashes-of-an-earlier-slot-do-not-count", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		var calls int
		w := work("w", core.Every(p), func(ctx context.Context) error {
			if calls++; calls%3 == 0 { // each slot crashes twice
				return nil
			}
			return hangs(ctx)
		})
		c.three(w)
		for i := range 4 {
			c.start(numbered("more", i), w)
		}
		for n := range 3 {
			until(c.trial, slot.Add(time.Duration(n)*p+c.features.Lateness))
			for crash := range 2 {
				runs := c.await(c.failover()+c.slack(), "w", 3*n+crash+1)
				c.on(runs[3*n+crash]).kill()
			}
			c.await(c.failover()+c.slack(), "w", 3*n+3)
			until(c.trial, slot.Add(time.Duration(n)*p+p*5/6))
		}
		assert.Zero(c, c.seen().Skipped("w").Refused, "slots refused, each of which crashed twice and then succeeded")
	}),

	clustered("CLU-4", "a-run-that-fails-is-no-crash", nil, func(c *cluster) {
		p := c.lively()
		slot := midway(c.trial, p)
		c.three(
			work("fails", core.Every(p), func(context.Context) error { return errors.New("failed") }),
			work("panics", core.Every(p), func(context.Context) error { panic("at the disco") }))
		c.sleep(5 * p)
		for _, w := range []string{"fails", "panics"} {
			c.punctual(c.runs(w), series(slot, p, 5), "a run that fails is not run again")
		}
	}),
}

// numbered is a name for the i-th worker or node.
func numbered(base string, i int) string {
	return base + "-" + string(rune('0'+i/10)) + string(rune('0'+i%10))
}

// allOver tells whether none of the runs goes on.
func allOver(runs []history.Run) bool {
	for i := range runs {
		if runs[i].Over().IsZero() {
			return false
		}
	}
	return true
}
