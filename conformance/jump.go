package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, jumpCases) }

// PER-11: the clock is set back. A distributed engine's instance that is so far
// off its broker claims nothing (CLU-8), so these are for the others.
var jumpCases = []kase{
	{rule: "PER-11", name: "after-a-jump-back-by-exactly-a-minute-no-slot-runs-again", local: true, virtual: true, run: func(t *trial) {
		p := 20 * time.Second
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(4*p)) // at this instant the engine reads the clock
		t.clock.jump(-time.Minute)
		t.must(m.Add(context.Background(), t.worker("another", core.Every(time.Second), nil)), "Add, which has the engine read the clock again at this instant")
		until(t, next.Add(8*p+p/2))
		ranSlots(t, "w", series(next, p, 6), "each once")
	}},

	{rule: "PER-11", name: "after-a-short-jump-back-no-slot-runs-again", local: true, virtual: true, run: func(t *trial) {
		shortJump(t, -45*time.Second)
	}},

	{rule: "PER-11", name: "a-minute-is-a-short-jump", local: true, virtual: true, run: func(t *trial) {
		shortJump(t, -time.Minute)
	}},

	{rule: "PER-11", name: "two-short-jumps-within-a-minute", local: true, virtual: true, run: func(t *trial) {
		shortJump(t, -25*time.Second, -25*time.Second)
	}},

	{rule: "PER-11", name: "no-slot-of-a-cron-schedule-runs-again", needs: []core.Feature{core.FeatureCron}, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{}, t.worker("w", core.Cron("* * * * *"), nil))
		until(t, next.Add(10*time.Second))
		t.clock.jump(-45 * time.Second)
		until(t, next.Add(3*time.Minute))
		ranSlots(t, "w", series(next, p, 3), "each once")
	}},

	{rule: "PER-11", name: "nor-does-a-reschedule-run-it-again", needs: []core.Feature{core.FeatureReschedule}, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(10*time.Second))
		t.clock.jump(-45 * time.Second)
		t.must(m.Reschedule(context.Background(), "w", core.Every(p)), "Reschedule to the same, before a slot that has run")
		until(t, next.Add(3*time.Minute))
		ranSlots(t, "w", series(next, p, 3), "each once")
	}},

	{rule: "PER-11", name: "nor-in-real-time", local: true, setsClock: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p+p/2))
		t.clock.jump(-min(2*p, time.Minute))
		until(t, next.Add(5*p+p/2))
		run := slotsRun(t, "w")
		ranSlots(t, "w", series(next, p, len(run)), "each once, in order")
		require.Greater(t, len(run), 2, "slots run: when the clock is where it was, the worker goes on")
	}},

	{rule: "PER-11", name: "after-a-long-jump-back-the-worker-goes-on-from-the-new-now", local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		longJump(t, core.Every(p))
	}},

	{rule: "PER-11", name: "and-so-does-a-cron-schedule", needs: []core.Feature{core.FeatureCron}, local: true, virtual: true, run: func(t *trial) {
		longJump(t, core.Cron("* * * * *"))
	}},

	{rule: "PER-11", name: "and-so-does-a-users-schedule", needs: []core.Feature{core.FeatureAnySchedule}, local: true, virtual: true, run: func(t *trial) {
		longJump(t, nextOnly{core.Every(t.period()).Next})
	}},

	{rule: "PER-11", name: "and-so-does-a-delay", needs: []core.Feature{core.FeatureDelay}, local: true, virtual: true, run: func(t *trial) {
		m := t.running(core.Options{},
			t.worker("idle", core.Delay(10*time.Minute), nil),
			t.worker("busy", core.Delay(10*time.Minute), func(context.Context) error {
				time.Sleep(8 * time.Minute)
				return nil
			}))
		t.sleep(15 * time.Minute)
		t.clock.jump(-24 * time.Hour) // one waits, one runs
		t.sleep(15 * time.Minute)
		require.Equal(t, 2, t.count("idle"), "runs in half an hour: a delay does not last a day because the clock was set back")
		require.Equal(t, 2, t.count("busy"), "runs in half an hour")
		require.Zero(t, t.status(m, "idle").Skips)
	}},

	{rule: "PER-11", name: "a-slot-days-away-comes-as-many-days-later", local: true, virtual: true, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(24*time.Hour), nil))
		t.sleep(time.Hour)
		t.clock.jump(-240 * time.Hour)
		t.sleep(core.ClockCheck + t.slack())
		next := floor(t.clock.Now(), 24*time.Hour).Add(24 * time.Hour)
		require.Equal(t, next, t.status(m, "w").Next, "the next slot, ten days earlier")
		t.sleep(next.Sub(t.clock.Now()) + t.slack())
		ranSlots(t, "w", series(next, 24*time.Hour, 1), "the next midnight of the new now")
	}},
}

// shortJump sets the clock back, by up to a minute in all, just after a slot has
// run. That slot comes again, and it does not run again.
func shortJump(t *trial, jumps ...time.Duration) {
	p := t.period()
	next := midway(t, p)
	var watch stopwatch
	m := t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
	until(t, next.Add(5*time.Second))
	for _, d := range jumps {
		t.clock.jump(d)
		t.sleep(2 * time.Second)
	}
	until(t, next.Add(4*p))
	ranSlots(t, "w", series(next, p, 4), "each once; the second comes later by the jump")
	isPunctual(t, &watch, 4)
	require.Zero(t, t.status(m, "w").Skips, "nothing was missed")
}

// longJump sets the clock back by an hour just after a slot of a schedule that
// is due every period.
func longJump(t *trial, s core.Schedule) {
	p := t.period()
	next := midway(t, p)
	var watch stopwatch
	m := t.running(core.Options{}, watch.on(t, "w", s))
	until(t, next.Add(p/6))
	t.clock.jump(-time.Hour)
	until(t, next.Add(2*p+p/2))
	ranSlots(t, "w", append([]time.Time{next}, series(next.Add(p-time.Hour), p, 2)...), "from the new now")
	isPunctual(t, &watch, 3)
	require.Zero(t, t.status(m, "w").Skips, "nothing was missed")
}
