package gocron_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	upstream "github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A limit is what a program's own scheduler has that keeps calls from being made
// on time.
type limit struct {
	name    string
	one     upstream.LimitMode // of a limit of one on all its jobs
	each    upstream.LimitMode // of a limit of one on each of them
	instant bool               // all jobs are started immediately
}

var limits = []limit{
	{name: "none"},
	{name: "wait", one: upstream.LimitModeWait},
	{name: "reschedule", one: upstream.LimitModeReschedule},
	{name: "singleton wait", each: upstream.LimitModeWait},
	{name: "singleton reschedule", each: upstream.LimitModeReschedule},
	{name: "wait and singleton", one: upstream.LimitModeWait, each: upstream.LimitModeWait},
	{name: "reschedule and singleton", one: upstream.LimitModeReschedule, each: upstream.LimitModeReschedule},
	{name: "wait and immediately", one: upstream.LimitModeWait, instant: true},
	{name: "reschedule and immediately", one: upstream.LimitModeReschedule, instant: true},
}

// options returns the options of a scheduler that has the limit.
func (l limit) options() []upstream.SchedulerOption {
	all := []upstream.SchedulerOption{upstream.WithLocation(time.UTC)}
	var jobs []upstream.JobOption
	if l.one != 0 {
		all = append(all, upstream.WithLimitConcurrentJobs(1, l.one))
	}
	if l.each != 0 {
		jobs = append(jobs, upstream.WithSingletonMode(l.each))
	}
	if l.instant {
		jobs = append(jobs, upstream.WithStartAt(upstream.WithStartImmediately()))
	}
	return append(all, upstream.WithGlobalJobOptions(jobs...))
}

// busy adds a job of the program's to a scheduler, which uses a limit of one up
// for some time from each full hour on, less a second.
func busy(t *testing.T, s upstream.Scheduler, d time.Duration) {
	t.Helper()
	_, err := s.NewJob(upstream.CronJob("59 59 * * * *", true), upstream.NewTask(func() {
		if time.Now().Second() == 59 { // not where all jobs are started immediately
			time.Sleep(time.Second + d)
		}
	}))
	require.NoError(t, err)
}

// inEachLimit runs a test with each limit, a job that uses it up, and the minute
// of a worker.
func inEachLimit(t *testing.T, used time.Duration, f func(t *testing.T, l limit, s upstream.Scheduler, m core.Manager, r *recorder)) {
	for _, l := range limits {
		t.Run(l.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * time.Second) // between two minutes
				s := scheduler(t, l.options()...)
				s.Start()
				busy(t, s, used)
				var r recorder
				m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
				synctest.Wait() // for the immediate start
				f(t, l, s, m, &r)
				require.NoError(t, m.Stop(t.Context()))
				time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(59 * time.Minute))) // gocron's shutdown hangs while a job sleeps
			})
		})
	}
}

// inOrder asserts that a worker's slots ran once each, in their order.
func inOrder(t *testing.T, runs []run) {
	t.Helper()
	var last time.Time
	for _, run := range runs {
		if run.tick.Manual == "" {
			assert.True(t, run.tick.Slot.After(last), "%s after %s", run.tick.Slot, last)
			last = run.tick.Slot
		}
	}
}

// However late, or often, gocron calls, what nobody asked for is not run, and a
// slot that is not run was missed.
func TestLimitThatIsUsedUp(t *testing.T) {
	for _, used := range []time.Duration{20 * time.Second, 90 * time.Second, 5 * time.Minute, 5*time.Minute + time.Second, 30 * time.Minute} {
		t.Run(used.String(), func(t *testing.T) {
			inEachLimit(t, used, func(t *testing.T, l limit, _ upstream.Scheduler, m core.Manager, r *recorder) {
				sleep(230 * time.Minute)
				runs := r.of("w")
				assert.Zero(t, byHand(runs), "runs that nobody asked for")
				inOrder(t, runs)
				skips := status(t, m, "w").Skips
				assert.Equal(t, 230, len(runs)+int(skips.Missed), "each slot is run, or was missed")
				if l.one != upstream.LimitModeReschedule {
					assert.LessOrEqual(t, skips.Missed, 3*uint64(used/time.Minute), "gocron held the calls back no longer")
				}
			})
		})
	}
}

