package gocron_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// Gocron waits for its tasks in a busy loop, in which virtual time stands still:
// a task that needs time to pass would hang the bubble. None does, since a task
// hands the run over and returns, and Stop waits for what is left of them
// before it turns to gocron.
func TestStopInABubble(t *testing.T) {
	t.Run("a run in progress", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			m := start(t, gocron.Config{}, core.Options{}, r.worker("w", core.Every(time.Minute), func(context.Context) error {
				time.Sleep(time.Hour)
				return nil
			}))
			sleep(time.Minute)
			began := time.Now()
			require.NoError(t, m.Stop(t.Context()))
			assert.Equal(t, time.Hour, time.Since(began))
		})
	})
	t.Run("a call that takes its time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			slow := func(e core.Event) {
				if e.Kind == core.EventSkipped { // by gocron's goroutine
					time.Sleep(10 * time.Second)
				}
			}
			m := start(t, gocron.Config{}, core.Options{Observers: []core.Observer{slow}}, r.worker("w", core.Every(time.Minute), func(context.Context) error {
				time.Sleep(61 * time.Second)
				return nil
			}))
			sleep(2*time.Minute + 5*time.Second)
			began := time.Now()
			require.NoError(t, m.Stop(t.Context()))
			assert.Equal(t, 5*time.Second, time.Since(began))
		})
	})
	t.Run("a schedule set and unset while it is due", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			m := start(t, gocron.Config{}, core.Options{}, r.worker("w", core.Every(time.Second), nil))
			for i := range 100 {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
				switch i % 3 {
				case 0:
					require.NoError(t, m.Reschedule(t.Context(), "w", core.Every(time.Second)))
				case 1:
					require.NoError(t, m.Reschedule(t.Context(), "w", core.Delay(300*time.Millisecond)))
				default:
					require.NoError(t, m.Remove(t.Context(), "w"))
					require.NoError(t, m.Add(t.Context(), r.worker("w", core.Every(time.Second), nil)))
				}
			}
			synctest.Wait() // for the run of this very instant, if there is one
			before := len(r.of("w"))
			require.NoError(t, m.Reschedule(t.Context(), "w", core.Every(time.Second)))
			sleep(10 * time.Second)
			assert.Len(t, r.of("w"), before+10, "and it goes on")
			require.NoError(t, m.Stop(t.Context()))
		})
	})
}

// A Stop in the very instant in which everything is due.
func TestStopWhenDue(t *testing.T) {
	for i := range 100 {
		synctest.Test(t, func(t *testing.T) {
			var r recorder
			workers := make([]core.Worker, 20)
			for k := range workers {
				workers[k] = r.worker(fmt.Sprint("w", k), core.Every(time.Second), nil)
			}
			workers[0].Schedule = core.Delay(time.Second)
			s := scheduler(t)
			s.Start()
			cfg := gocron.Config{}
			if i%2 == 1 {
				cfg.Scheduler = s
			}
			m := start(t, cfg, core.Options{}, workers...)
			time.Sleep(time.Duration(1+i%3) * time.Second)
			require.NoError(t, m.Stop(t.Context()))
			require.Empty(t, s.Jobs())
			runs := len(r.of("w1"))
			sleep(10 * time.Second)
			require.Len(t, r.of("w1"), runs)
		})
	}
}

// A thousand managers, one after the other, leave nothing behind.
func TestStartAndStopAThousandTimes(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var runs atomic.Int64
	worker := func(name string, s core.Schedule) core.Worker {
		return core.Worker{Name: name, Schedule: s, RunOnStart: true, Run: func(context.Context) error {
			runs.Add(1)
			return nil
		}}
	}
	s := scheduler(t)
	s.Start()
	ctx := t.Context()
	for i := range 1_000 {
		cfg := gocron.Config{}
		if i%2 == 1 {
			cfg.Scheduler = s
		}
		m, err := gocron.New(cfg, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, m.Add(ctx, worker("often", core.Every(time.Millisecond))))
		require.NoError(t, m.Add(ctx, worker("again", core.Delay(time.Millisecond))))
		require.NoError(t, m.Add(ctx, worker("daily", core.Cron("0 3 * * *"))))
		require.NoError(t, m.Start(ctx))
		if i%4 < 2 {
			time.Sleep(3 * time.Millisecond)
		}
		require.NoError(t, m.Stop(ctx))
	}
	assert.Empty(t, s.Jobs())
	require.NoError(t, s.Shutdown())
	assert.NotZero(t, runs.Load())
	goleak.VerifyNone(t, before)
}

// A start that fails leaves nothing either.
func TestStartThatFails(t *testing.T) {
	before := goleak.IgnoreCurrent()
	m, err := gocron.New(gocron.Config{}, core.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var r recorder
	require.NoError(t, m.Add(t.Context(), r.worker("w", core.Every(time.Minute), nil)))
	broken := r.worker("broken", core.Every(time.Minute), nil)
	broken.OnStart = func(context.Context) error { return errors.New("no") }
	require.NoError(t, m.Add(t.Context(), broken))
	assert.Error(t, m.Start(t.Context()))
	goleak.VerifyNone(t, before)
}
