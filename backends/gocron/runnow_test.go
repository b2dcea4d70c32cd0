package gocron_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// byHand returns how many of the runs were triggered.
func byHand(runs []run) (n int) {
	for _, run := range runs {
		if run.tick.Manual != "" {
			n++
		}
	}
	return n
}

// lasting returns what a worker does for some time.
func lasting(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

// What the dashboard's button does is a Trigger.
func TestRunNowTriggers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Hour), nil))
		sleep(10 * time.Minute)
		require.NoError(t, find(s, "w").RunNow())
		sleep(time.Second)
		runs := r.of("w")
		require.Len(t, runs, 1)
		assert.NotEmpty(t, runs[0].tick.Manual)
		sleep(time.Hour)
		runs = r.of("w")
		require.Len(t, runs, 2)
		assert.Equal(t, runs[1].at.Truncate(time.Hour).UTC(), runs[1].tick.Slot, "beside its schedule")
		assert.Equal(t, runs[1].at.UTC(), runs[1].tick.Slot)
		assert.Zero(t, status(t, m, "w").Skips)
	})
}

// As with Manager.Trigger, the worker runs when the run in progress has ended, and
// once for all that was asked for meanwhile.
func TestRunNowDuringARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{},
			r.worker("slot", core.Every(time.Hour), lasting(10*time.Minute)),
			r.worker("delay", core.Delay(time.Hour), lasting(10*time.Minute)))
		sleep(time.Hour + time.Minute)
		began := time.Now().Truncate(time.Hour)
		for _, name := range []string{"slot", "delay"} {
			require.Len(t, r.of(name), 1)
			for range 3 {
				require.NoError(t, find(s, name).RunNow())
			}
			require.NoError(t, errOf(m.Trigger(t.Context(), name)), "which is one more of them")
		}
		sleep(30 * time.Minute)
		for _, name := range []string{"slot", "delay"} {
			runs := r.of(name)
			require.Len(t, runs, 2, name)
			assert.Equal(t, 1, byHand(runs), name)
			assert.Equal(t, began.Add(10*time.Minute), runs[1].at, name)
			assert.Zero(t, status(t, m, name).Skips, name)
		}
		sleep(time.Hour)
		runs := r.of("slot")
		require.Len(t, runs, 3, "beside its schedule")
		assert.Equal(t, began.Add(time.Hour).UTC(), runs[2].tick.Slot)
		runs = r.of("delay")
		require.Len(t, runs, 3)
		assert.Equal(t, began.Add(80*time.Minute), runs[2].at, "an hour after the end of the run that was asked for")
	})
}

func TestRunNowOfAPausedWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Hour), nil))
		require.NoError(t, m.Pause(t.Context(), "w"))
		sleep(90 * time.Minute)
		require.NoError(t, find(s, "w").RunNow())
		sleep(time.Minute)
		runs := r.of("w")
		require.Len(t, runs, 1)
		assert.Equal(t, 1, byHand(runs))
		assert.Equal(t, uint64(1), status(t, m, "w").Skips.Paused)
	})
}

// About a slot's time too, where the call can be mistaken for that of the timer,
// each RunNow is a run, and the slot is not lost.
func TestRunNowAboutASlot(t *testing.T) {
	for _, before := range []time.Duration{2 * time.Millisecond, time.Millisecond, time.Millisecond - 1, time.Microsecond, 1, 0, -1} {
		t.Run(before.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scheduler(t)
				s.Start()
				var r recorder
				m := start(t, gocron.Config{Scheduler: s}, core.Options{},
					r.worker("short", core.Every(time.Minute), nil),
					r.worker("long", core.Every(time.Minute), lasting(time.Second)))
				began := time.Now()
				time.Sleep(time.Minute - before) // not until the timer's call has been
				for _, name := range []string{"short", "long"} {
					require.NoError(t, find(s, name).RunNow())
				}
				sleep(30 * time.Second)
				for _, name := range []string{"short", "long"} {
					assert.Equal(t, 1, byHand(r.of(name)), name)
				}
				assert.Len(t, r.of("short"), 2)
				assert.Len(t, r.of("long"), 2-int(status(t, m, "long").Skips.Overlap), "its slot is skipped where the other came first")
				for _, name := range []string{"short", "long"} {
					skipped := int(status(t, m, name).Skips.Overlap)
					before := len(r.of(name))
					sleep(5 * time.Minute)
					after := r.of(name)[before:]
					assert.Len(t, after, 5, name)
					assert.Zero(t, byHand(after), name)
					assert.Equal(t, skipped, int(status(t, m, name).Skips.Overlap))
					for _, run := range after {
						assert.Zero(t, run.at.Sub(began)%time.Minute, "the timer goes on as before")
					}
				}
			})
		})
	}
}
