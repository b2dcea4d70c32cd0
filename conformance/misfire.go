package conformance

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, misfireCases) }

// PER-7: what becomes of slots that were missed. To a process that was frozen,
// suspended or swapped out, it is as if the clock had jumped ahead.
var misfireCases = []kase{
	{rule: "PER-7", name: "the-latest-missed-slot-runs-once", local: true, virtual: true, run: func(t *trial) {
		latestRuns(t, core.Every(t.period()))
	}},

	{rule: "PER-7", name: "the-latest-missed-slot-of-a-cron-schedule-runs-once", needs: []core.Feature{core.FeatureCron}, local: true, virtual: true, run: func(t *trial) {
		latestRuns(t, core.Cron("* * * * *"))
	}},

	{rule: "PER-7", name: "the-latest-missed-slot-of-a-users-schedule-runs-once", needs: []core.Feature{core.FeatureAnySchedule}, local: true, virtual: true, run: func(t *trial) {
		latestRuns(t, nextOnly{core.Every(t.period()).Next})
	}},

	{rule: "PER-7", name: "skip-missed-runs-none", needs: misfires, local: true, virtual: true, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), nil)
		w.Misfire = core.SkipMissed
		noneRuns(t, w)
	}},

	{rule: "PER-7", name: "a-latest-slot-older-than-max-late-does-not-run", needs: misfires, local: true, virtual: true, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), nil)
		w.MaxLate = t.period() / 12 // the jump ends a sixth of a period after a slot
		noneRuns(t, w)
	}},

	// It is the latest slot whose age counts; the first that was missed is ten
	// periods old.
	{rule: "PER-7", name: "a-latest-slot-within-max-late-runs", needs: misfires, local: true, virtual: true, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), nil)
		w.MaxLate = t.period() * 5 / 6
		m, slot := afterJump(t, w)
		ranSlots(t, "w", []time.Time{slot, slot.Add(10 * t.period())}, "the slot before the jump and the latest one missed")
		require.Equal(t, core.Skips{Missed: 9}, t.status(m, "w").Skips)
	}},

	{rule: "PER-7", name: "a-single-slot-that-comes-late-is-missed-too", needs: misfires, local: true, virtual: true, run: func(t *trial) {
		hourly := func(name string, misfire core.Misfire, maxLate time.Duration) core.Worker {
			w := t.worker(name, core.Every(time.Hour), nil)
			w.Misfire, w.MaxLate = misfire, maxLate
			return w
		}
		next := midway(t, time.Hour)
		m := t.running(core.Options{},
			hourly("latest", core.RunLatest, 0),
			hourly("skip", core.SkipMissed, 0),
			hourly("at-most-10m", core.RunLatest, 10*time.Minute),
			hourly("at-most-20m", core.RunLatest, 20*time.Minute))
		t.note("the clock jumps from half past to a quarter past")
		t.clock.jump(45 * time.Minute)
		t.sleep(core.ClockCheck + t.slack())
		for name, runs := range map[string]int{"latest": 1, "skip": 0, "at-most-10m": 0, "at-most-20m": 1} {
			ranSlots(t, name, series(next, time.Hour, runs), "the slot was a quarter of an hour late")
			require.Equal(t, core.Skips{Missed: uint64(1 - runs)}, t.status(m, name).Skips, name)
		}
	}},

	{rule: "PER-7", name: "a-slot-that-is-hardly-late-is-not-missed", needs: misfires, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		w := t.worker("w", core.Every(p), nil)
		w.Misfire = core.SkipMissed
		m := t.running(core.Options{}, w)
		t.clock.jump(core.MissedAfter / 2) // whoever sleeps until the slot finds it that late
		until(t, next.Add(p/2))
		ranSlots(t, "w", series(next, p, 1), "half of MissedAfter is not missed")
		require.Zero(t, t.status(m, "w").Skips)
	}},

	// A day has 1440 slots and a year has 525,600 of a minute.
	{rule: "PER-7", name: "missed-slots-are-counted-not-enumerated", local: true, virtual: true, run: func(t *trial) {
		var told, reports atomic.Int64
		m := t.running(core.Options{Observers: []core.Observer{func(e core.Event) {
			if e.Kind == core.EventSkipped {
				told.Add(int64(e.Count))
				reports.Add(1)
			}
		}}}, t.worker("w", core.Every(time.Minute), nil))
		midway(t, time.Minute)
		missed := 365*24*60 - 1
		t.clock.jump(365 * 24 * time.Hour)
		t.sleep(core.ClockCheck + t.slack())
		require.InDelta(t, missed, t.status(m, "w").Skips.Missed, 1, "slots missed in a year")
		require.InDelta(t, missed, told.Load(), 1, "slots that the observer was told of")
		require.LessOrEqual(t, reports.Load(), int64(2), "times that the observer was told")
	}},

	{rule: "PER-7", name: "a-users-schedule-is-not-asked-for-each-missed-slot", needs: []core.Feature{core.FeatureAnySchedule}, local: true, virtual: true, run: func(t *trial) {
		s := &counted{schedule: core.Every(time.Minute)}
		m := t.running(core.Options{}, t.worker("w", s, nil))
		midway(t, time.Minute)
		s.calls.Store(0)
		t.clock.jump(365 * 24 * time.Hour)
		t.sleep(core.ClockCheck + t.slack())
		latest := floor(t.clock.Now(), time.Minute)
		run := slotsRun(t, "w")
		require.WithinDuration(t, latest, run[len(run)-1], time.Minute, "the latest slot runs, however many were missed")
		require.GreaterOrEqual(t, t.status(m, "w").Skips.Missed, uint64(core.MaxCounted), "missed slots, of which there are more than are counted one by one")
		require.LessOrEqual(t, s.calls.Load(), int64(2*core.MaxCounted), "calls of Next")
	}},

	{rule: "PER-7", name: "slots-missed-during-a-run-are-skipped-too", local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		w := t.worker("w", core.Every(p), func(context.Context) error {
			time.Sleep(5 * p / 2)
			return nil
		})
		m, slot := afterJump(t, w)
		ranSlots(t, "w", series(slot, p, 1), "the run goes on, and none beside it")
		s := t.status(m, "w").Skips
		require.Equal(t, uint64(10), s.Missed+s.Overlap, "slots accounted for: %+v", s)
		until(t, slot.Add(3*p+p/2))
		run := slotsRun(t, "w")
		require.Equal(t, stamps(series(slot.Add(13*p), p, 1)), stamps(run[1:]), "when the run has ended the next slot runs, by the clock that jumped")
	}},

	{rule: "PER-7", name: "of-a-delay-one-slot-at-most-is-missed", needs: []core.Feature{core.FeatureDelay, core.FeatureMisfire}, local: true, virtual: true, run: func(t *trial) {
		latest, skip := t.worker("latest", core.Delay(time.Hour), nil), t.worker("skip", core.Delay(time.Hour), nil)
		skip.Misfire = core.SkipMissed
		m := t.running(core.Options{}, latest, skip)
		t.sleep(30 * time.Minute)
		t.clock.jump(10 * time.Hour)
		t.sleep(core.ClockCheck + t.slack())
		require.Equal(t, 1, t.count("latest"), "runs of the delay that passed")
		require.Zero(t, t.status(m, "latest").Skips, "the next is due after the run's end: nothing else was missed")
		require.Zero(t, t.count("skip"), "runs of what skips what was missed")
		require.Equal(t, core.Skips{Missed: 1}, t.status(m, "skip").Skips)
		t.sleep(time.Hour)
		require.Equal(t, 2, t.count("latest"), "runs, an hour later")
		require.Equal(t, 1, t.count("skip"), "runs, an hour later: a delay that was skipped begins anew")
	}},

	// In real time nobody knows when an engine notices, but every slot must be
	// somewhere.
	{rule: "PER-7", name: "every-slot-of-a-jump-is-run-or-counted", local: true, setsClock: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p/2))
		t.clock.jump(20 * p)
		landed := floor(t.clock.Now(), p)
		t.eventually(core.ClockCheck+2*p, "a run after the jump", func() bool { return t.count("w") > 1 })
		midway(t, p)
		run, skipped := slotsRun(t, "w"), t.status(m, "w").Skips.Total()
		last := run[len(run)-1]
		require.False(t, last.Before(landed), "the latest slot that ran is %s, which is not the latest missed, %s", last, landed)
		require.Equal(t, int(last.Sub(next)/p)+1, len(run)+int(skipped), "slots from %s to %s, run or skipped: %v and %d", next, last, stamps(run), skipped)
		between := 0
		for _, slot := range run {
			if slot.After(next) && !slot.After(landed) {
				between++
			}
		}
		require.LessOrEqual(t, between, 1, "slots run of those that were missed")
	}},

	{rule: "PER-7", name: "a-worker-seen-for-the-first-time-has-missed-nothing", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.open(core.Options{})
		t.must(m.Add(context.Background(), t.worker("early", core.Every(p), nil)), "Add")
		until(t, next.Add(p+p/2)) // registered, and slots pass
		t.must(m.Start(context.Background()), "Start")
		t.must(m.Add(context.Background(), t.worker("late", core.Every(p), nil)), "Add")
		until(t, next.Add(2*p+p/2))
		for _, name := range []string{"early", "late"} {
			ranSlots(t, name, series(next.Add(2*p), p, 1), "the first slot after its start, and none before")
			require.Zero(t, t.status(m, name).Skips, name)
		}
	}},

	{rule: "PER-7", name: "without-memory-the-time-between-two-processes-is-unknown", run: func(t *trial) {
		if t.features.Memory {
			return // it says that it knows
		}
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p/2))
		t.must(m.Stop(context.Background()), "Stop")
		until(t, next.Add(2*p+p/2))
		m = t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(3*p+p/2))
		ranSlots(t, "w", []time.Time{next, next.Add(3 * p)}, "those that passed while there was no process are nobody's")
		require.Zero(t, t.status(m, "w").Skips)
	}},
}

