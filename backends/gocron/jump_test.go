package gocron_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A wall clock that is set, or goes at a pace of its own.
type wallClock struct {
	mu     sync.Mutex
	base   time.Time // where pace counts from
	offset time.Duration
	pace   float64 // seconds gained per second
}

func (c *wallClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return now.Add(c.offset + time.Duration(c.pace*float64(now.Sub(c.base))))
}

func (c *wallClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// clocked is a bubble's manager with a clock, and a scheduler to look into.
func clocked(t *testing.T, c *wallClock, workers ...core.Worker) (core.Manager, func(name string) time.Time) {
	s := scheduler(t)
	s.Start()
	m := start(t, gocron.Config{Scheduler: s}, core.Options{Now: c.now}, workers...)
	return m, func(name string) time.Time {
		next, err := find(s, name).NextRun()
		require.NoError(t, err)
		return next.UTC()
	}
}

func TestClockSetAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var c wallClock
		m, next := clocked(t, &c, r.worker("minutely", core.Every(time.Minute), nil), r.worker("daily", core.Every(24*time.Hour), nil))
		sleep(10*time.Minute + 10*time.Second)
		require.Len(t, r.of("minutely"), 10)
		set := time.Now()
		c.jump(26 * time.Hour) // to 2:10:10 of the next day
		sleep(core.ClockCheck)
		require.Len(t, r.of("daily"), 1, "a worker with a far slot runs within a check of the clock")
		runs := r.of("minutely")
		require.Len(t, runs, 11)
		assert.Equal(t, c.now().Truncate(time.Minute).UTC(), runs[10].tick.Slot, "the latest of the slots that were missed")
		assert.Equal(t, uint64(26*60-1), status(t, m, "minutely").Skips.Missed)
		sleep(10 * time.Minute)
		for _, run := range r.of("minutely")[11:] {
			assert.Equal(t, run.at.Add(26*time.Hour).UTC(), run.tick.Slot, "aligned again")
		}
		assert.Len(t, r.of("minutely"), 21)
		assert.Equal(t, set.Truncate(24*time.Hour).Add(22*time.Hour).UTC(), next("daily"), "gocron's own clock was not set")
	})
}

func TestClockSetBack(t *testing.T) {
	for _, back := range []time.Duration{time.Millisecond, time.Second, 40 * time.Second, time.Minute} {
		t.Run(back.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				var c wallClock
				worker := r.worker("w", core.Every(20*time.Second), nil)
				worker.Jitter = 3 * time.Second
				m, _ := clocked(t, &c, worker)
				sleep(10*time.Minute + 10*time.Second)
				c.jump(-back)
				sleep(10 * time.Minute)
				runs := r.of("w")
				jitter := runs[0].at.Sub(runs[0].tick.Slot)
				for i, run := range runs {
					assert.Equal(t, runs[0].tick.Slot.Add(time.Duration(i)*20*time.Second), run.tick.Slot, "no slot twice, and none missed")
					if i >= 30 {
						// A nanosecond where gocron had to be asked to call again.
						assert.WithinDuration(t, run.tick.Slot.Add(jitter+back), run.at, 2)
						assert.False(t, run.at.Before(run.tick.Slot.Add(jitter+back)), "never before its time")
					}
				}
				assert.Zero(t, status(t, m, "w").Skips)
			})
		})
	}
}

func TestClockSetBackFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var c wallClock
		m, next := clocked(t, &c,
			r.worker("often", core.Every(20*time.Second), nil),
			r.worker("hourly", core.Every(time.Hour), nil),
			r.worker("delay", core.Delay(time.Hour), nil))
		sleep(90*time.Minute + 10*time.Second) // 1:30:10
		c.jump(-3 * time.Hour)                 // 22:30:10
		sleep(time.Minute)
		assert.Equal(t, time.Date(2000, time.January, 1, 2, 0, 0, 0, time.UTC), next("hourly"), "23:00 by the instance's clock")
		sleep(29 * time.Minute)
		runs := r.of("often")
		for _, run := range runs[len(runs)-60:] {
			assert.WithinDuration(t, run.at.Add(-3*time.Hour), run.tick.Slot, 2, "it goes on from the new now")
		}
		hourly := r.of("hourly")
		require.Len(t, hourly, 2)
		assert.WithinDuration(t, hourly[0].tick.Slot.Add(-2*time.Hour), hourly[1].tick.Slot, 0)
		sleep(time.Hour)
		assert.Len(t, r.of("delay"), 2)
		assert.Zero(t, status(t, m, "often").Skips)
	})
}

// A clock that goes slower or faster than gocron's timers, as one does that is
// being adjusted.
func TestClockAdjustedSlowly(t *testing.T) {
	for _, pace := range []float64{-500e-6, 500e-6, -0.05, 0.05} {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			c := wallClock{base: time.Now(), pace: pace}
			began := c.now()
			var early []time.Duration
			worker := func(name string, s core.Schedule) core.Worker {
				w := r.worker(name, s, nil)
				run := w.Run
				w.Run = func(ctx context.Context) error {
					tick, _ := core.TickFrom(ctx)
					early = append(early, tick.Slot.Sub(c.now()))
					return run(ctx)
				}
				return w
			}
			m, _ := clocked(t, &c, worker("w", core.Every(time.Hour)))
			sleep(50 * time.Hour)
			slots := r.slots("w")
			for i, slot := range slots {
				assert.Equal(t, began.Add(time.Duration(i+1)*time.Hour).UTC(), slot)
			}
			assert.InDelta(t, 50, len(slots), 3)
			late := time.Duration(max(pace, 0)*float64(core.ClockCheck)) + 10*time.Millisecond
			for _, e := range early {
				assert.LessOrEqual(t, e, time.Duration(0), "no run before its slot")
				assert.GreaterOrEqual(t, e, -late-time.Microsecond, "nor later than a check of the clock may miss")
			}
			assert.Zero(t, status(t, m, "w").Skips)
		})
	}
}
