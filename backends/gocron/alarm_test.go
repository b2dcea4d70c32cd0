package gocron

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// managed returns a running manager of one worker, and its engine.
func managed(t *testing.T, cfg Config, opts core.Options, w core.Worker) (core.Manager, *engine) {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := newEngine(cfg)
	m := core.NewManager(e, opts)
	require.NoError(t, m.Add(t.Context(), w))
	require.NoError(t, m.Start(t.Context()))
	t.Cleanup(func() { _ = m.Stop(context.Background()) })
	return m, e
}

// alarmIn returns the alarm of an engine's one worker.
func alarmIn(e *engine) (one *alarm) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.alarms {
		one = a
	}
	return one
}

// counts returns what counts the alarm's gocron jobs, and how often it was set.
func (a *alarm) counts() (gen, sets uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gen, a.sets
}

// programs returns a started scheduler that the program owns.
func programs(t *testing.T, options ...gocron.SchedulerOption) gocron.Scheduler {
	t.Helper()
	s, err := gocron.NewScheduler(options...)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { _ = s.Shutdown() })
	return s
}

// A slots is a worker's function that keeps the ticks that it ran.
type slots struct {
	mu  sync.Mutex
	ran []core.Tick
}

func (s *slots) run(ctx context.Context) error {
	tick, _ := core.TickFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, tick)
	return nil
}

// count returns how many slots ran, and how many runs were by hand.
func (s *slots) count() (bySchedule, byHand int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tick := range s.ran {
		if tick.Manual != "" {
			byHand++
		}
	}
	return len(s.ran) - byHand, byHand
}

func TestAScheduleThatIsOverAtOnceIsNoGocronJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := programs(t)
		m, _ := managed(t, Config{Scheduler: s}, core.Options{}, core.Worker{Name: "w", Schedule: ends, Run: func(context.Context) error { return nil }})
		assert.Empty(t, s.Jobs())
		assert.Equal(t, core.StateDone, m.Workers()[0].State)
	})
}

// A clock that is set brings no gocron job back.
func TestAScheduleThatIsOverStaysNoGocronJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := programs(t)
		var ahead atomic.Int64
		var ran slots
		end := time.Now().Add(90 * time.Second)
		once := function(func(after time.Time) time.Time {
			if next := after.Truncate(time.Minute).Add(time.Minute); next.Before(end) {
				return next
			}
			return time.Time{}
		})
		managed(t, Config{Scheduler: s}, core.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }},
			core.Worker{Name: "w", Schedule: once, Run: ran.run})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		bySchedule, _ := ran.count()
		require.Equal(t, 1, bySchedule)
		require.Empty(t, s.Jobs())
		ahead.Store(int64(time.Hour))
		time.Sleep(2 * core.ClockCheck)
		assert.Empty(t, s.Jobs())
	})
}

// During its run a Delay has no slot, also if the scheduler starts each new job at once.
func TestADelayDuringWhoseRunTheClockIsSetSkipsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := programs(t, gocron.WithGlobalJobOptions(gocron.WithStartAt(gocron.WithStartImmediately())))
		var ahead atomic.Int64
		var ran slots
		m, _ := managed(t, Config{Scheduler: s}, core.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }},
			core.Worker{Name: "w", Schedule: core.Delay(time.Minute), Run: func(ctx context.Context) error {
				defer time.Sleep(10 * time.Minute)
				return ran.run(ctx)
			}})
		time.Sleep(5 * time.Minute)
		ahead.Store(int64(time.Hour))
		time.Sleep(6*time.Minute + time.Second)
		synctest.Wait()
		bySchedule, byHand := ran.count()
		assert.Equal(t, 1, bySchedule)
		assert.Zero(t, byHand)
		assert.Zero(t, m.Workers()[0].Skips)
		time.Sleep(11 * time.Minute)
	})
}

// While a call asks the schedule for the following slot, a second call delivers the slot.
func TestTwoCallsAtOnceDeliverASlotOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var during atomic.Pointer[func()]
		minutely := function(func(after time.Time) time.Time {
			if f := during.Swap(nil); f != nil {
				(*f)()
			}
			return after.Truncate(time.Minute).Add(time.Minute)
		})
		var ran slots
		m, e := managed(t, Config{}, core.Options{}, core.Worker{Name: "w", Schedule: minutely, Run: ran.run})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		ring := func() {
			a := alarmIn(e)
			gen, _ := a.counts()
			a.ring(gen)
		}
		during.Store(&ring)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		bySchedule, byHand := ran.count()
		assert.Equal(t, 2, bySchedule)
		assert.Equal(t, 1, byHand, "one of two calls about the time is a RunNow")
		assert.Zero(t, m.Workers()[0].Skips)
	})
}

