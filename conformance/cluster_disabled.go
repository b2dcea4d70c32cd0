package conformance

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, clusterDisabledCases) }

// CTL-4 on a disabled manager of a cluster.
var clusterDisabledCases = []kase{
	clustered("CTL-4", "trigger-on-a-disabled-manager-runs-the-tick-on-another-instance", triggers, func(c *cluster) {
		p := c.lively()
		midway(c.trial, p)
		w := work("w", c.rarely(), takes(2*p))
		c.start("a", w)
		c.start("b", w)
		off := c.disabled(w)
		assert.ErrorIs(c, errOf(off.m.Trigger(context.Background(), "nobody")), core.ErrNotFound, "Trigger of an unknown worker")
		first := c.trigger(off.m, "w")
		c.await(c.promptly(), "w", 1)
		second := c.trigger(off.m, "w")
		assert.Equal(c, second.ID(), c.trigger(off.m, "w").ID(), "the tick that Trigger returned while another trigger was waiting")
		c.sleep(6 * p)
		runs := c.runs("w")
		require.Len(c, runs, 2, "runs, of three triggers of which two were one")
		assert.Equal(c, first.ID(), runs[0].Tick.ID(), "the tick of the first run, and what its Trigger returned")
		assert.Equal(c, second.ID(), runs[1].Tick.ID(), "the tick of the second run, and what its Triggers returned")
		c.idle(off)
	}),

	clustered("CTL-4", "pause-and-resume-on-a-disabled-manager-hold-for-the-others", pauses, func(c *cluster) {
		p := c.brisk()
		slot := midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a, b := c.start("a", w), c.start("b", w)
		off := c.disabled(w)
		require.NoError(c, off.m.Pause(context.Background(), "w"), "Pause on a disabled manager")
		for _, n := range []*node{a, b} {
			c.eventually(c.failover(), n.name+" shows that it is paused", func() bool { return c.status(n.m, "w").Paused != nil })
			assert.Equal(c, "off", c.status(n.m, "w").Paused.By, "who paused it, on %s", n.name)
		}
		until(c.trial, slot.Add(3*p+p/2))
		assert.Empty(c, c.runs("w"), "runs")
		assert.Equal(c, core.Skips{Paused: 4}, c.seen().Skipped("w"), "slots skipped, on all nodes")
		require.NoError(c, off.m.Resume(context.Background(), "w"), "Resume on a disabled manager")
		c.sleep(3 * p)
		require.Equal(c, stamps(series(slot.Add(4*p), p, 3)), stamps(c.slots("w")), "the slots that were run after Resume")
		c.idle(off)
	}),

	clustered("CTL-4", "pause-on-an-instance-whose-worker-is-disabled-holds-for-the-others", pauses, func(c *cluster) {
		p := c.brisk()
		midway(c.trial, p)
		w := work("w", core.Every(p), nothing)
		a := c.start("a", w)
		w.Disabled = true
		b := c.start("b", w)
		require.NoError(c, b.m.Pause(context.Background(), "w"), "Pause of a worker that is disabled on this instance")
		c.eventually(c.failover(), "the other instance shows that it is paused", func() bool { return c.status(a.m, "w").Paused != nil })
		require.NoError(c, b.m.Resume(context.Background(), "w"), "Resume of a worker that is disabled on this instance")
		c.eventually(c.failover(), "the other instance shows that it is not paused any more", func() bool { return c.status(a.m, "w").Paused == nil })
	}),

	clustered("CTL-4", "what-a-disabled-manager-triggers-waits-for-an-instance-that-runs-it", triggers, func(c *cluster) {
		midway(c.trial, c.period())
		w := work("w", c.rarely(), nothing)
		w.RunOnStart = true
		workers := []core.Worker{w}
		if c.features.Supports(core.FeatureLongRunning) {
			workers = append(workers, work("long", nil, hangs))
		}
		off := c.disabled(workers...)
		if c.features.Supports(core.FeaturePerInstance) {
			each := work("each", c.rarely(), nothing)
			each.Scope = core.PerInstance
			off.add(each)
			assert.ErrorIs(c, errOf(off.m.Trigger(context.Background(), "each")), core.ErrDisabled, "Trigger of a worker that each instance runs for itself, on a disabled manager")
		}
		var ticks []core.Tick
		for _, w := range workers {
			ticks = append(ticks, c.trigger(off.m, w.Name))
		}
		c.sleep(3 * c.failover())
		for _, w := range workers {
			require.Empty(c, c.runs(w.Name), "runs of %s while only a disabled manager has it", w.Name)
		}
		c.idle(off)
		c.start("a", work("w", c.rarely(), nothing))
		runs := c.await(c.failover()+c.promptly(), "w", 1)
		assert.Equal(c, ticks[0].ID(), runs[0].Tick.ID(), "the tick that an instance runs which comes later")
	}),

	clustered("PER-6", "a-disabled-instance-does-not-count-as-one-that-has-the-worker", []core.Feature{core.FeatureRunOnStart, core.FeaturePause}, func(c *cluster) {
		midway(c.trial, c.period())
		w := work("w", c.rarely(), nothing)
		w.RunOnStart = true
		off := c.disabled(w)
		require.NoError(c, off.m.Resume(context.Background(), "w"), "Resume, for which a disabled manager connects")
		c.sleep(c.failover())
		require.Empty(c, c.runs("w"), "runs on a disabled manager")
		c.start("a", w)
		c.await(c.failover()+c.promptly(), "w", 1)
		c.sleep(c.failover())
		assert.Len(c, c.runs("w"), 1, "runs at the start of the first instance that is not disabled")
	}),

	clustered("STA-5", "a-disabled-manager-starts-and-stops-while-the-broker-is-away", nil, func(c *cluster) {
		c.down()
		began := time.Now()
		off := c.disabled(work("w", core.Every(time.Second), nothing))
		off.mustStop()
		assert.LessOrEqual(c, time.Since(began), c.soon(), "the time that Start and Stop took")
	}),

	clustered("CTL-4", "a-call-on-a-disabled-manager-that-cannot-reach-the-broker-fails-and-the-next-tries-again", []core.Feature{core.FeatureTrigger, core.FeaturePause}, func(c *cluster) {
		midway(c.trial, c.period())
		timeout := 3 * time.Second
		w := work("w", c.rarely(), nothing)
		a := c.start("a", w)
		off := c.startAt("off", site{options: core.Options{Disabled: true, ConnectTimeout: timeout}}, w)
		for range 2 { // not connected yet, and connected
			c.down()
			for what, do := range map[string]func() error{
				"Trigger": func() error { return errOf(off.m.Trigger(context.Background(), "w")) },
				"Pause":   func() error { return off.m.Pause(context.Background(), "w") },
				"Resume":  func() error { return off.m.Resume(context.Background(), "w") },
			} {
				began := time.Now()
				err := do()
				require.Error(c, err, "%s on a disabled manager, without a broker", what)
				require.NotErrorIs(c, err, core.ErrDisabled, "%s on a disabled manager, without a broker", what)
				assert.LessOrEqual(c, time.Since(began), timeout+c.soon(), "the time that %s took, with a connect timeout of %s", what, timeout)
			}
			c.up()
			c.eventually(c.failover(), "Pause succeeds when the broker is back", func() bool { return off.m.Pause(context.Background(), "w") == nil })
			c.eventually(2*c.failover(), "the other instance shows that it is paused", func() bool { return c.status(a.m, "w").Paused != nil })
			require.NoError(c, off.m.Resume(context.Background(), "w"))
			c.eventually(2*c.failover(), "the other instance shows that it is not paused any more", func() bool { return c.status(a.m, "w").Paused == nil })
		}
		c.idle(off)
	}),

	clustered("STP-6", "stop-of-a-disabled-manager-ends-its-connection", pauses, func(c *cluster) {
		midway(c.trial, c.period())
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("case", c.name)))
		w := work("w", c.rarely(), nothing)
		a := c.start("a", w)
		c.sleep(c.failover())
		before := c.goroutines()
		off := c.disabled(w)
		require.NoError(c, off.m.Pause(context.Background(), "w"))
		c.eventually(c.failover(), "the other instance shows that it is paused", func() bool { return c.status(a.m, "w").Paused != nil })
		off.mustStop()
		assert.ErrorIs(c, off.m.Resume(context.Background(), "w"), core.ErrStopped, "Resume on a disabled manager that was stopped")
		c.eventually(c.failover(), "no goroutine of the disabled manager is left", func() bool { return c.goroutines() <= before })
	}),

	clustered("STP-6", "stop-of-a-disabled-manager-ends-the-calls-that-try-to-connect", pauses, func(c *cluster) {
		midway(c.trial, c.period())
		w := work("w", c.rarely(), nothing)
		off := c.startAt("off", site{options: core.Options{Disabled: true, ConnectTimeout: 10 * c.period()}}, w)
		c.down()
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				assert.ErrorIs(c, off.m.Pause(context.Background(), "w"), core.ErrStopped, "Pause, which Stop has ended")
			})
		}
		c.sleep(c.failover())
		began := time.Now()
		off.mustStop()
		calls.Wait()
		assert.LessOrEqual(c, time.Since(began), c.failover(), "the time that Stop and the calls took")
	}),
}

// disabled brings the node "off" up, whose manager is disabled.
func (c *cluster) disabled(workers ...core.Worker) *node {
	return c.startAt("off", site{options: core.Options{Disabled: true}}, workers...)
}

// idle wants nothing to have run on a disabled node.
func (c *cluster) idle(off *node) {
	for _, w := range off.m.Workers() {
		assert.Equal(c, core.StateDisabled, w.State, "the state of %s on a disabled manager", w.Name)
		assert.Zero(c, w.Next, "the next slot of %s on a disabled manager", w.Name)
		assert.Zero(c, w.Runs, "runs of %s on a disabled manager", w.Name)
		for _, r := range c.runs(w.Name) {
			assert.NotEqual(c, off.name, r.Node, "the node that has run %s", r.Tick.ID())
		}
	}
}
