package conformance

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, scheduleCases) }

// PER-9: a user's schedule that ends, and one that misbehaves.
var scheduleCases = []kase{
	{rule: "PER-9", name: "a-schedule-that-is-over-never-runs-again", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", endingAt(next.Add(p), p, never), nil))
		until(t, next.Add(3*p+p/2))
		ranSlots(t, "w", series(next, p, 2), "the last of its slots is the last run")
		s := t.status(m, "w")
		require.Equal(t, core.StateDone, s.State, "the worker stays listed, as done")
		require.Zero(t, s.Next, "the next slot")
		require.NoError(t, s.Err, "to be over is no error")
		require.Zero(t, s.Skips)
	}},

	{rule: "PER-9", name: "a-schedule-may-be-over-before-it-began", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		m := t.running(core.Options{}, t.worker("w", nextOnly{never}, nil))
		t.sleep(p)
		require.Zero(t, t.count("w"), "runs")
		require.Equal(t, core.StateDone, t.status(m, "w").State, "the worker is listed, as done")
	}},

	{rule: "PER-9", name: "a-schedule-that-never-advances-is-refused-or-stopped", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		for name, next := range wayward {
			s := &counted{schedule: nextOnly{next}}
			m := t.open(core.Options{})
			err := m.Add(context.Background(), t.worker(name, s, nil))
			if err == nil {
				t.must(m.Start(context.Background()), "Start")
				t.sleep(p)
				isBroken(t, m, name)
			} else {
				require.ErrorIs(t, err, core.ErrInvalidWorker)
				require.ErrorContains(t, err, name)
				require.Empty(t, m.Workers(), "a worker that was refused is not listed")
			}
			require.Zero(t, t.count(name), "runs of %s", name)
			require.False(t, s.hot(), "a hot loop: %d calls of Next", s.calls.Load())
		}
	}},

	{rule: "PER-9", name: "a-schedule-that-stops-advancing-is-stopped-with-an-error", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("another", core.Every(p), nil))
		schedules := map[string]*counted{}
		for name, then := range wayward {
			schedules[name] = &counted{schedule: endingAt(next.Add(2*p), p, then)}
			t.must(m.Add(context.Background(), t.worker(name, schedules[name], nil)), "Add")
		}
		until(t, next.Add(4*p+p/2))
		for name, s := range schedules {
			ranSlots(t, name, series(next, p, 3), "the slots until it stopped to advance")
			isBroken(t, m, name)
			require.False(t, s.hot(), "a hot loop: %d calls of Next", s.calls.Load())
		}
		ranSlots(t, "another", series(next, p, 5), "another worker goes on")
	}},

	// A clock that has jumped makes the engine look for the latest slot that was
	// missed, and a schedule may lead it in circles.
	{rule: "PER-9", name: "nor-does-it-loop-in-search-of-what-was-missed", needs: anySchedule, local: true, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{})
		schedules := map[string]*counted{}
		for name, then := range wayward {
			schedules[name] = &counted{schedule: endingAt(next.Add(20*p), p, then)}
			t.must(m.Add(context.Background(), t.worker(name, schedules[name], nil)), "Add")
		}
		until(t, next.Add(p/2))
		t.clock.jump(1000 * p)
		t.sleep(2*core.ClockCheck + t.slack())
		for name, s := range schedules {
			isBroken(t, m, name)
			require.False(t, s.hot(), "a hot loop: %d calls of Next", s.calls.Load())
		}
	}},

	{rule: "PER-9", name: "what-is-over-can-still-be-triggered", needs: append([]core.Feature{core.FeatureTrigger}, anySchedule...), run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", nextOnly{never}, nil))
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger")
		t.eventually(t.period(), "the triggered run", func() bool { return t.count("w") == 1 })
	}},
}

var anySchedule = []core.Feature{core.FeatureAnySchedule}

// never is the Next of a schedule that is over.
func never(time.Time) time.Time { return time.Time{} }

// wayward are the ways for Next to go wrong.
var wayward = map[string]func(time.Time) time.Time{
	"standing-still":     func(after time.Time) time.Time { return after },
	"backwards":          func(after time.Time) time.Time { return after.Add(-time.Hour) },
	"a-nanosecond-back":  func(after time.Time) time.Time { return after.Add(-1) },
	"before-1970":        func(time.Time) time.Time { return time.Unix(-1, 0) },
	"always-at-one-time": func(time.Time) time.Time { return at("2000-01-01T00:00:00Z") },
}

// endingAt is due every period until a slot, and after it when then says.
func endingAt(last time.Time, period time.Duration, then func(time.Time) time.Time) core.Schedule {
	return nextOnly{func(after time.Time) time.Time {
		if after.Before(last) {
			return floor(after, period).Add(period)
		}
		return then(after)
	}}
}

// counted counts the calls of a schedule's Next, and ends a loop that is hot, so
// that the case does.
type counted struct {
	schedule core.Schedule
	calls    atomic.Int64
}

const hot = 100_000

func (c *counted) hot() bool { return c.calls.Load() >= 1000 }

func (c *counted) Next(after time.Time) time.Time {
	if c.calls.Add(1) > hot {
		return time.Time{}
	}
	return c.schedule.Next(after)
}

// isBroken fails the case unless the worker was stopped with an error.
func isBroken(t *trial, m core.Manager, name string) {
	s := t.status(m, name)
	assert.Equal(t, core.StateBroken, s.State, "the state of %s", name)
	assert.Error(t, s.Err, "the error of %s", name)
	assert.Zero(t, s.Next, "the next slot of %s", name)
}