// Each RunNow that gocron passes on is a run, and takes no slot's place.
func TestRunNowBesideALimit(t *testing.T) {
	inEachLimit(t, 5*time.Minute, func(t *testing.T, l limit, s upstream.Scheduler, m core.Manager, r *recorder) {
		asked := 0
		for minute := range 200 {
			if minute%7 == 0 {
				require.NoError(t, find(s, "w").RunNow())
				if used := minute >= 60 && minute%60 < 5; !used || l.one != upstream.LimitModeReschedule { // gocron drops it
					asked++
				}
			}
			sleep(time.Minute)
		}
		runs := r.of("w")
		assert.Equal(t, asked, byHand(runs))
		inOrder(t, runs)
		assert.Equal(t, 200, len(runs)-byHand(runs)+int(status(t, m, "w").Skips.Missed))
	})
}

// A call that was passed over is no reason to take the next RunNow for it.
func TestRunNowAfterACallWasPassedOver(t *testing.T) {
	inEachLimit(t, 30*time.Minute, func(t *testing.T, _ limit, s upstream.Scheduler, m core.Manager, r *recorder) {
		require.NoError(t, m.Reschedule(t.Context(), "w", core.Every(20*time.Minute)))
		sleep(95 * time.Minute)
		for i := range 4 {
			before := byHand(r.of("w"))
			require.NoError(t, find(s, "w").RunNow())
			sleep(time.Minute)
			assert.Equal(t, before+1, byHand(r.of("w")), "RunNow %d", i)
		}
	})
}

// About a slot both calls wait in the same queue, in either order.
func TestRunNowAboutASlotBesideALimit(t *testing.T) {
	for _, before := range []time.Duration{time.Second, time.Microsecond, 0, -time.Microsecond} {
		for _, at := range []int{30, 60, 62, 65} { // the limit is used up from minute 60 to 65
			t.Run(fmt.Sprintf("%s before minute %d", before, at), func(t *testing.T) {
				inEachLimit(t, 5*time.Minute, func(t *testing.T, l limit, s upstream.Scheduler, m core.Manager, r *recorder) {
					used, together := at >= 60, before == 0
					if l.one == upstream.LimitModeReschedule && (used || together) || l.each == upstream.LimitModeReschedule && together {
						return // gocron drops one of the calls, or both
					}
					time.Sleep(time.Duration(at)*time.Minute - 30*time.Second - before)
					require.NoError(t, find(s, "w").RunNow())
					time.Sleep(time.Duration(80-at)*time.Minute + before)
					sleep(30 * time.Second)
					runs := r.of("w")
					assert.Equal(t, 1, byHand(runs))
					inOrder(t, runs)
					skips := status(t, m, "w").Skips
					assert.Equal(t, 80, len(runs)-1+int(skips.Missed), "each slot is run, or was missed")
					assert.Zero(t, skips.Overlap)
				})
			})
		}
	}
}

// Where all jobs are started immediately, each run of a Delay makes a new one.
func TestDelayBesideALimit(t *testing.T) {
	inEachLimit(t, 5*time.Minute, func(t *testing.T, _ limit, _ upstream.Scheduler, m core.Manager, r *recorder) {
		require.NoError(t, m.Add(t.Context(), r.worker("delay", core.Delay(time.Minute), lasting(time.Second))))
		sleep(30*time.Minute + time.Second)
		assert.Zero(t, byHand(r.of("delay")))
		assert.Len(t, r.of("delay"), 29)
	})
}

// A program that looks at what is to come changes nothing of what comes.
func TestNextRunsBesideALimit(t *testing.T) {
	inEachLimit(t, 5*time.Minute, func(t *testing.T, l limit, s upstream.Scheduler, m core.Manager, r *recorder) {
		for range 230 * 6 {
			sleep(10 * time.Second)
			_, err := find(s, "w").NextRuns(3)
			require.NoError(t, err)
		}
		runs := r.of("w")
		assert.Zero(t, byHand(runs))
		inOrder(t, runs)
		skips := status(t, m, "w").Skips
		assert.Equal(t, 230, len(runs)+int(skips.Missed))
		if l.one == 0 {
			assert.Zero(t, skips)
		}
	})
}
