package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, answerCases, lateCases) }

// Answers that are lost after the write.
var answerCases = []kase{
	clustered("CLU-1", "a-slot-whose-claims-get-no-answer-runs-once", nil, func(c *cluster) {
		c.claimed((*node).loseAnswers, c.failover()/20)
	}),

	clustered("CLU-1", "a-run-whose-end-gets-no-answer-is-recorded-once", nil, func(c *cluster) {
		c.ended((*node).loseAnswers, c.failover()/10)
	}),

	clustered("CLU-10", "a-run-whose-renewals-get-no-answer-for-a-short-while-goes-on", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(p/2)))
		until(c.trial, slot.Add(p/8))
		lone := c.on(c.runs("w")[0])
		lone.loseAnswers()
		c.sleep(c.failover() / 4)
		lone.end()
		until(c.trial, slot.Add(p*3/4))
		c.punctual(c.runs("w"), series(slot, p, 1), "the answers to its renewals were lost for a quarter of the failover time")
		assert.Zero(c, c.runs("w")[0].Lost, "the end of its context: %s", c.runs("w")[0].Cause)
		assert.EqualValues(c, 1, c.status(lone.m, "w").Runs, "runs that count on its node")
	}),

	clustered("CTL-3", "a-trigger-whose-answer-is-lost-runs-once", triggers, func(c *cluster) {
		c.triggered((*node).loseAnswers, c.failover()/20)
	}),

	clustered("CTL-4", "a-pause-whose-answer-is-lost-holds", pauses, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		c.sleep(c.slack()) // the nodes have written what they write when they start
		nodes[0].loseAnswers()
		done := c.apart("Pause", func() {
			ctx, cancel := context.WithTimeout(context.Background(), c.failover())
			defer cancel()
			assert.NoError(c, nodes[0].m.Pause(ctx, "w"), "Pause, whose answer was lost, and which asks again")
		})
		c.sleep(c.failover() / 20)
		nodes[0].end()
		<-done
		c.sleep(c.failover() + 3*p)
		assert.Empty(c, c.runs("w"), "runs of the worker after Pause has returned")
		for _, n := range nodes {
			assert.Equal(c, core.StatePaused, c.status(n.m, "w").State, "the state that %s shows", n.name)
		}
	}),
}

// Writes that arrive when their writer has given them up, and has read the record since.
var lateCases = []kase{
	clustered("CLU-1", "a-slot-whose-claims-arrive-late-runs-once", nil, func(c *cluster) {
		c.claimed((*node).holdWrites, c.failover()/5)
	}),

	clustered("CLU-1", "a-claim-that-arrives-when-another-has-run-the-slot-counts-for-nothing", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), nothing))
		for _, slow := range nodes[:2] {
			until(c.trial, slot.Add(-time.Millisecond))
			slow.holdWrites()
			c.sleep(c.failover() / 5)
			slow.end()
			slot = slot.Add(p)
			until(c.trial, slot.Add(-p/4))
		}
		until(c.trial, slot.Add(p/4))
		// The tick may be in the hands of the slow one at first.
		c.begun(c.failover(), c.runs("w"), series(slot.Add(-2*p), p, 3), "one of three nodes could not write in time")
		assert.False(c, anyRedelivered(c.runs("w")), "a tick is marked as redelivered")
	}),

	clustered("CLU-1", "a-run-whose-end-arrives-late-is-recorded-once", nil, func(c *cluster) {
		c.ended((*node).holdWrites, c.failover()/5)
	}),

	clustered("CLU-10", "a-renewal-that-arrives-when-another-has-taken-over-does-not-disturb-it", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		nodes := c.three(work("w", c.shortly(), firstly(1, hangs, takes(p/2))))
		first := c.await(p, "w", 1)[0]
		lone := c.on(first)
		lone.holdWrites()
		c.await(c.failover()+c.slack(), "w", 2)
		c.sleep(c.failover() / 5)
		lone.end()
		c.sleep(p/2 + c.failover())
		runs := c.runs("w")
		require.Len(c, runs, 2, "runs, of a slot whose first run lost its lease")
		require.NotZero(c, runs[0].Lost, "the end of the context of the run that could not be renewed")
		assert.Equal(c, core.ErrLeaseLost.Error(), runs[0].Cause, "the cause")
		assert.False(c, runs[0].Lost.After(runs[1].Begin), "another took over before the context ended")
		assert.Zero(c, runs[1].Lost, "the end of the context of the run that took over: %s", runs[1].Cause)
		c.unrecorded(nodes, lone)
	}),

	clustered("CTL-3", "a-trigger-that-arrives-late-runs-once", triggers, func(c *cluster) {
		c.triggered((*node).holdWrites, c.failover()/6)
	}),
}