// The job of a schedule that is over is taken away later, on another goroutine.
func TestAWorkerThatIsRescheduledWhenItsScheduleEndsKeepsItsGocronJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := programs(t)
		m, e := managed(t, Config{Scheduler: s}, core.Options{}, core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: func(context.Context) error { return nil }})
		a := alarmIn(e)
		_, before := a.counts()
		require.NoError(t, m.Reschedule(t.Context(), "w", core.Every(time.Hour)))
		a.drop(before)
		assert.Len(t, s.Jobs(), 1)
		_, after := a.counts()
		a.drop(after)
		assert.Empty(t, s.Jobs())
	})
}

// PER-11: the engine does not wait for its next look at the clock, which may be 30 seconds later.
func TestAClockThatWasSetBackFarIsNoticedByTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Int64
		now := func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		var ran slots
		managed(t, Config{}, core.Options{Now: now}, core.Worker{Name: "w", Schedule: core.Every(100 * time.Millisecond), Run: ran.run})
		time.Sleep(core.ClockCheck + 1050*time.Millisecond)
		synctest.Wait()
		before, _ := ran.count()
		back.Store(int64(time.Hour))
		time.Sleep(time.Second)
		synctest.Wait()
		after, _ := ran.count()
		assert.GreaterOrEqual(t, after-before, 8, "slots in a second")
	})
}

func TestAJobThatCannotBeMadeAgainAfterTheClockWasSetIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := programs(t)
		var ahead atomic.Int64
		log := &lines{}
		managed(t, Config{Scheduler: s}, core.Options{
			Now:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
			Logger: slog.New(slog.NewTextHandler(log, nil)),
		}, core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }})
		time.Sleep(time.Minute)
		require.NoError(t, s.Shutdown())
		ahead.Store(int64(10 * time.Minute))
		time.Sleep(2 * core.ClockCheck)
		assert.Contains(t, log.String(), `level=ERROR msg="gocron: worker not scheduled anew after the clock was set"`)
		assert.Contains(t, log.String(), "worker=w")
	})
}

// Each time that the program's elector declines costs a call that the engine counts on.
func TestARunNowAfterAnElectorDeclinedIsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * time.Second)
		var leader elector
		s := programs(t, gocron.WithLimitConcurrentJobs(1, gocron.LimitModeWait), gocron.WithDistributedElector(&leader))
		var ran slots
		managed(t, Config{Scheduler: s}, core.Options{}, core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: ran.run})
		leader.set(false)
		time.Sleep(10 * time.Minute)
		leader.set(true)
		time.Sleep(10 * time.Minute)
		for i := range 3 {
			require.NoError(t, s.Jobs()[0].RunNow())
			time.Sleep(time.Second)
			synctest.Wait()
			_, byHand := ran.count()
			assert.Equal(t, i+1, byHand)
		}
	})
}

// elector is whether the program's instance is the leader.
type elector struct {
	mu       sync.Mutex
	declines bool
}

func (e *elector) set(leader bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.declines = !leader
}

func (e *elector) IsLeader(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.declines {
		return errors.New("not the leader")
	}
	return nil
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestStopDoesNotWaitForACallLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(e core.Event) {
			if e.Kind == core.EventSkipped { // on gocron's goroutine
				time.Sleep(10 * time.Second)
			}
		}
		_, e := managed(t, Config{Scheduler: programs(t)}, core.Options{Observers: []core.Observer{slow}},
			core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: func(context.Context) error {
				time.Sleep(61 * time.Second)
				return nil
			}})
		time.Sleep(2*time.Minute + 5*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := e.Stop(ctx)
		assert.Equal(t, time.Second, time.Since(began))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "gocron: a call did not return")
		time.Sleep(10 * time.Second)
	})
}

func TestStopReportsThatItsSchedulersDidNotEndInTime(t *testing.T) {
	e := newEngine(Config{})
	require.NoError(t, e.Start(t.Context(), core.Host{Now: time.Now, Logger: slog.New(slog.DiscardHandler)}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorContains(t, e.shutDown(ctx), "gocron: shut its schedulers down: context canceled")
	err := e.Stop(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
