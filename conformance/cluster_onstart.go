package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, onStartCases) }

var runsOnStart = []core.Feature{core.FeatureRunOnStart}

// PER-6 in a cluster: a worker that runs on start does so if no other living instance
// has it already.
var onStartCases = []kase{
	clustered("PER-6", "of-three-instances-that-start-in-turn-the-first-runs-on-start", runsOnStart, func(c *cluster) {
		w := c.onStart()
		for _, name := range []string{"a", "b", "c"} {
			c.start(name, w)
			c.await(c.promptly(), "w", 1)
			c.sleep(c.brisk())
			c.onStartRuns(1)
		}
		assert.NotEmpty(c, c.runs("w")[0].Tick.Manual, "the tick of a run on start is a manual one")
	}),

	clustered("PER-6", "three-instances-that-start-at-once-run-on-start-once", runsOnStart, func(c *cluster) {
		c.atOnce(c.onStart(), "a", "b", "c")
		c.await(c.promptly(), "w", 1)
		c.sleep(c.brisk())
		c.onStartRuns(1)
	}),

	clustered("PER-6", "a-rolling-deploy-does-not-run-on-start", runsOnStart, func(c *cluster) {
		w := c.onStart()
		old := c.three(w)
		c.await(c.promptly(), "w", 1)
		c.sleep(c.brisk())
		for i, n := range old { // each is stopped as soon as its successor is up
			c.start(numbered("new", i), w)
			n.mustStop()
		}
		c.sleep(c.brisk())
		c.onStartRuns(1)
		for i := range 3 {
			c.start(numbered("newer", i), w)
			c.onStartNode(numbered("new", i)).mustStop()
			c.sleep(c.brisk())
		}
		c.onStartRuns(1)
	}),

	clustered("PER-6", "a-cluster-that-was-stopped-runs-on-start-again", runsOnStart, func(c *cluster) {
		w := c.onStart()
		for life := range 3 {
			nodes := c.atOnce(w, numbered("a", life), numbered("b", life), numbered("c", life))
			c.await(c.promptly(), "w", life+1)
			c.sleep(c.brisk())
			c.onStartRuns(life + 1)
			for _, n := range nodes {
				n.mustStop()
			}
		}
	}),

	clustered("PER-6", "a-cluster-that-was-killed-runs-on-start-again", runsOnStart, func(c *cluster) {
		w := c.onStart()
		for life := range 3 {
			nodes := c.atOnce(w, numbered("a", life), numbered("b", life))
			c.await(c.failover()+c.slack(), "w", life+1) // others seem to be alive for as long
			c.sleep(c.brisk())
			c.onStartRuns(life + 1)
			for _, n := range nodes {
				n.kill()
			}
		}
	}),

	clustered("PER-6", "a-worker-added-to-running-instances-runs-on-start-once", runsOnStart, func(c *cluster) {
		nodes := c.three(work("other", c.rarely(), nothing))
		for _, n := range nodes[:2] {
			n.add(c.onStart())
		}
		c.await(c.promptly(), "w", 1)
		c.sleep(c.brisk())
		nodes[2].add(c.onStart())
		c.sleep(c.brisk())
		c.onStartRuns(1)
	}),

	clustered("PER-6", "an-instance-that-removed-the-worker-does-not-have-it", append(runsOnStart, core.FeatureRemove), func(c *cluster) {
		w := c.onStart()
		a := c.start("a", w)
		c.await(c.promptly(), "w", 1)
		c.sleep(c.brisk())
		require.NoError(c, a.m.Remove(context.Background(), "w"))
		c.sleep(c.brisk())
		c.start("b", w)
		c.await(c.promptly(), "w", 2)
		c.sleep(c.brisk())
		c.onStartRuns(2)
	}),

	clustered("PER-6", "an-instance-that-has-the-worker-without-run-on-start-has-it", runsOnStart, func(c *cluster) {
		w := c.onStart()
		before := w
		before.RunOnStart = false
		c.start("a", before)
		c.sleep(c.brisk())
		c.start("b", w)
		c.sleep(c.brisk())
		c.onStartRuns(0)
	}),

	clustered("PER-6", "with-scope-per-instance-each-start-runs-on-start", runsOnStart, func(c *cluster) {
		w := c.onStart()
		w.Scope = core.PerInstance
		c.three(w)
		c.sleep(c.brisk())
		var nodes []string
		for _, r := range c.runs("w") {
			nodes = append(nodes, r.Node)
		}
		assert.ElementsMatch(c, []string{"a", "b", "c"}, nodes, "the instances that ran it")
	}),
}

// onStart is a worker that runs on start, and has no slot in the case's time.
func (c *cluster) onStart() core.Worker {
	w := work("w", c.rarely(), takes(time.Second))
	w.RunOnStart = true
	return w
}

// atOnce brings nodes with one worker up at the same moment.
func (c *cluster) atOnce(w core.Worker, names ...string) (nodes []*node) {
	for _, name := range names {
		nodes = append(nodes, c.open(name, site{}, w))
	}
	errs := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { errs <- n.start() }()
	}
	for range nodes {
		c.must(<-errs, "Start")
	}
	return nodes
}

func (c *cluster) onStartNode(name string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	panic("no node " + name)
}

func (c *cluster) onStartRuns(n int) {
	require.Len(c, c.runs("w"), n, "runs of the worker that runs on start")
}
