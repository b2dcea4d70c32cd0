package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, apartCases) }

// CLU-7 and CLU-8: clusters that share a broker, and clocks that do not agree.
var apartCases = []kase{
	clustered("CLU-7", "each-namespace-runs-each-slot", nil, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), takes(p/4))
		for _, ns := range []string{"red", "blue"} {
			c.startAt(ns+"-a", site{namespace: ns}, w)
			c.startAt(ns+"-b", site{namespace: ns}, w)
		}
		c.sleep(10 * p)
		for _, ns := range []string{"red", "blue"} {
			c.punctual(c.runs(ns+"/w"), series(slot, p, 10), "the other namespace has a worker of that name")
		}
	}),

	clustered("CLU-7", "a-pause-a-trigger-and-the-status-are-one-namespaces", []core.Feature{core.FeaturePause, core.FeatureTrigger}, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		red, blue := c.startAt("red", site{namespace: "red"}, w), c.startAt("blue", site{namespace: "blue"}, w)
		require.NoError(c, red.m.Pause(context.Background(), "w"))
		c.sleep(5 * p)
		assert.Len(c, c.runs("red/w"), 0, "runs where it is paused")
		assert.Len(c, c.runs("blue/w"), 5, "runs in the other namespace")
		assert.Nil(c, c.status(red.m, "w").Last, "the last run, where there was none")
		assert.Equal(c, core.StateIdle, c.status(blue.m, "w").State, "the state in the other namespace")
		c.trigger(red.m, "w")
		c.await(c.promptly(), "red/w", 1)
		c.sleep(p)
		assert.Len(c, c.runs("blue/w"), 6, "runs in the other namespace, without the trigger")
	}),

	clustered("CLU-7", "long-running-workers-are-one-in-each", longRunning, func(c *cluster) {
		for _, ns := range []string{"red", "blue"} {
			c.startAt(ns+"-a", site{namespace: ns}, work("long", nil, hangs))
			c.startAt(ns+"-b", site{namespace: ns}, work("long", nil, hangs))
		}
		c.sleep(10 * c.failover())
		assert.Len(c, c.runs("red/long"), 1, "runs in the one namespace")
		assert.Len(c, c.runs("blue/long"), 1, "runs in the other")
	}),

	clustered("CLU-7", "one-namespaces-instances-stop-alone", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), takes(p/2+time.Second))
		red := c.startAt("red", site{namespace: "red"}, w)
		c.startAt("blue", site{namespace: "blue"}, w)
		until(c.trial, slot.Add(p/8))
		red.kill()
		until(c.trial, slot.Add(5*p+p/2))
		c.punctual(c.runs("blue/w"), series(slot, p, 6), "a node of the other namespace died")
	}),

	clustered("CLU-8", "clocks-four-seconds-apart-run-each-slot-once", nil, func(c *cluster) {
		c.skewed(map[string]time.Duration{"a": 0, "b": 4 * time.Second})
	}),
	clustered("CLU-8", "clocks-on-either-side-of-the-brokers-run-each-slot-once", nil, func(c *cluster) {
		c.skewed(map[string]time.Duration{"a": -2400 * time.Millisecond, "b": 2400 * time.Millisecond, "c": 10 * time.Millisecond})
	}),
	clustered("CLU-8", "a-clock-far-ahead-claims-nothing-and-reports-it", nil, func(c *cluster) {
		c.farOff(10 * time.Second)
	}),
	clustered("CLU-8", "a-clock-far-behind-claims-nothing-and-reports-it", nil, func(c *cluster) {
		c.farOff(-10 * time.Second)
	}),

	clustered("CLU-8", "a-clock-that-is-set-wrong-and-right-again", nil, func(c *cluster) {
		p := c.period()
		slot := midway(c.trial, p)
		var brokers watcher
		w := work("w", core.Every(p), nothing)
		a := c.startAt("a", site{options: core.Options{Observers: []core.Observer{brokers.see}}}, w)
		c.sleep(2 * p)
		a.clock.jump(-time.Hour)
		c.sleep(2 * p)
		require.Len(c, c.runs("w"), 2, "runs while the clock of the only node is an hour behind")
		told := brokers.seen(core.EventBroker, "")
		require.NotEmpty(c, told, "reports")
		require.Error(c, told[len(told)-1].Err, "the report")
		a.clock.jump(time.Hour)
		c.sleep(3 * p)
		told = brokers.seen(core.EventBroker, "")
		require.NoError(c, told[len(told)-1].Err, "the report when the clock is right again")
		runs := c.slots("w")
		assert.Equal(c, stamps(series(slot.Add(5*p), p, 2)), stamps(runs[len(runs)-2:]), "the last slots that were run")
	}),

	// It goes wrong between two beats of whatever compares the clocks.
	clustered("CLU-8", "a-clock-that-is-set-ahead-claims-nothing-from-then-on", nil, func(c *cluster) {
		midway(c.trial, time.Minute)
		a := c.start("a", work("w", c.nextIn(5*time.Minute, 10*time.Minute), nothing), work("often", core.Every(time.Second), nothing))
		c.sleep(10*time.Second + time.Millisecond)
		before := len(c.runs("w"))
		a.clock.jump(time.Hour)
		c.sleep(c.period())
		assert.Len(c, c.runs("w"), before, "runs of a worker whose slot was not to come for minutes")
	}),
}

// skewed has nodes whose clocks differ a little.
func (c *cluster) skewed(clocks map[string]time.Duration) {
	p := c.brisk()
	slot := midway(c.trial, p)
	w := work("w", core.Every(p), takes(time.Second))
	second := work("second", core.Every(max(time.Second, c.features.MinPeriod)), nothing)
	for name, ahead := range clocks {
		c.startAt(name, site{ahead: ahead}, w, second)
	}
	c.sleep(10 * p)
	require.Equal(c, stamps(series(slot, p, 10)), stamps(c.slots("w")), "the slots that were run")
	for _, r := range append(c.runs("w"), c.runs("second")...) {
		if local := r.Begin.Add(clocks[r.Node]); local.Before(r.Tick.Slot) {
			c.Errorf("%s began on %s at %s by that node's clock", r.Tick.ID(), r.Node, local)
		}
	}
	c.holds("CLU-1", "CLU-2", "CLU-9", "PER-3")
}

// farOff has one node of two whose clock is far from the broker's.
func (c *cluster) farOff(ahead time.Duration) {
	p := c.brisk()
	slot := midway(c.trial, p)
	var brokers watcher
	w := work("w", core.Every(p), nothing)
	c.startAt("off", site{ahead: ahead, options: core.Options{Observers: []core.Observer{brokers.see}}}, w)
	c.start("right", w)
	c.sleep(10 * p)
	c.punctual(c.runs("w"), series(slot, p, 10), "one node's clock is right")
	for _, r := range c.runs("w") {
		assert.Equal(c, "right", r.Node, "the node that ran %s", r.Tick.ID())
	}
	told := brokers.seen(core.EventBroker, "")
	require.Len(c, told, 1, "reports")
	require.Error(c, told[0].Err, "the report")
}
