package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, suspendCases, joinCases) }

// Instances that are suspended, as far as that can be done without their processes.
var suspendCases = []kase{
	clustered("CLU-10", "a-run-on-a-suspended-instance-is-cancelled-and-its-late-result-is-not-recorded", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		nodes := c.three(work("w", core.Every(p), firstly(1, ignores(p/2), takes(p/8))))
		until(c.trial, slot.Add(p/8))
		lone := c.on(c.runs("w")[0])
		lone.suspend()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		until(c.trial, slot.Add(p*7/8)) // the function has returned
		lone.end()
		until(c.trial, slot.Add(p-time.Millisecond))
		runs := c.runs("w")
		require.Len(c, runs, 2, "runs of the slot")
		assert.Equal(c, core.ErrLeaseLost.Error(), runs[0].Cause, "why the context of the run on the suspended instance has ended")
		assert.Zero(c, runs[1].Lost, "the end of the context of the run that took over: %s", runs[1].Cause)
		c.unrecorded(nodes, lone)
		until(c.trial, slot.Add(3*p-p/4))
		c.begun(c.failover(), c.runs("w")[2:], series(slot.Add(p), p, 2), "the instance goes on")
	}),

	clustered("PER-7", "slots-missed-while-the-only-instance-was-suspended", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		a := c.start("a", work("w", core.Every(p), nothing))
		c.sleep(2 * p)
		a.suspend()
		c.sleep(5 * p)
		a.end()
		c.sleep(p/2 - p/16)
		require.Equal(c, stamps(append(series(slot, p, 2), slot.Add(6*p))), stamps(c.slots("w")), "the slots that were run, before and after five periods of a suspended instance")
		assert.Equal(c, core.Skips{Missed: 4}, c.seen().Skipped("w"), "slots skipped")
		c.holds("OBS-2", "CLU-1")
	}),
}

// Instances that do not join at once.
var joinCases = []kase{
	clustered("STA-6", "a-first-heartbeat-that-fails-is-tried-again", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		n := c.open("a", site{options: core.Options{ConnectTimeout: c.failover()}}, work("w", core.Every(p), nothing))
		n.failJoins(0, 3)
		c.must(n.start(), "Start, whose first three heartbeats fail")
		until(c.trial, slot.Add(p/2))
		c.punctual(c.runs("w"), series(slot, p, 1), "the instance has joined")
	}),

	clustered("STA-6", "a-connect-that-fails-is-an-error-of-start-that-names-the-engine-and-disturbs-no-other", nil, func(c *cluster) {
		p := c.period()
		w := work("w", core.Every(p), nothing)
		slot := midway(c.trial, p)
		c.start("a", w)
		b := c.open("b", site{}, w)
		b.failJoins(1, 0)
		err := b.m.Start(context.Background())
		require.Error(c, err, "Start, whose connect fails")
		assert.Contains(c, err.Error(), c.features.Engine, "the error names the engine")
		assert.ErrorIs(c, b.m.Start(context.Background()), core.ErrStopped, "a second Start")
		c.start("b-again", w)
		c.sleep(2 * p)
		c.punctual(c.runs("w"), series(slot, p, 2), "another instance did not join")
	}),

	clustered("CTL-4", "a-disabled-manager-whose-connect-failed-connects-when-it-is-asked-again", pauses, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.start("a", w)
		off := c.disabled(w)
		off.failJoins(1, 0)
		require.Error(c, off.m.Pause(context.Background(), "w"), "Pause on a disabled manager whose connect fails")
		c.must(off.m.Pause(context.Background(), "w"), "Pause, once more")
		c.sleep(c.failover())
		assert.Equal(c, core.StatePaused, c.status(a.m, "w").State, "the state on the instance that runs the worker")
		c.sleep(2 * p)
		assert.Empty(c, c.runs("w"), "runs of a worker that is paused")
	}),
}
