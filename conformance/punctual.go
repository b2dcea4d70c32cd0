package conformance

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, punctualCases) }

// PER-2 and PER-4: when the run of a slot begins.
var punctualCases = []kase{
	{rule: "PER-2", name: "no-run-begins-before-its-slot-or-later-than-declared", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
		until(t, next.Add(4*p+p/2))
		isPunctual(t, &watch, 5)
	}},

	// A timer that fires to the millisecond is early by up to one.
	{rule: "PER-2", name: "a-slot-between-two-milliseconds", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "w", core.Every(p).Offset(1_999_999*time.Nanosecond)))
		until(t, next.Add(4*p+p/2))
		isPunctual(t, &watch, 5)
	}},

	{rule: "PER-2", name: "the-clock-is-the-instances-own", setsClock: true, run: func(t *trial) {
		p := t.period()
		ahead := min(p/3, 3*time.Second)
		t.clock.jump(ahead) // before there is an instance: it is set wrong, it does not jump
		next := midway(t, p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
		until(t, next.Add(2*p+p/2))
		isPunctual(t, &watch, 3)
	}},

	{rule: "PER-2", name: "a-clock-that-is-set-back-does-not-make-a-run-early", local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
		until(t, next.Add(p/2))
		t.clock.jump(-p / 6) // the next slot is that much further away now
		until(t, next.Add(3*p))
		isPunctual(t, &watch, 3)
	}},

	{rule: "PER-2", name: "a-slot-in-the-far-future-does-not-run-today", needs: []core.Feature{core.FeatureAnySchedule}, virtual: true, run: func(t *trial) {
		const many = 100
		centuries := func(year int) core.Schedule {
			return nextOnly{func(after time.Time) time.Time {
				first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
				if first.After(after) {
					return first
				}
				return after.AddDate(many, 0, 0)
			}}
		}
		m := t.running(core.Options{},
			t.worker("in-2263", centuries(2263), nil), // beyond what Unix nanoseconds can say
			t.worker("in-2600", centuries(2600), nil), // beyond that twice
			t.worker("in-9999", centuries(9999), nil))
		t.sleep(time.Hour)
		for _, w := range m.Workers() {
			require.Zero(t, t.count(w.Name), "runs of %s", w.Name)
			require.Contains(t, w.Name, w.Next.Format("2006"), "its next slot")
		}
	}},

	{rule: "PER-4", name: "the-thousandth-run-is-the-run-of-its-own-slot", virtual: true, run: func(t *trial) {
		p := t.briefly()
		next := midway(t, p)
		var watch stopwatch
		w := watch.on(t, "w", core.Every(p))
		run := w.Run
		var n atomic.Int64
		w.Run = func(ctx context.Context) error { // it takes its time, a different one each time
			defer time.Sleep(time.Duration(n.Add(1)%7) * p / 10)
			return run(ctx)
		}
		t.running(core.Options{}, w)
		until(t, next.Add(999*p+p/2))
		ranSlots(t, "w", series(next, p, 1000), "one run for each slot")
		isPunctual(t, &watch, 1000)
	}},

	{rule: "PER-4", name: "a-run-that-takes-its-time-delays-no-later-slot", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{}, t.worker("w", core.Every(p), func(context.Context) error {
			time.Sleep(p / 3)
			return nil
		}))
		until(t, next.Add(4*p+p/2))
		ranSlots(t, "w", series(next, p, 5), "one run for each slot")
	}},

	// Whoever rounds to the millisecond is two of them off after two hundred runs.
	{rule: "PER-4", name: "a-period-of-odd-nanoseconds-is-kept-to-the-nanosecond", virtual: true, run: func(t *trial) {
		p := t.briefly() + 10_001*time.Nanosecond
		first := floor(time.Now(), p).Add(p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
		until(t, first.Add(199*p+p/2))
		ranSlots(t, "w", series(first, p, 200), "multiples of the period to the nanosecond")
		isPunctual(t, &watch, 200)
	}},
}

// briefly is the period of a case that lets a thousand pass.
func (t *trial) briefly() time.Duration {
	return max(10*time.Second, 10*t.features.Lateness, t.features.MinPeriod)
}

// isPunctual fails the case unless there are n readings, none early and none
// later than it may be.
func isPunctual(t *trial, watch *stopwatch, n int) {
	late := watch.readings()
	require.Len(t, late, n, "runs of a slot")
	assert.GreaterOrEqual(t, slices.Min(late), time.Duration(0), "a run began before its slot, by its instance's clock")
	assert.LessOrEqual(t, slices.Max(late), t.lateness(), "a run began later after its slot than the engine declares")
}
