package conformance

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, rescheduleCases) }

var reschedules = []core.Feature{core.FeatureReschedule}

var rescheduleCases = []kase{
	{rule: "CTL-2", name: "the-next-run-is-the-new-schedules-next-slot", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		slot := midway(t, t.period())
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		s := t.status(m, "w")
		assert.Equal(t, core.Every(t.period()).String(), s.Schedule, "the schedule in the status")
		t.awaitCalls("w", 2)
		midway(t, t.period())
		runs := slotsRun(t, "w")
		assert.Equal(t, stamps(series(slot, t.period(), len(runs))), stamps(runs), "the slots that were run")
		assert.Zero(t, manualRuns(t, "w"), "runs of no slot: Reschedule is no Trigger")
	}},
	{rule: "CTL-2", name: "of-several-reschedules-at-once-the-status-shows-the-one-that-runs", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		for round := range 10 {
			var all sync.WaitGroup
			for n := range 4 {
				offset := time.Duration(n+1) * t.period() / 8
				// A schedule takes its time to answer: the others are asked in the meantime.
				s := hesitant{core.Every(t.period()).Offset(offset), (n*7 + round*3) % 5 * 100}
				all.Go(func() { assert.NoError(t, m.Reschedule(context.Background(), "w", s)) })
			}
			all.Wait()
			shown := t.status(m, "w").Schedule
			from := time.Now()
			t.sleep(3*t.period() + t.lateness())
			slots := slices.DeleteFunc(slotsRun(t, "w"), func(slot time.Time) bool { return slot.Before(from) })
			require.GreaterOrEqual(t, len(slots), 3, "runs in three periods, after four Reschedules at once")
			for _, slot := range slots {
				offset := slot.Sub(floor(slot, t.period()))
				assert.Equal(t, shown, core.Every(t.period()).Offset(offset).String(), "the schedule in the status, and the one whose slots run")
			}
		}
	}},
	{rule: "CTL-2", name: "the-old-schedules-slots-run-no-more", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		t.awaitCalls("w", 1)
		slot := midway(t, t.period())
		before := t.count("w")
		later := core.Every(100 * t.period()).Offset(slot.Add(2 * t.period()).Sub(floor(slot, 100*t.period())))
		require.NoError(t, m.Reschedule(context.Background(), "w", later))
		t.sleep(3 * t.period())
		runs := slotsRun(t, "w")
		assert.Equal(t, stamps([]time.Time{slot.Add(2 * t.period())}), stamps(runs[before:]), "the slots that were run, after Reschedule")
		assert.Zero(t, t.status(m, "w").Skips.Total(), "slots that were skipped")
	}},
	{rule: "CTL-2", name: "a-run-in-progress-goes-on", needs: reschedules, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		midway(t, t.period())
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(2*t.period())))
		t.sleep(2 * t.period())
		assert.Zero(t, t.calls("w")[0].end, "the run in progress is let go on")
		assert.Equal(t, 1, t.count("w"), "runs at a time, though a slot of the new schedule fell due")
		assert.NotZero(t, t.status(m, "w").Skips.Overlap, "slots of the new schedule that were skipped, with reason overlap")
		g.open()
		t.eventually(4*t.period(), "the new schedule's next slot runs", func() bool { return t.count("w") == 2 })
		assert.NoError(t, t.calls("w")[0].err, "the run was not cancelled")
		next := t.calls("w")[1].tick.Slot
		assert.Equal(t, floor(next, 2*t.period()), next.UTC(), "the slot that was run next is one of the new schedule's")
	}},
	{rule: "CTL-2", name: "to-the-same-schedule-runs-no-slot-twice", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		t.awaitCalls("w", 1)
		for range 5 {
			require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		}
		midway(t, t.period())
		for range 20 {
			require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		}
		t.sleep(2 * t.period())
		runs := slotsRun(t, "w")
		require.GreaterOrEqual(t, len(runs), 3, "slots that were run")
		assert.Equal(t, stamps(series(runs[0], t.period(), len(runs))), stamps(runs), "the slots that were run")
	}},
	{rule: "CTL-2", name: "of-several-the-last-counts", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		slot := midway(t, t.period())
		for i := range 10 {
			require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(100*t.period()).Offset(time.Duration(i)*t.period())))
		}
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(2*t.period()).Offset(slot.Sub(floor(slot, 2*t.period())))))
		t.sleep(3 * t.period())
		assert.Equal(t, stamps(series(slot, 2*t.period(), 2)), stamps(slotsRun(t, "w")), "the slots that were run")
	}},
	{rule: "CTL-2", name: "to-a-schedule-of-another-kind", needs: []core.Feature{core.FeatureReschedule, core.FeatureDelay}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		began := time.Now()
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Delay(t.period())))
		t.awaitCalls("w", 2)
		assert.GreaterOrEqual(t, t.calls("w")[0].begin.Sub(began), t.period(), "the first run of a Delay, after Reschedule")
		slot := midway(t, t.period())
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		before := t.count("w")
		t.sleep(2 * t.period())
		assert.Equal(t, stamps(series(slot, t.period(), 2)), stamps(slotsRun(t, "w")[before:]), "the slots that were run, back on an interval")
	}},
	{rule: "CTL-2", name: "before-start-it-counts-from-the-start", needs: reschedules, run: func(t *trial) {
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), t.worker("w", t.rarely(), nil)))
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs before Start")
		slot := midway(t, t.period())
		require.NoError(t, m.Start(context.Background()))
		t.sleep(2 * t.period())
		assert.Equal(t, stamps(series(slot, t.period(), 2)), stamps(slotsRun(t, "w")), "the slots that were run")
	}},
	{rule: "CTL-2", name: "a-worker-whose-schedule-was-over-has-slots-again", needs: []core.Feature{core.FeatureReschedule, core.FeatureAnySchedule}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", nextOnly{func(time.Time) time.Time { return time.Time{} }}, nil))
		midway(t, t.period())
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		t.awaitCalls("w", 2)
	}},
	{rule: "CTL-2", name: "one-that-is-refused-leaves-the-old", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		for what, s := range map[string]core.Schedule{"no period": core.Every(0), "a negative period": core.Every(-time.Hour), "nil": nil} {
			require.ErrorIs(t, m.Reschedule(context.Background(), "w", s), core.ErrInvalidWorker, "Reschedule to %s", what)
		}
		require.ErrorIs(t, m.Reschedule(context.Background(), "nobody", core.Every(t.period())), core.ErrNotFound)
		assert.Equal(t, core.Every(t.period()).String(), t.status(m, "w").Schedule, "the schedule in the status")
		t.keepsTime("w")
		require.NoError(t, m.Stop(context.Background()))
		require.ErrorIs(t, m.Reschedule(context.Background(), "w", core.Every(t.period())), core.ErrStopped)
	}},
	{rule: "CTL-2", name: "a-long-running-worker-has-no-schedule-to-replace", needs: []core.Feature{core.FeatureReschedule, core.FeatureLongRunning}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{}, t.worker("long", nil, g.patient))
		g.await()
		require.ErrorIs(t, m.Reschedule(context.Background(), "long", core.Every(t.period())), core.ErrUnsupported)
		t.sleep(2 * t.period())
		assert.Zero(t, t.calls("long")[0].end, "the run in progress is let go on")
	}},
	{rule: "CTL-2", name: "a-paused-worker-stays-paused", needs: []core.Feature{core.FeatureReschedule, core.FeaturePause}, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		require.NoError(t, m.Pause(context.Background(), "w"))
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs of a worker that is paused")
		require.NoError(t, m.Resume(context.Background(), "w"))
		t.awaitCalls("w", 1)
	}},
}

// hesitant is an Interval that lets other goroutines go first before it answers. It
// does not sleep: an engine may ask it under a lock.
type hesitant struct {
	core.Interval
	yields int
}

// Next yields, and returns the next slot.
func (h hesitant) Next(after time.Time) time.Time {
	for range h.yields {
		runtime.Gosched()
	}
	return h.Interval.Next(after)
}
