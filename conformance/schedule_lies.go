package conformance

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, lieCases) }

// lieCases are methods of a schedule, other than Next, whose results are wrong.
var lieCases = []kase{
	{rule: "PER-9", name: "a-schedule-that-is-over-among-missed-slots-runs-its-last-slot-and-does-not-loop", needs: anySchedule, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		last := next.Add(20 * p)
		s := &counted{schedule: endingAt(last, p, never)}
		m := t.running(core.Options{}, t.worker("w", s, nil))
		until(t, next.Add(p/2))
		t.clock.jump(1000 * p)
		t.sleep(2*core.ClockCheck + t.slack())
		require.LessOrEqual(t, t.count("w"), 2, "runs: of its first slot, and of the latest that was missed, its last")
		assert.Equal(t, core.StateDone, t.status(m, "w").State, "the state")
		assert.NoError(t, t.status(m, "w").Err, "to be over is no error")
		before := s.calls.Load()
		t.sleep(10 * p)
		assert.Less(t, s.calls.Load()-before, int64(20), "calls of Next in ten periods, after the schedule was over")
		require.False(t, s.hot(), "a hot loop: %d calls of Next", s.calls.Load())
	}},

	{rule: "PER-9", name: "a-schedule-whose-prev-lies-runs-no-time-that-is-not-a-slot", needs: anySchedule, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{})
		lies := map[string]func(time.Time) time.Time{
			"in-the-future": func(at time.Time) time.Time { return at.Add(time.Hour).Truncate(p) },
			"no-slot":       func(at time.Time) time.Time { return at.Add(-time.Second).Truncate(p).Add(time.Second) },
			"the-zero-time": func(time.Time) time.Time { return time.Time{} },
			"wrong-before-a-slot": func(at time.Time) time.Time {
				if after := at.Add(1); after.Equal(after.Truncate(p)) {
					return at.Add(time.Hour)
				}
				return at.Truncate(p)
			},
			"long-ago":                         func(time.Time) time.Time { return at("2000-01-01T00:00:00Z").Add(-time.Hour) },
			"before-the-first-that-was-missed": func(at time.Time) time.Time { return at.Add(-2000 * p).Truncate(p) },
		}
		for name, prev := range lies {
			t.must(m.Add(context.Background(), t.worker(name, lyingSchedule{Interval: core.Every(p), prev: prev}, nil)), "Add")
		}
		until(t, next.Add(p/2))
		t.clock.jump(1000*p + p/4)
		t.sleep(2*core.ClockCheck + t.slack())
		for name := range lies {
			for _, slot := range slotsRun(t, name) {
				assert.Equal(t, slot.Truncate(p), slot, "a time that %s has run is a slot of its schedule", name)
				assert.False(t, slot.Before(next), "a slot that %s has run, %s, is before its start", name, slot)
				assert.False(t, slot.After(t.clock.Now()), "a slot that %s has run, %s, is in the future", name, slot)
			}
			if s := t.status(m, name); s.State != core.StateBroken {
				assert.GreaterOrEqual(t, t.count(name), 2, "runs of %s, which goes on", name)
			} else {
				isBroken(t, m, name)
			}
		}
	}},

	{rule: "OBS-2", name: "a-schedule-whose-count-lies-goes-on-and-its-counts-stay-possible", needs: anySchedule, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		watch := &watcher{}
		m := t.running(core.Options{Observers: []core.Observer{watch.see}})
		lies := map[string]int{"negative": -5, "none": 0, "too-many": math.MaxInt}
		skipping := t.features.Supports(core.FeatureMisfire)
		for name, n := range lies {
			w := t.worker(name, lyingSchedule{Interval: core.Every(p), count: func(time.Time, time.Time) int { return n }}, nil)
			t.must(m.Add(context.Background(), w), "Add")
			if w.Name, w.Misfire = name+"-and-skips", core.SkipMissed; skipping {
				t.must(m.Add(context.Background(), w), "Add")
			}
		}
		until(t, next.Add(p/2))
		t.clock.jump(1000*p + p/4)
		until(t, next.Add(4*p))
		for _, s := range m.Workers() {
			told := 0
			for _, e := range watch.seen(core.EventSkipped, s.Name) {
				assert.Positive(t, e.Count, "slots of a report of %s", s.Name)
				assert.LessOrEqual(t, e.Count, int(1001*p), "slots of a report of %s: not more than the nanoseconds in which they lie", s.Name)
				told += e.Count
			}
			assert.NotZero(t, told, "slots that the observers are told of as skipped, of %s", s.Name)
			assert.EqualValues(t, told, s.Skips.Missed, "slots missed, of %s", s.Name)
			assert.NotEqual(t, core.StateBroken, s.State, "the state of %s: its slots are right", s.Name)
		}
		for name := range lies {
			assert.GreaterOrEqual(t, t.count(name), 4, "runs of %s", name)
		}
	}},

	{rule: "PER-9", name: "a-schedule-whose-string-lies-runs-at-the-slots-of-its-next", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{})
		for name, text := range map[string]string{"rare": "every 24h", "long": "long-running", "nameless": "", "wild": "every -1ns"} {
			t.must(m.Add(context.Background(), t.worker(name, lyingSchedule{Interval: core.Every(p), text: &text}, nil)), "Add")
		}
		until(t, next.Add(2*p+p/2))
		for _, s := range m.Workers() {
			ranSlots(t, s.Name, series(next, p, 3), "the slots of its Next")
		}
	}},

	{rule: "PER-9", name: "a-schedule-whose-validate-approves-of-it-is-still-refused-or-stopped", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		for name, next := range wayward {
			m := t.open(core.Options{})
			s := &counted{schedule: nextOnly{next}}
			if err := m.Add(context.Background(), t.worker(name, approved{s, nil}, nil)); err == nil {
				t.must(m.Start(context.Background()), "Start")
				t.sleep(p)
				isBroken(t, m, name)
			} else {
				require.ErrorIs(t, err, core.ErrInvalidWorker)
			}
			require.Zero(t, t.count(name), "runs of %s", name)
			require.False(t, s.hot(), "a hot loop: %d calls of Next", s.calls.Load())
		}
	}},

	{rule: "REG-3", name: "a-schedule-whose-validate-refuses-it-is-refused-with-its-error", needs: anySchedule, run: func(t *trial) {
		m := t.open(core.Options{})
		refusal := errors.New("there is no calendar")
		err := m.Add(context.Background(), t.worker("w", approved{core.Every(t.period()), refusal}, nil))
		require.ErrorIs(t, err, core.ErrInvalidWorker)
		require.ErrorIs(t, err, refusal, "the error of Validate")
		var named *core.WorkerError
		require.ErrorAs(t, err, &named)
		assert.Equal(t, "Schedule", named.Field, "the field")
		assert.Empty(t, listed(m), "the workers that are listed")
	}},
}

// lyingSchedule is a user's schedule of which one method other than Next may lie.
type lyingSchedule struct {
	core.Interval
	prev  func(time.Time) time.Time
	count func(after, until time.Time) int
	text  *string
}

func (l lyingSchedule) Prev(at time.Time) time.Time {
	if l.prev != nil {
		return l.prev(at)
	}
	return l.Interval.Prev(at)
}

func (l lyingSchedule) Count(after, until time.Time) int {
	if l.count != nil {
		return l.count(after, until)
	}
	return l.Interval.Count(after, until)
}

func (l lyingSchedule) String() string {
	if l.text != nil {
		return *l.text
	}
	return l.Interval.String()
}

// approved is a schedule with a Validate.
type approved struct {
	core.Schedule
	verdict error
}

func (a approved) Validate() error { return a.verdict }
