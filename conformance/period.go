package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, periodCases) }

// PER-1: where the slots lie.
var periodCases = []kase{
	{rule: "PER-1", name: "slots-are-the-multiples-of-the-period", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(2*p+p/2))
		ranSlots(t, "w", series(next, p, 3), "each multiple of the period")
		for _, c := range t.calls("w") {
			require.Equal(t, time.UTC, c.tick.Slot.Location(), "a slot is in UTC")
		}
	}},

	// Days, hours and minutes are counted alike from any midnight; a period
	// that does not divide them shows from where they are.
	{rule: "PER-1", name: "multiples-are-counted-from-the-unix-epoch", virtual: true, run: func(t *trial) {
		unit, odd := time.Hour, []time.Time{
			at("2000-01-01T09:00:00Z"), // 23,907 × 11 h
			at("2000-01-01T20:00:00Z"),
			at("2000-01-02T07:00:00Z"),
		}
		if t.features.Distributed { // its own doings in a day are many
			unit, odd = time.Minute, []time.Time{
				at("2000-01-01T00:01:00Z"), // 1,434,371 × 11 min
				at("2000-01-01T00:12:00Z"),
				at("2000-01-01T00:23:00Z"),
			}
		}
		m := t.running(core.Options{},
			t.worker("odd", core.Every(11*unit), nil),
			t.worker("weekly", core.Every(7*24*time.Hour), nil))
		require.Equal(t, at("2000-01-06T00:00:00Z"), t.status(m, "weekly").Next,
			"1970-01-01 was a Thursday, so each Thursday begins with a multiple of a week")
		t.sleep(33 * unit)
		ranSlots(t, "odd", odd, "multiples of 11 times "+unit.String()+" since 1970")
	}},

	{rule: "PER-1", name: "an-offset-moves-every-slot", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{},
			t.worker("later", core.Every(p).Offset(p/4), nil),
			t.worker("earlier", core.Every(p).Offset(-p/4), nil),
			t.worker("much-later", core.Every(p).Offset(7*p+p/4), nil))
		until(t, next.Add(p+p/2))
		ranSlots(t, "later", series(next.Add(p/4), p, 2), "each multiple and a quarter")
		ranSlots(t, "earlier", series(next.Add(-p/4), p, 2), "a quarter before each multiple")
		ranSlots(t, "much-later", series(next.Add(p/4), p, 2), "whole periods in an offset move nothing")
	}},

	{rule: "PER-1", name: "a-restart-does-not-reset-the-clock", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p/2))
		t.must(m.Stop(context.Background()), "Stop")
		t.sleep(p / 4)
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(2*p+p/2))
		ranSlots(t, "w", series(next, p, 3), "as if there had been no restart")
	}},

	{rule: "PER-1", name: "all-instances-agree", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		one := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		t.sleep(p / 4)
		two := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		require.Equal(t, next, t.status(one, "w").Next, "the first instance's next slot")
		require.Equal(t, next, t.status(two, "w").Next, "the next slot of an instance that started later")
	}},

	{rule: "PER-1", name: "the-first-run-is-at-the-first-slot-after-the-start", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("from-the-start", core.Every(p), nil))
		t.must(m.Add(context.Background(), t.worker("added-later", core.Every(p), nil)), "Add")
		until(t, next.Add(p/2))
		t.beganFrom("from-the-start", 0, next, "the first slot after Start")
		t.beganFrom("added-later", 0, next, "the first slot after Add")
		ranSlots(t, "from-the-start", series(next, p, 1), "the first slot after Start")
		ranSlots(t, "added-later", series(next, p, 1), "the first slot after Add")
	}},

	{rule: "PER-1", name: "started-on-a-slot-the-next-one-is-the-first", virtual: true, run: func(t *trial) {
		p := t.period()
		start := floor(time.Now(), p).Add(p)
		until(t, start)
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, start.Add(p+p/2))
		ranSlots(t, "w", series(start.Add(p), p, 1), "the first slot after the start is not the start itself")
	}},

	// The run of a slot lies later by the jitter, so a worker may start between
	// the two. That slot was before its start, all the same.
	{rule: "PER-1", name: "a-slot-before-the-start-does-not-run-for-its-jitter", needs: []core.Feature{core.FeatureJitter}, virtual: true, run: func(t *trial) {
		p := t.period()
		start := floor(time.Now(), p).Add(p + p/20)
		until(t, start)
		m := t.running(core.Options{})
		for i := range 10 {
			w := t.worker(fmt.Sprintf("w%d", i), core.Every(p), nil)
			w.Jitter = p * 9 / 10
			t.must(m.Add(context.Background(), w), "Add")
		}
		t.sleep(3 * p)
		for i := range 10 {
			name := fmt.Sprintf("w%d", i)
			require.NotEmpty(t, slotsRun(t, name), name)
			require.Equal(t, floor(start, p).Add(p), slotsRun(t, name)[0], "the first slot that %s ran, started at %s", name, start)
		}
	}},
}
