package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stateCases, eventCases) }

// stateCases are about what the status shows in states that are rare.
var stateCases = []kase{
	{rule: "CTL-2", name: "a-worker-whose-schedule-broke-is-broken-no-more-after-a-reschedule", needs: []core.Feature{core.FeatureReschedule, core.FeatureAnySchedule}, run: func(t *trial) {
		p := t.period()
		slot := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", endingAt(slot.Add(p), p, wayward["standing-still"]), nil))
		until(t, slot.Add(2*p+p/2)) // since its second slot it is broken
		before := t.count("w")
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(p)))
		s := t.status(m, "w")
		assert.NotEqual(t, core.StateBroken, s.State, "the state, after the schedule was replaced")
		assert.NoError(t, s.Err, "why it is broken: it is not any more")
		t.awaitCalls("w", before+2)
		assert.Equal(t, core.StateIdle, t.status(m, "w").State, "the state between two runs")
	}},
	{rule: "OBS-1", name: "a-worker-whose-schedule-broke-shows-no-next-slot-though-its-schedule-has-one-again", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		slot := midway(t, p).Add(p) // Add asks for the first two slots
		m := t.running(core.Options{}, t.worker("w", nextOnly{func(after time.Time) time.Time {
			if !after.Before(slot) && after.Before(slot.Add(p/4)) {
				return after // wrong for a while
			}
			return floor(after, p).Add(p)
		}}, nil))
		until(t, slot.Add(p/2))
		isBroken(t, m, "w")
		t.sleep(2 * p)
		isBroken(t, m, "w")
		assert.Equal(t, 2, t.count("w"), "runs")
	}},
	{rule: "PER-11", name: "after-a-short-jump-back-the-status-does-not-show-a-slot-that-ran-as-the-next", local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(5*time.Second))
		t.clock.jump(-45 * time.Second)
		require.Equal(t, next.Add(p), t.status(m, "w").Next.UTC(), "the next slot, right after the jump")
		t.sleep(core.ClockCheck + t.slack())
		require.Equal(t, next.Add(p), t.status(m, "w").Next.UTC(), "the next slot, when the engine has seen the jump")
	}},
}

// eventCases are about the time and the attempts of what observers are told.
var eventCases = []kase{
	{rule: "OBS-2", name: "the-time-of-a-report-is-when-the-slots-were-skipped", run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 2*p + p/2 })
		until(t, o.next.Add(3*o.p))
		skips := o.watch.seen(core.EventSkipped, "w")
		require.NotEmpty(t, skips, "reports of skipped slots")
		for _, e := range skips {
			assert.False(t, e.Time.Before(e.Last), "the time of a report, %s, is before its slot, %s", e.Time, e.Last)
			assert.False(t, e.Time.After(t.clock.Now()), "the time of a report, %s, is in the future", e.Time)
		}
	}},
	{rule: "ERR-5", name: "events-show-the-attempts-that-were-made-and-their-time", needs: retries, run: func(t *trial) {
		watch := &watcher{}
		w := t.worker("w", core.Every(2*t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 10)}
		began := t.clock.Now()
		m := t.running(core.Options{Observers: []core.Observer{watch.see}}, w)
		t.awaitRuns(m, "w", 1)
		t.eventually(t.soon(), "the observers are told that the run has ended", func() bool { return watch.count(core.EventEnded, "w") > 0 })
		failed := watch.seen(core.EventAttemptFailed, "w")
		require.GreaterOrEqual(t, len(failed), 2, "attempts that failed and were repeated")
		for i, e := range failed[:2] {
			assert.Equal(t, i+1, e.Result.Attempts, "the attempts made so far, in the event of attempt %d", i+1)
			assert.Equal(t, i+1, e.Tick.Attempt, "the tick's attempt, in the event of attempt %d", i+1)
		}
		ended := watch.seen(core.EventEnded, "w")[0]
		assert.Equal(t, 3, ended.Result.Attempts, "the attempts made, when the run has ended")
		assert.Equal(t, 3, ended.Tick.Attempt, "the tick's attempt, when the run has ended")
		for _, e := range append(append(failed[:2:2], ended), watch.seen(core.EventBegan, "w")[0]) {
			assert.False(t, e.Time.Before(began) || e.Time.After(t.clock.Now()), "the time of the event %s, %s, is not when it happened", e.Kind, e.Time)
		}
	}},
}
