package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, clusterLongCases) }

// LNG-3: one instance at a time.
var clusterLongCases = []kase{
	clustered("LNG-3", "one-of-three-nodes-runs-it", longRunning, func(c *cluster) {
		c.three(work("long", nil, hangs))
		c.await(c.promptly(), "long", 1)
		c.sleep(30 * c.failover())
		c.alone(1)
		assert.Zero(c, c.runs("long")[0].Lost, "the end of its context")
	}),

	clustered("LNG-3", "another-takes-over-when-its-node-stops", longRunning, func(c *cluster) {
		c.takeover(c.promptly(), core.ErrStopping, func(n *node) { n.mustStop() })
	}),
	clustered("LNG-3", "another-takes-over-when-its-node-dies", longRunning, func(c *cluster) {
		c.takeover(c.failover()+c.slack(), nil, func(n *node) { n.kill() })
	}),
	clustered("LNG-3", "another-takes-over-when-its-node-loses-the-broker", longRunning, func(c *cluster) {
		c.takeover(c.failover()+c.slack(), core.ErrLeaseLost, func(n *node) { n.cut() })
	}),
	clustered("LNG-3", "another-takes-over-when-it-is-removed-from-its-node", []core.Feature{core.FeatureLongRunning, core.FeatureRemove}, func(c *cluster) {
		c.takeover(c.promptly(), core.ErrRemoved, func(n *node) {
			require.NoError(c, n.m.Remove(context.Background(), "long"))
		})
	}),

	clustered("LNG-3", "a-short-outage-does-not-end-it", longRunning, func(c *cluster) {
		c.three(work("long", nil, hangs))
		c.await(c.promptly(), "long", 1)
		for range 5 {
			c.sleep(c.failover())
			c.down()
			c.sleep(c.failover() / 4)
			c.up()
		}
		c.sleep(c.failover())
		c.alone(1)
	}),

	clustered("LNG-3", "a-long-outage-ends-it-and-it-is-run-again-after", longRunning, func(c *cluster) {
		c.three(work("long", nil, hangs))
		c.await(c.promptly(), "long", 1)
		c.sleep(c.failover())
		c.down()
		c.sleep(2 * c.failover())
		first := c.runs("long")[0]
		assert.Equal(c, core.ErrLeaseLost.Error(), first.Cause, "why its context has ended, after an outage of twice the failover time")
		c.up()
		c.await(c.failover()+c.slack(), "long", 2)
		c.sleep(4 * c.failover())
		c.alone(2)
	}),

	clustered("LNG-3", "one-that-is-done-is-done-for-all", longRunning, func(c *cluster) {
		nodes := c.three(work("long", nil, takes(c.failover()/2)))
		c.await(c.promptly(), "long", 1)
		c.sleep(6 * c.failover())
		c.alone(1)
		for _, n := range nodes {
			assert.Equal(c, core.StateDone, c.status(n.m, "long").State, "the state on %s", n.name)
		}
		c.on(c.runs("long")[0]).kill()
		c.sleep(6 * c.failover())
		c.alone(1)
	}),

	clustered("LNG-3", "an-instance-that-joins-does-not-run-one-again-that-is-done-unless-all-were-down", longRunning, func(c *cluster) {
		long := work("long", nil, nothing)
		old := c.three(long)
		c.await(c.promptly(), "long", 1)
		c.sleep(2 * c.failover())
		var young []*node
		for i, n := range old { // a rolling deploy
			young = append(young, c.start(numbered("new", i), long))
			c.sleep(2 * c.failover())
			c.alone(1)
			c.show(young, "long", core.StateDone, "on instances that joined when it was done")
			n.mustStop()
			c.sleep(2 * c.failover())
			c.alone(1)
		}
		young[1].kill()
		last := c.start("last", long)
		c.sleep(4 * c.failover())
		c.alone(1)
		for _, n := range []*node{young[0], young[2], last} {
			n.mustStop()
		}
		c.sleep(2 * c.failover())
		c.start("first-again", long)
		c.start("second-again", long)
		c.await(c.failover()+c.slack(), "long", 2)
		c.sleep(4 * c.failover())
		c.alone(2)
	}),

	clustered("LNG-3", "one-that-fails-is-run-again-by-one", longRunning, func(c *cluster) {
		w := work("long", nil, firstly(5, func(context.Context) error { return errors.New("failed") }, hangs))
		w.Retry.Backoff = core.Constant(c.failover() / 3)
		c.three(w)
		c.await(c.promptly()+6*c.failover()/3, "long", 6)
		c.sleep(6 * c.failover())
		c.alone(6)
	}),

	clustered("LNG-3", "a-pause-ends-it-and-resume-has-one-run-it", []core.Feature{core.FeatureLongRunning, core.FeaturePause}, func(c *cluster) {
		nodes := c.three(work("long", nil, hangs))
		c.await(c.promptly(), "long", 1)
		for i, n := range nodes {
			c.sleep(c.failover())
			require.NoError(c, n.m.Pause(context.Background(), "long"))
			c.eventually(c.failover(), "its context ends", func() bool { return allOver(c.runs("long")) })
			c.sleep(3 * c.failover())
			c.alone(i + 1)
			require.NoError(c, nodes[(i+1)%3].m.Resume(context.Background(), "long"))
			c.await(c.failover(), "long", i+2)
		}
		c.sleep(3 * c.failover())
		c.alone(4)
	}),

	clustered("LNG-3", "a-node-that-waits-in-a-backoff-dies", longRunning, func(c *cluster) {
		w := work("long", nil, firstly(1, func(context.Context) error { return errors.New("failed") }, hangs))
		w.Retry.Backoff = core.Constant(100 * c.failover())
		c.three(w)
		first := c.await(c.promptly(), "long", 1)[0]
		c.sleep(2 * c.failover())
		c.alone(1)
		c.on(first).kill()
		c.await(c.failover()+c.slack(), "long", 2)
	}),

	clustered("LNG-3", "a-trigger-runs-one-that-is-done-again", []core.Feature{core.FeatureLongRunning, core.FeatureTrigger}, func(c *cluster) {
		nodes := c.three(work("long", nil, nothing))
		c.await(c.promptly(), "long", 1)
		for i, n := range nodes {
			c.sleep(2 * c.failover())
			c.alone(i + 1)
			c.trigger(n.m, "long")
			c.await(c.promptly(), "long", i+2)
		}
		c.sleep(4 * c.failover())
		c.alone(4)
	}),
}

// alone fails the case unless a long-running worker has been run so often, by one
// node at a time.
func (c *cluster) alone(n int) {
	require.Len(c, c.runs("long"), n, "runs")
	c.holds("CLU-2")
}

// takeover has the node that runs a long-running worker give way to another, twice.
func (c *cluster) takeover(within time.Duration, cause error, end func(*node)) {
	c.three(work("long", nil, hangs))
	runs := c.await(c.promptly(), "long", 1)
	for n := range 2 {
		c.sleep(c.failover() * 5 / 7)
		end(c.on(runs[n]))
		runs = c.await(within, "long", n+2)
		assert.NotEqual(c, runs[n].Node, runs[n+1].Node, "the node that has taken over")
		if cause != nil {
			assert.Equal(c, cause.Error(), runs[n].Cause, "why the context of the first has ended")
		}
		assert.Greater(c, runs[n+1].Tick.Fence, runs[n].Tick.Fence, "the fencing token")
	}
	c.sleep(4 * c.failover())
	c.alone(3)
	c.holds("CLU-9")
}