var misfires = []core.Feature{core.FeatureMisfire}

// afterJump starts a worker whose slots are a period apart, lets the clock jump
// ten periods ahead a little after its first slot, which it returns, and waits
// until the manager must have noticed, which is before the next.
func afterJump(t *trial, w core.Worker) (core.Manager, time.Time) {
	p := t.period()
	slot := midway(t, p)
	m := t.running(core.Options{}, w)
	until(t, slot.Add(p/6))
	t.note("the clock jumps ten periods ahead")
	t.clock.jump(10 * p)
	t.sleep(core.ClockCheck + t.slack())
	return m, slot
}

// latestRuns tries the policy RunLatest on a schedule.
func latestRuns(t *trial, s core.Schedule) {
	p := t.period()
	m, slot := afterJump(t, t.worker("w", s, nil))
	ranSlots(t, "w", []time.Time{slot, slot.Add(10 * p)}, "the slot before the jump and the latest one missed")
	require.Equal(t, core.Skips{Missed: 9}, t.status(m, "w").Skips, "those before the latest are skipped with reason missed")
	until(t, slot.Add(2*p+p/2))
	ranSlots(t, "w", append([]time.Time{slot}, series(slot.Add(10*p), p, 3)...), "after the jump it goes on by the clock")
	require.Equal(t, core.Skips{Missed: 9}, t.status(m, "w").Skips)
}

// noneRuns tries a worker that runs none of what was missed.
func noneRuns(t *trial, w core.Worker) {
	p := t.period()
	m, slot := afterJump(t, w)
	ranSlots(t, "w", series(slot, p, 1), "the slot before the jump, and none that was missed")
	require.Equal(t, core.Skips{Missed: 10}, t.status(m, "w").Skips, "all ten are skipped with reason missed")
	until(t, slot.Add(2*p+p/2))
	ranSlots(t, "w", append([]time.Time{slot}, series(slot.Add(11*p), p, 2)...), "after the jump it goes on by the clock")
}
