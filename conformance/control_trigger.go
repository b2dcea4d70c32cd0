package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, triggerCases) }

var triggers = []core.Feature{core.FeatureTrigger}

var triggerCases = []kase{
	{rule: "CTL-3", name: "it-runs-once-as-soon-as-it-can", needs: triggers, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		midway(t, t.period())
		t.trigger(m, "w")
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 1 })
		tick := t.calls("w")[0].tick
		assert.NotEmpty(t, tick.Manual, "the tick of a triggered run is a manual one")
		assert.Zero(t, tick.Slot, "the slot of a manual tick")
		t.sleep(3 * t.period())
		assert.Equal(t, 1, t.count("w"), "runs, of one trigger")
		t.trigger(m, "w")
		t.eventually(t.promptly(), "the second triggered run begins", func() bool { return t.count("w") == 2 })
		assert.NotEqual(t, tick.ID(), t.calls("w")[1].tick.ID(), "the IDs of two triggered runs")
		t.awaitRuns(m, "w", 2)
	}},
	{rule: "CTL-3", name: "it-is-beside-the-schedule", needs: triggers, run: func(t *trial) {
		slot := midway(t, t.period())
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		for n := range 3 {
			t.trigger(m, "w")
			t.eventually(t.period()/2, "the triggered run begins", func() bool { return manualRuns(t, "w") == n+1 })
			midway(t, t.period())
			t.sleep(t.period())
		}
		runs := slotsRun(t, "w")
		assert.Equal(t, stamps(series(slot, t.period(), len(runs))), stamps(runs), "the slots that were run, beside the triggers")
		assert.GreaterOrEqual(t, len(runs), 3, "slots that were run, beside the triggers")
	}},
	{rule: "CTL-3", name: "while-one-runs-it-waits-and-several-are-one", needs: triggers, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(4*t.period()), g.stubborn))
		g.await()
		for range 5 {
			t.trigger(m, "w")
		}
		t.sleep(t.period())
		require.Equal(t, 1, t.count("w"), "runs at a time")
		g.open()
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 2 })
		t.sleep(t.period())
		assert.Equal(t, 1, manualRuns(t, "w"), "triggered runs, of five triggers that came while one was waiting")
		first, second := t.calls("w")[0], t.calls("w")[1]
		assert.False(t, second.begin.Before(first.end), "the triggered run begins when the other has ended")
		assert.Zero(t, t.status(m, "w").Skips.Total(), "slots skipped: a trigger is no slot")
	}},
	{rule: "CTL-3", name: "one-that-comes-while-a-triggered-run-is-in-progress-is-another", needs: triggers, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", t.rarely(), g.stubborn))
		midway(t, t.period())
		t.trigger(m, "w")
		g.await()
		t.trigger(m, "w")
		t.trigger(m, "w")
		g.open()
		t.eventually(t.promptly(), "the second triggered run begins", func() bool { return t.count("w") == 2 })
		t.sleep(t.period())
		assert.Equal(t, 2, manualRuns(t, "w"), "triggered runs: one was in progress, and two came while none was waiting and then one was")
	}},
	{rule: "CTL-3", name: "while-one-waits-its-turn-several-are-one", needs: triggers, run: func(t *trial) {
		g := t.gate("first")
		defer g.open()
		m := t.running(core.Options{MaxConcurrent: 1},
			t.worker("first", t.rarely(), g.patient), t.worker("w", t.rarely(), nil))
		midway(t, t.period())
		t.trigger(m, "first")
		g.await()
		for range 5 {
			t.trigger(m, "w")
		}
		t.sleep(t.promptly())
		require.Zero(t, t.count("w"), "runs while the other has the only turn")
		g.open()
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 1 })
		t.sleep(t.period())
		assert.Equal(t, 1, t.count("w"), "triggered runs, of five triggers that came while one was waiting")
	}},
	{rule: "CTL-3", name: "trigger-returns-the-tick-that-runs", needs: triggers, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		midway(t, t.period())
		for n := range 3 {
			tick := t.trigger(m, "w")
			t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == n+1 })
			assert.Equal(t, t.calls("w")[n].tick.ID(), tick.ID(), "the tick that Trigger returned, and the run's")
		}
		t.awaitRuns(m, "w", 3)
	}},
	{rule: "CTL-3", name: "triggers-during-a-run-return-the-one-tick-that-waits", needs: triggers, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(4*t.period()), g.stubborn))
		g.await()
		tick := t.trigger(m, "w")
		for range 3 {
			assert.Equal(t, tick.ID(), t.trigger(m, "w").ID(), "the tick that Trigger returned while another trigger was waiting")
		}
		g.open()
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 2 })
		assert.Equal(t, t.calls("w")[1].tick.ID(), tick.ID(), "the tick that Trigger returned, and the run's")
	}},
	{rule: "CTL-3", name: "triggers-while-one-waits-its-turn-return-its-tick", needs: triggers, run: func(t *trial) {
		g := t.gate("first")
		defer g.open()
		m := t.running(core.Options{MaxConcurrent: 1},
			t.worker("first", t.rarely(), g.patient), t.worker("w", t.rarely(), nil))
		midway(t, t.period())
		t.trigger(m, "first")
		g.await()
		tick := t.trigger(m, "w")
		t.sleep(t.promptly())
		assert.Equal(t, tick.ID(), t.trigger(m, "w").ID(), "the tick that Trigger returned while a triggered run waited its turn")
		g.open()
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 1 })
		assert.Equal(t, t.calls("w")[0].tick.ID(), tick.ID(), "the tick that Trigger returned, and the run's")
	}},
	{rule: "CTL-3", name: "many-at-once-never-overlap", needs: triggers, run: func(t *trial) {
		crowd := &crowd{}
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", t.rarely(), func(ctx context.Context) error {
			defer crowd.enter()()
			return g.stubborn(ctx)
		}))
		midway(t, t.period())
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { assert.NoError(t, errOf(m.Trigger(context.Background(), "w"))) })
		}
		all.Wait()
		g.await()
		g.open()
		t.sleep(t.period())
		assert.Equal(t, 1, crowd.most(), "the most runs in progress at a time")
		assert.LessOrEqual(t, t.count("w"), 2, "runs, of fifty triggers while one was in progress")
	}},
	{rule: "CTL-3", name: "a-delay-counts-from-its-end", needs: []core.Feature{core.FeatureTrigger, core.FeatureDelay}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Delay(4*t.period()), nil))
		t.sleep(t.period())
		t.trigger(m, "w")
		t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == 1 })
		t.eventually(6*t.period(), "the next run", func() bool { return t.count("w") == 2 })
		runs := t.calls("w")
		assert.Empty(t, runs[1].tick.Manual, "the next run is the schedule's")
		assert.GreaterOrEqual(t, runs[1].begin.Sub(runs[0].end), 4*t.period(), "the delay after the triggered run")
	}},
	{rule: "CTL-3", name: "what-cannot-be-triggered", needs: triggers, run: func(t *trial) {
		m := t.open(core.Options{})
		disabled := t.worker("disabled", core.Every(t.period()), nil)
		disabled.Disabled = true
		require.NoError(t, m.Add(context.Background(), t.worker("w", t.rarely(), nil)))
		require.NoError(t, m.Add(context.Background(), disabled))
		assert.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrNotStarted, "before Start")
		require.NoError(t, m.Start(context.Background()))
		assert.ErrorIs(t, errOf(m.Trigger(context.Background(), "nobody")), core.ErrNotFound, "an unknown name")
		assert.ErrorIs(t, errOf(m.Trigger(context.Background(), "disabled")), core.ErrDisabled, "a disabled worker")
		require.NoError(t, m.Stop(context.Background()))
		assert.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrStopped, "after Stop")
		t.sleep(t.promptly())
		assert.Zero(t, t.begun(), "runs")
	}},
	{rule: "CTL-3", name: "a-long-running-worker-that-is-up-stays-up-and-one-that-is-done-runs-again", needs: []core.Feature{core.FeatureTrigger, core.FeatureLongRunning}, run: func(t *trial) {
		g := t.gate("up")
		defer g.open()
		m := t.running(core.Options{}, t.worker("up", nil, g.patient), t.worker("done", nil, nil))
		g.await()
		t.awaitRuns(m, "done", 1)
		t.trigger(m, "up")
		t.trigger(m, "done")
		t.eventually(t.promptly(), "the one that was done runs again", func() bool { return t.count("done") == 2 })
		t.sleep(t.period())
		assert.Equal(t, 1, t.count("up"), "runs of the one that is up")
		assert.Equal(t, 2, t.count("done"), "runs of the one that was done")
	}},
	{rule: "CTL-4", name: "trigger-of-a-paused-long-running-worker-that-is-done-runs-it-at-resume", needs: []core.Feature{core.FeatureTrigger, core.FeaturePause, core.FeatureLongRunning}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("done", nil, nil))
		t.awaitRuns(m, "done", 1)
		require.NoError(t, m.Pause(context.Background(), "done"))
		tick := t.trigger(m, "done")
		assert.Equal(t, tick.ID(), t.trigger(m, "done").ID(), "the tick that Trigger returned while another trigger was waiting")
		t.sleep(t.period())
		assert.Equal(t, 1, t.count("done"), "runs of a worker that is paused")
		require.NoError(t, m.Resume(context.Background(), "done"))
		t.eventually(t.promptly(), "it runs again", func() bool { return t.count("done") == 2 })
		assert.Equal(t, t.calls("done")[1].tick.ID(), tick.ID(), "the tick that Trigger returned, and the run's")
		t.sleep(t.period())
		assert.Equal(t, 2, t.count("done"), "runs, of two triggers that came while one was waiting")
	}},
	{rule: "CTL-3", name: "trigger-of-a-long-running-worker-returns-the-tick-that-runs", needs: []core.Feature{core.FeatureTrigger, core.FeatureLongRunning}, run: func(t *trial) {
		g := t.gate("up")
		defer g.open()
		m := t.running(core.Options{}, t.worker("up", nil, g.patient), t.worker("done", nil, nil))
		g.await()
		t.awaitRuns(m, "done", 1)
		assert.Equal(t, t.calls("up")[0].tick.ID(), t.trigger(m, "up").ID(), "the tick that Trigger returned of the one that is up, and the tick in progress")
		tick := t.trigger(m, "done")
		t.eventually(t.promptly(), "the one that was done runs again", func() bool { return t.count("done") == 2 })
		assert.Equal(t, t.calls("done")[1].tick.ID(), tick.ID(), "the tick that Trigger returned of the one that was done, and its run's")
	}},
}

// trigger triggers a worker, wants Trigger not to wait for the run, and returns
// the tick that is to run.
func (t *trial) trigger(m core.Manager, name string) (tick core.Tick) {
	call := t.call("Trigger "+name, func() (err error) {
		tick, err = m.Trigger(context.Background(), name)
		return err
	})
	require.NoError(t, call.within(t.soon()), "Trigger %s", name)
	return tick
}

// promptly is how long a trigger may take until its run begins, on any instance.
func (t *trial) promptly() time.Duration { return t.soon() + t.features.Reroute }

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
