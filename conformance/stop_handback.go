package conformance

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, earlyCases) }

// errHalfDone is what a run reports that stops early.
var errHalfDone = errors.New("half of the work is done")

// handsBack is a worker's function that goes on until its manager stops, and then
// hands its tick back.
func handsBack(ctx context.Context) error {
	select {
	case <-core.Stopping(ctx):
		return core.HandBack(errHalfDone)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// STP-9: runs that stop early because their manager is stopping.
var earlyCases = []kase{
	{rule: "STP-9", name: "a-run-that-hands-back-is-cancelled-and-has-not-failed", run: func(t *trial) {
		var handled atomic.Int64
		m := t.running(core.Options{OnError: func(context.Context, core.Tick, error) { handled.Add(1) }},
			t.worker("w", core.Every(t.period()), handsBack))
		t.eventually(3*t.period(), "w runs", func() bool { return t.count("w") == 1 })
		require.NoError(t, t.stopping(m).within(t.soon()), "Stop: its run returns early")
		s := t.status(m, "w")
		require.NotNil(t, s.Last, "the last run")
		assert.Equal(t, core.Cancelled, s.Last.Outcome, "the outcome of a run that returned HandBack")
		assert.ErrorIs(t, s.Last.Err, errHalfDone, "the error of the run")
		assert.Zero(t, s.Failures, "failures")
		assert.Zero(t, handled.Load(), "calls of OnError")
	}},

	{rule: "STP-9", name: "no-further-attempt-follows-a-hand-back", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		watch := &watcher{}
		w := t.worker("w", core.Every(t.period()), handsBack)
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(0)}
		m := t.running(core.Options{Observers: []core.Observer{watch.see}}, w)
		t.eventually(3*t.period(), "w runs", func() bool { return t.count("w") == 1 })
		require.NoError(t, t.stopping(m).within(t.soon()), "Stop: its run returns early")
		assert.Equal(t, 1, t.count("w"), "attempts")
		assert.Empty(t, watch.seen(core.EventAttemptFailed, "w"), "events of failed attempts")
		assert.Equal(t, core.Cancelled, t.status(m, "w").Last.Outcome, "the outcome")
	}},

	{rule: "STP-9", name: "a-hand-back-without-a-stop-is-a-failure", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(context.Context) error {
			return core.HandBack(errHalfDone)
		}))
		t.eventually(4*t.period(), "the next slot runs", func() bool { return t.count("w") == 2 && t.inProgress() == 0 })
		s := t.status(m, "w")
		assert.EqualValues(t, 2, s.Failures, "failures: the manager is not stopping")
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
		assert.ErrorContains(t, s.Last.Err, "not stopping", "the error says what is wrong")
	}},

	clustered("STP-9", "hand-back-is-rerun-elsewhere", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), firstly(1, handsBack, nothing)))
		first := c.await(p, "w", 1)[0]
		require.NoError(c, c.on(first).stop(c.failover()), "Stop, whose run returns early")
		again := c.await(c.promptly(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		until(c.trial, slot.Add(2*p+p/2))
		c.punctual(c.runs("w")[2:], series(slot.Add(p), p, 2), "the next slots are as usual")
		for _, r := range c.runs("w")[1:] {
			assert.Zero(c, c.status(c.on(r).m, "w").Failures, "failures on %s", r.Node)
		}
	}),

	clustered("STP-9", "a-hand-back-does-not-count-as-a-crash", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(1, handsBack, firstly(2, hangs, nothing)))
		for i := range 5 {
			c.start(numbered("n", i), w)
		}
		require.NoError(c, c.on(c.await(p, "w", 1)[0]).stop(c.failover()), "Stop, whose run returns early")
		c.on(c.await(c.promptly(), "w", 2)[1]).kill()
		c.on(c.await(c.failover()+c.slack(), "w", 3)[2]).kill()
		c.await(c.failover()+c.slack(), "w", 4) // two instances have died in the slot, and a third would have to
		assert.Zero(c, c.seen().Skipped("w"), "slots skipped")
	}),

	clustered("STP-9", "a-triggered-run-that-hands-back-is-rerun-elsewhere", triggers, func(c *cluster) {
		midway(c.trial, c.period())
		nodes := c.three(work("w", c.rarely(), firstly(1, handsBack, nothing)))
		c.trigger(nodes[0].m, "w")
		first := c.await(c.promptly(), "w", 1)[0]
		require.NoError(c, c.on(first).stop(c.failover()), "Stop, whose run returns early")
		again := c.await(c.promptly(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run")
	}),

	clustered("STP-9", "a-hand-back-of-a-worker-that-runs-at-most-once-is-not-rerun", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), firstly(1, handsBack, nothing))
		w.AtMostOnce = true
		c.three(w)
		first := c.await(p, "w", 1)[0]
		require.NoError(c, c.on(first).stop(c.failover()), "Stop, whose run returns early")
		until(c.trial, slot.Add(p+p/2))
		require.Len(c, c.runs("w"), 2, "runs: of two slots, each of which begins once")
		c.punctual(c.runs("w")[1:], series(slot.Add(p), p, 1), "the next slot is as usual")
	}),

	clustered("STP-9", "a-long-running-worker-that-hands-back-goes-on-elsewhere", longRunning, func(c *cluster) {
		w := work("long", nil, handsBack)
		w.Retry.MaxAttempts = 1
		c.three(w)
		first := c.await(c.failover()+c.slack(), "long", 1)[0]
		require.NoError(c, c.on(first).stop(c.failover()), "Stop, whose run returns early")
		second := c.await(c.failover()+c.slack(), "long", 2)[1]
		assert.NotEqual(c, first.Node, second.Node, "the node")
		assert.NotEqual(c, core.StateBroken, c.status(c.on(first).m, "long").State, "the state on the node that stopped")
	}),
}