// claimed has a slot fall due while the writes of all nodes suffer. It, and the next two,
// run once each, the first within the failover time and not as one that is run again.
func (c *cluster) claimed(suffer func(*node), while time.Duration) {
	p := c.period()
	slot := midway(c.trial, p)
	nodes := c.three(work("w", core.Every(p), nothing))
	until(c.trial, slot.Add(-time.Millisecond))
	for _, n := range nodes {
		suffer(n)
	}
	c.sleep(while)
	for _, n := range nodes {
		n.end()
	}
	until(c.trial, slot.Add(2*p+p/2))
	runs := c.runs("w")
	require.Equal(c, stamps(series(slot, p, 3)), stamps(c.slots("w")), "the slots that were run: each once")
	assert.LessOrEqual(c, runs[0].Begin.Sub(slot), c.failover(), "the time from the slot until it was run")
	assert.False(c, runs[0].Tick.Redelivered, "the tick is marked as redelivered, and it had not begun")
	c.punctual(runs[1:], series(slot.Add(p), p, 2), "the next slots are as usual")
	assert.Zero(c, c.seen().Skipped("w"), "slots skipped, on all nodes")
	c.holds("CLU-2", "CLU-9", "OBS-2")
}

// ended has a run end while the writes of its node suffer. The run counts on all nodes,
// and the next slot is as usual.
func (c *cluster) ended(suffer func(*node), while time.Duration) {
	p := c.period()
	slot := midway(c.trial, p)
	nodes := c.three(work("w", core.Every(p), takes(p/4)))
	until(c.trial, slot.Add(p/4-time.Millisecond))
	lone := c.on(c.runs("w")[0])
	suffer(lone)
	c.sleep(while)
	lone.end()
	until(c.trial, slot.Add(p*3/4))
	runs := c.runs("w")
	require.Len(c, runs, 1, "runs of the slot")
	assert.Zero(c, runs[0].Lost, "the end of the run's context: %s", runs[0].Cause)
	assert.EqualValues(c, 1, c.status(lone.m, "w").Runs, "runs that count on the node that ran the slot")
	for _, n := range nodes {
		last := c.status(n.m, "w").Last
		if assert.NotNil(c, last, "the last run that %s knows of", n.name) {
			assert.Equal(c, runs[0].Tick.Fence, last.Tick.Fence, "the fencing token of the last run that %s knows of", n.name)
			assert.Equal(c, core.Succeeded, last.Outcome, "its outcome, on %s", n.name)
		}
	}
	until(c.trial, slot.Add(p+p*3/4))
	c.punctual(c.runs("w"), series(slot, p, 2), "the end of the first run was recorded")
	c.holds("CLU-2", "CLU-9", "OBS-2")
}

// triggered triggers a worker on a node whose writes suffer for a while. It is too short
// for the node to give up: the node asks again, and the worker runs once.
func (c *cluster) triggered(suffer func(*node), while time.Duration) {
	midway(c.trial, c.period())
	nodes := c.three(work("w", c.rarely(), nothing))
	c.sleep(c.slack()) // the nodes have written what they write when they start
	suffer(nodes[0])
	var tick core.Tick
	done := c.apart("Trigger", func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.failover())
		defer cancel()
		var err error
		tick, err = nodes[0].m.Trigger(ctx, "w")
		assert.NoError(c, err, "Trigger, which got no answer at first, and asks again")
	})
	c.sleep(while)
	nodes[0].end()
	<-done
	c.sleep(2 * c.failover())
	runs := c.runs("w")
	require.Len(c, runs, 1, "runs of one trigger")
	assert.Equal(c, tick.Manual, runs[0].Tick.Manual, "the tick that Trigger returned")
}
