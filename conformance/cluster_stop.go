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

func init() { groups = append(groups, handBackCases) }

// CLU-11 and CLU-12: what a stop hands back, and what it does to others.
var handBackCases = []kase{
	clustered("CLU-11", "a-run-that-stop-cut-off-is-run-promptly-by-another", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), firstly(1, hangs, nothing)))
		first := c.await(p, "w", 1)[0]
		require.Error(c, c.on(first).stop(0), "Stop, which cut the run off")
		again := c.await(c.promptly(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		until(c.trial, slot.Add(2*p+p/2))
		c.punctual(c.runs("w")[2:], series(slot.Add(p), p, 2), "the next slots are as usual")
	}),

	clustered("CLU-11", "it-does-not-count-as-a-crash", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(8, hangs, nothing))
		for i := range 10 {
			c.start(numbered("n", i), w)
		}
		c.await(p, "w", 1)
		for n := range 8 {
			runs := c.await(c.promptly(), "w", n+1)
			_ = c.on(runs[n]).stop(0)
		}
		c.await(c.promptly(), "w", 9)
		assert.Zero(c, c.seen().Skipped("w"), "slots skipped")
	}),

	clustered("CLU-11", "nor-does-it-undo-the-crashes-before", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), hangs)
		for i := range 6 {
			c.start(numbered("n", i), w)
		}
		c.on(c.await(p, "w", 1)[0]).kill()
		_ = c.on(c.await(c.failover()+c.slack(), "w", 2)[1]).stop(0)
		c.on(c.await(c.promptly(), "w", 3)[2]).kill()
		c.on(c.await(c.failover()+c.slack(), "w", 4)[3]).kill()
		c.eventually(c.failover()+c.slack(), "the slot is refused after its third crash", func() bool { return c.seen().Skipped("w").Refused == 1 })
	}),

	clustered("CLU-11", "one-that-waits-for-another-attempt-is-handed-back", []core.Feature{core.FeatureRetry}, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		w := work("w", c.shortly(), firstly(1, func(context.Context) error { return errors.New("not yet") }, nothing))
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(p)}
		c.three(w)
		first := c.await(p, "w", 1)[0]
		c.sleep(p / 2)
		_ = c.on(first).stop(c.failover())
		again := c.await(c.promptly(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run")
	}),

	clustered("CLU-11", "one-that-had-not-begun-is-run-elsewhere", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		full := site{options: core.Options{MaxConcurrent: 1}}
		s := c.shortly()
		a := c.startAt("a", full, work("busy", s, hangs), work("w", s, nothing))
		c.await(p, "busy", 1)
		c.sleep(c.features.Reroute) // it was left to others, and waits for its turn
		c.start("b", work("w", s, nothing))
		c.sleep(c.slack())
		waiting := len(c.runs("w")) == 0
		_ = a.stop(0)
		r := c.await(c.promptly(), "w", 1)[0]
		if waiting {
			assert.Equal(c, "b", r.Node, "the node")
			assert.False(c, r.Tick.Redelivered, "a tick that had not begun is marked as redelivered")
		}
	}),

	clustered("CLU-11", "a-triggered-run-is-handed-back-too", triggers, func(c *cluster) {
		midway(c.trial, c.period())
		nodes := c.three(work("w", c.rarely(), firstly(1, hangs, nothing)))
		c.trigger(nodes[0].m, "w")
		first := c.await(c.promptly(), "w", 1)[0]
		_ = c.on(first).stop(0)
		again := c.await(c.promptly(), "w", 2)[1]
		assert.Equal(c, first.Tick.ID(), again.Tick.ID(), "the tick that is run")
	}),

	clustered("CLU-11", "so-is-one-that-remove-cut-off", []core.Feature{core.FeatureRemove}, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.three(work("w", c.shortly(), firstly(1, hangs, nothing)))
		first := c.await(p, "w", 1)[0]
		ctx, cancel := context.WithCancel(context.Background())
		cancel2 := time.AfterFunc(time.Second, cancel)
		defer cancel2.Stop()
		_ = c.on(first).m.Remove(ctx, "w")
		again := c.await(c.promptly(), "w", 2)[1]
		assert.NotEqual(c, first.Node, again.Node, "the node")
	}),

	clustered("CLU-11", "one-that-ends-by-itself-is-not", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		c.three(work("w", core.Every(p), takes(p/4)))
		until(c.trial, slot.Add(p/8))
		c.on(c.runs("w")[0]).mustStop()
		until(c.trial, slot.Add(p/2))
		assert.Len(c, c.runs("w"), 1, "runs: Stop waited for the one in progress")
	}),

	clustered("CLU-11", "the-lease-of-one-that-never-returned-lapses", nil, func(c *cluster) {
		p := c.period()
		midway(c.trial, p)
		c.three(work("w", c.shortly(), firstly(1, ignores(5*c.failover()), nothing)))
		first := c.await(p, "w", 1)[0]
		_ = c.on(first).stop(0)
		stopped := time.Now()
		again := c.await(c.failover()+c.slack(), "w", 2)[1]
		assert.GreaterOrEqual(c, again.Begin.Sub(stopped), c.failover()/4, "the time until another ran what had not returned")
		assert.True(c, again.Tick.Redelivered, "the tick is marked as redelivered")
		c.sleep(5 * c.failover())
	}),

	clustered("CLU-12", "what-runs-elsewhere-goes-on", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		workers := []core.Worker{work("w", core.Every(p), takes(p/2)), work("v", core.Every(p), takes(p/3))}
		nodes := c.three(workers...)
		nodes = append(nodes, c.start("d", workers...))
		for i, n := range nodes[:3] {
			until(c.trial, slot.Add(time.Duration(i)*p+p/8))
			require.NoError(c, n.stop(p), "Stop, which waits for the run")
		}
		until(c.trial, slot.Add(5*p+p*3/4))
		for _, w := range workers {
			c.punctual(c.runs(w.Name), series(slot, p, 6), "nodes stopped one after the other")
			for _, r := range c.runs(w.Name) {
				assert.Zero(c, r.Lost, "the context of %s on %s ended: %s", r.Tick.ID(), r.Node, r.Cause)
			}
			assert.Zero(c, c.seen().Skipped(w.Name), "slots of %s skipped", w.Name)
		}
	}),

	clustered("CLU-12", "a-node-that-is-cut-short-disturbs-no-other", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		other := work("other", core.Every(p), takes(p/2))
		a := c.start("a", work("stuck", core.Every(p), ignores(5*p)))
		b := c.start("b", other)
		until(c.trial, slot.Add(p/8))
		_ = a.stop(0)
		until(c.trial, slot.Add(5*p+p*3/4))
		c.rerouted(c.runs("other"), series(slot, p, 6), "another node's stop was cut short")
		assert.Equal(c, uint64(6), c.status(b.m, "other").Runs, "runs")
	}),

	clustered("CLU-12", "stop-and-start-in-turn-loses-no-slot", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		n := c.start("n", w)
		for i := range 10 {
			c.sleep(p)
			next := c.start(numbered("n", i), w)
			n.mustStop()
			n = next
		}
		c.sleep(p)
		c.punctual(c.runs("w"), series(slot, p, 11), "one node followed on another")
		assert.False(c, anyRedelivered(c.runs("w")), "a tick is marked as redelivered")
	}),
}

func anyRedelivered(runs []history.Run) bool {
	for _, r := range runs {
		if r.Tick.Redelivered {
			return true
		}
	}
	return false
}
