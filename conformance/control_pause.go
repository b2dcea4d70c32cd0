package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, pauseCases) }

var pauses = []core.Feature{core.FeaturePause}

var pauseCases = []kase{
	{rule: "CTL-4", name: "slots-are-skipped-until-resume-and-not-made-up", needs: pauses, run: func(t *trial) {
		watch := &watcher{}
		m := t.running(core.Options{Observers: []core.Observer{watch.see}},
			t.worker("w", core.Every(t.period()), nil), t.worker("other", core.Every(t.period()), nil))
		t.awaitCalls("w", 1)
		slot := midway(t, t.period())
		before := t.count("w")
		require.NoError(t, m.Pause(context.Background(), "w"))
		assert.Equal(t, core.StatePaused, t.status(m, "w").State, "the state after Pause")
		t.sleep(3 * t.period())
		s := t.status(m, "w")
		assert.Equal(t, before, t.count("w"), "runs of a worker that is paused")
		assert.EqualValues(t, 3, s.Skips.Paused, "slots skipped, with reason paused")
		assert.EqualValues(t, 3, s.Skips.Total(), "slots skipped, for whatever reason")
		assert.Equal(t, core.StatePaused, s.State, "the state, three slots later")
		require.NoError(t, m.Resume(context.Background(), "w"))
		assert.Equal(t, core.StateIdle, t.status(m, "w").State, "the state after Resume")
		t.awaitCalls("w", before+2)
		midway(t, t.period())
		t.beganFrom("w", before, slot.Add(3*t.period()), "the next slot after Resume: nothing is made up")
		runs := slotsRun(t, "w")[before:]
		assert.Equal(t, stamps(series(slot.Add(3*t.period()), t.period(), len(runs))), stamps(runs), "the slots that were run after Resume")
		var skipped []string
		for _, e := range watch.seen(core.EventSkipped, "w") {
			assert.Equal(t, core.ReasonPaused, e.Reason, "the reason that the observers are told")
			skipped = append(skipped, stamps(series(e.Tick.Slot, t.period(), e.Count))...)
		}
		assert.Equal(t, stamps(series(slot, t.period(), 3)), skipped, "the slots that the observers are told of")
		assert.Zero(t, t.status(m, "other").Skips.Total(), "slots of another worker that were skipped")
	}},
	{rule: "CTL-4", name: "trigger-still-works", needs: []core.Feature{core.FeaturePause, core.FeatureTrigger}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		midway(t, t.period())
		before := t.count("w")
		require.NoError(t, m.Pause(context.Background(), "w"))
		for n := range 2 {
			t.trigger(m, "w")
			t.eventually(t.promptly(), "the triggered run begins", func() bool { return t.count("w") == before+n+1 })
		}
		t.sleep(2 * t.period())
		assert.Equal(t, before+2, t.count("w"), "runs: of the triggers alone")
		assert.Equal(t, core.StatePaused, t.status(m, "w").State, "the state: a trigger is no Resume")
	}},
	{rule: "CTL-4", name: "a-run-in-progress-goes-on", needs: pauses, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		require.NoError(t, m.Pause(context.Background(), "w"))
		t.sleep(2 * t.period())
		assert.Zero(t, t.calls("w")[0].end, "the run in progress is let go on")
		g.open()
		s := t.awaitRuns(m, "w", 1)
		assert.NoError(t, s.Last.Err, "the error of the run in progress")
		t.sleep(2 * t.period())
		assert.Equal(t, 1, t.count("w"), "runs of a worker that is paused")
	}},
	{rule: "OBS-1", name: "a-worker-that-is-paused-in-a-run-shows-both-and-who-paused-it-and-when", needs: pauses, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{Instance: "here"}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		s := t.status(m, "w")
		assert.Equal(t, core.StateRunning, s.State, "the state in a run")
		assert.True(t, s.Running, "a run is in progress")
		assert.Nil(t, s.Paused, "who paused it, before Pause")
		before := time.Now()
		require.NoError(t, m.Pause(context.Background(), "w"))
		after := time.Now()
		for range 2 {
			s = t.status(m, "w")
			assert.Equal(t, core.StatePaused, s.State, "the state after Pause, in a run")
			assert.True(t, s.Running, "a run is in progress after Pause")
			require.NotNil(t, s.Paused, "who paused it")
			assert.Equal(t, "here", s.Paused.By, "who paused it")
			assert.False(t, s.Paused.At.Before(before.Add(-time.Millisecond)) || s.Paused.At.After(after), "when it was paused: %s, and Pause was called from %s to %s", s.Paused.At, before, after)
			t.sleep(t.period())
			require.NoError(t, m.Pause(context.Background(), "w"), "a second Pause, which changes nothing")
		}
		g.open()
		t.awaitRuns(m, "w", 1)
		t.eventually(t.soon(), "no run is in progress", func() bool { return !t.status(m, "w").Running })
		assert.Equal(t, core.StatePaused, t.status(m, "w").State, "the state after Pause and the end of the run")
		require.NoError(t, m.Resume(context.Background(), "w"))
		assert.Nil(t, t.status(m, "w").Paused, "who paused it, after Resume")
	}},
	{rule: "CTL-4", name: "pausing-and-resuming-twice-is-no-error", needs: pauses, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		require.NoError(t, m.Resume(context.Background(), "w"), "Resume of what is not paused")
		require.NoError(t, m.Pause(context.Background(), "w"))
		require.NoError(t, m.Pause(context.Background(), "w"), "Pause of what is paused")
		require.NoError(t, m.Resume(context.Background(), "w"))
		t.awaitCalls("w", 1) // one Resume ends two Pauses
		require.NoError(t, m.Resume(context.Background(), "w"), "Resume of what is not paused any more")
	}},
	{rule: "CTL-4", name: "what-cannot-be-paused", needs: pauses, run: func(t *trial) {
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
		assert.ErrorIs(t, m.Pause(context.Background(), "w"), core.ErrNotStarted, "Pause before Start")
		assert.ErrorIs(t, m.Resume(context.Background(), "w"), core.ErrNotStarted, "Resume before Start")
		require.NoError(t, m.Start(context.Background()))
		assert.ErrorIs(t, m.Pause(context.Background(), "nobody"), core.ErrNotFound, "Pause of an unknown name")
		assert.ErrorIs(t, m.Resume(context.Background(), "nobody"), core.ErrNotFound, "Resume of an unknown name")
		t.awaitCalls("w", 1) // a Pause before Start has paused nothing
		require.NoError(t, m.Stop(context.Background()))
		assert.ErrorIs(t, m.Pause(context.Background(), "w"), core.ErrStopped, "Pause after Stop")
		assert.ErrorIs(t, m.Resume(context.Background(), "w"), core.ErrStopped, "Resume after Stop")
	}},
	{rule: "CTL-4", name: "a-delay-goes-on-after-resume", needs: []core.Feature{core.FeaturePause, core.FeatureDelay}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Delay(t.period()), nil))
		require.NoError(t, m.Pause(context.Background(), "w"))
		t.sleep(4*t.period() + t.period()/2)
		require.Zero(t, t.count("w"), "runs of a worker that is paused")
		assert.NotZero(t, t.status(m, "w").Skips.Paused, "slots skipped, with reason paused")
		resumed := time.Now()
		require.NoError(t, m.Resume(context.Background(), "w"))
		t.awaitCalls("w", 2)
		assert.True(t, t.calls("w")[0].tick.Slot.After(resumed), "the first run after Resume is of a slot after it: nothing is made up")
	}},
	{rule: "CTL-4", name: "what-was-missed-while-paused-is-not-made-up", needs: pauses, local: true, virtual: true, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		midway(t, t.period())
		require.NoError(t, m.Pause(context.Background(), "w"))
		t.clock.jump(10 * t.period())
		t.sleep(core.ClockCheck + t.period())
		midway(t, t.period()) // not at a slot, which may come before Resume or after it
		require.NoError(t, m.Resume(context.Background(), "w"))
		t.sleep(t.slack())
		assert.Zero(t, t.count("w"), "runs after Resume, before the next slot: nothing is made up")
	}},
	{rule: "CTL-4", name: "remove-of-a-paused-worker", needs: []core.Feature{core.FeaturePause, core.FeatureRemove}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		require.NoError(t, m.Pause(context.Background(), "w"))
		require.NoError(t, t.removing(m, "w").within(t.soon()))
		assert.ErrorIs(t, m.Resume(context.Background(), "w"), core.ErrNotFound, "Resume of a worker that was removed")
		t.sleep(2 * t.period())
		assert.Zero(t, t.count("w"), "runs")
	}},
}
