package gocron_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	upstream "github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// find returns the gocron job of a worker, or nil.
func find(s upstream.Scheduler, name string) upstream.Job {
	for _, job := range s.Jobs() {
		if job.Name() == name {
			return job
		}
	}
	return nil
}

func TestWorkersAreJobsInAProgramsOwnScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t, upstream.WithLocation(time.UTC))
		var others atomic.Int64
		_, err := s.NewJob(upstream.DurationJob(time.Minute), upstream.NewTask(func() { others.Add(1) }), upstream.WithName("other"))
		require.NoError(t, err)
		s.Start()

		var r recorder
		began := time.Now().UTC()
		late := r.worker("late", core.Every(time.Minute), nil)
		late.Jitter = 20 * time.Second
		m := start(t, gocron.Config{Scheduler: s, Tags: []string{"billing"}}, core.Options{},
			r.worker("hourly", core.Cron("0 * * * *"), nil), late)
		sleep(90 * time.Second)

		job := find(s, "hourly")
		require.NotNil(t, job, "a worker is a job of its name")
		assert.Equal(t, []string{gocron.Tag, "billing"}, job.Tags())
		assert.Equal(t, upstream.CronJobSchedule{Crontab: "cron 0 * * * *"}, job.Schedule())
		next, err := job.NextRun()
		require.NoError(t, err)
		assert.Equal(t, began.Add(time.Hour), next.UTC())
		nexts, err := job.NextRuns(3)
		require.NoError(t, err)
		require.Len(t, nexts, 3)
		for i, next := range nexts {
			assert.Equal(t, began.Add(time.Duration(i+1)*time.Hour), next.UTC(), "run %d to come", i)
		}

		job = find(s, "late")
		require.NotNil(t, job)
		ran := r.of("late")
		require.Len(t, ran, 1)
		next, err = job.NextRun()
		require.NoError(t, err)
		assert.Equal(t, ran[0].at.Add(time.Minute).UTC(), next.UTC(), "with its jitter")
		last, err := job.LastRunStartedAt()
		require.NoError(t, err)
		assert.Equal(t, ran[0].at.UTC(), last.UTC())

		require.NoError(t, m.Remove(t.Context(), "late"))
		assert.Nil(t, find(s, "late"), "a removed worker is no job any more")
		require.NoError(t, m.Stop(t.Context()))
		assert.Len(t, s.Jobs(), 1, "Stop takes the workers away, and nothing else")
		sleep(time.Hour)
		assert.Equal(t, int64(61), others.Load(), "the other job goes on after Stop")
		assert.Empty(t, r.of("hourly"))
	})
}

// A schedule that is over, and a Delay whose run is in progress, have no next run.
func TestWorkersWithoutANextSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		end := time.Now().Add(3 * time.Minute)
		twice := onlyUntil{core.Every(time.Minute), end}
		m := start(t, gocron.Config{Scheduler: s}, core.Options{},
			r.worker("twice", twice, nil),
			r.worker("delay", core.Delay(time.Minute), func(context.Context) error { time.Sleep(10 * time.Minute); return nil }))
		sleep(5 * time.Minute)
		assert.Len(t, r.of("twice"), 2)
		assert.Equal(t, core.StateDone, status(t, m, "twice").State)
		assert.Nil(t, find(s, "twice"), "gocron has no job for a schedule that is over")
		job := find(s, "delay")
		require.NotNil(t, job)
		next, err := job.NextRun()
		require.NoError(t, err)
		assert.Equal(t, 9999, next.Year(), "while it runs there is no telling when it will again")
		sleep(6*time.Minute + 30*time.Second)
		next, err = find(s, "delay").NextRun()
		require.NoError(t, err)
		assert.Equal(t, r.of("delay")[0].at.Add(11*time.Minute).UTC(), next.UTC(), "a minute after its end")
	})
}

// onlyUntil is a schedule that ends.
type onlyUntil struct {
	core.Schedule
	end time.Time
}

func (o onlyUntil) Next(after time.Time) time.Time {
	if next := o.Schedule.Next(after); next.Before(o.end) {
		return next
	}
	return time.Time{}
}

// The dashboard's other buttons stop the scheduler and start it again.
func TestSchedulerStoppedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		began := time.Now().UTC()
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		sleep(150 * time.Second)
		require.NoError(t, s.StopJobs())
		sleep(time.Hour)
		assert.Len(t, r.of("w"), 2, "workers run while the scheduler does")
		require.NoError(t, m.Add(t.Context(), r.worker("new", core.Every(time.Minute), nil)))
		s.Start()
		sleep(time.Minute)
		slots := r.slots("w")
		require.Len(t, slots, 4, "the latest slot that was missed, and the next one")
		assert.Equal(t, began.Add(62*time.Minute), slots[2])
		assert.Equal(t, began.Add(63*time.Minute), slots[3])
		assert.Equal(t, uint64(59), status(t, m, "w").Skips.Missed)
		assert.Equal(t, slots[3:], r.slots("new"))
	})
}

func TestSchedulerStartedAfterTheManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		var r recorder
		start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		sleep(90 * time.Second)
		assert.Empty(t, r.of("w"))
		s.Start()
		sleep(time.Second)
		assert.Len(t, r.of("w"), 1, "what was due meanwhile")
		sleep(time.Minute)
		assert.Len(t, r.of("w"), 2)
	})
}

func TestSchedulerThatWasShutDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		require.NoError(t, s.Shutdown())
		err := m.Add(t.Context(), r.worker("late", core.Every(time.Minute), nil))
		assert.EqualError(t, err, `tickwork: add worker "late": gocron: schedule late: the gocron scheduler was shut down`)
		assert.NoError(t, m.Stop(t.Context()))

		m, err = gocron.New(gocron.Config{Scheduler: s}, core.Options{})
		require.NoError(t, err)
		assert.EqualError(t, m.Start(t.Context()), "tickwork: start: gocron: start on the scheduler of Config: the gocron scheduler was shut down")
	})
}

func TestSchedulerWithAClockOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t, upstream.WithClock(clockwork.NewFakeClockAt(time.Now().Add(time.Hour))))
		s.Start()
		m := start(t, gocron.Config{Scheduler: s}, core.Options{})
		var r recorder
		err := m.Add(t.Context(), r.worker("w", core.Every(time.Minute), nil))
		assert.ErrorContains(t, err, "the scheduler's clock is 1h0m0s apart from the real one")
	})
}

// Gocron takes a run for one that daylight saving repeats where the clock on the
// wall shows what it showed at the run before: in the same second, and, as
// Next's answer need not be in the scheduler's location, an offset later.
func TestSlotsThatGocronTakesForRepeated(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for name, from := range map[string]time.Time{
		"winter": time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC),
		"autumn": time.Date(2000, time.October, 28, 22, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(from))
				s := scheduler(t, upstream.WithLocation(berlin))
				s.Start()
				var r recorder
				start(t, gocron.Config{Scheduler: s}, core.Options{},
					r.worker("1h", core.Every(time.Hour), nil),
					r.worker("2h", core.Every(2*time.Hour), nil),
					r.worker("500ms", core.Every(500*time.Millisecond), nil))
				sleep(6 * time.Hour)
				assert.Len(t, r.of("1h"), 6)
				assert.Len(t, r.of("2h"), 3)
				assert.Len(t, r.of("500ms"), 2*6*3600)
				for _, run := range r.of("500ms") {
					require.Equal(t, run.tick.Slot, run.at.UTC())
				}
			})
		})
	}
}

// Options that the program has set for all its jobs.
func TestSchedulerWithOptionsForAllJobs(t *testing.T) {
	options := map[string]upstream.SchedulerOption{
		"locker":      upstream.WithDistributedLocker(nobody{}),
		"singleton":   upstream.WithGlobalJobOptions(upstream.WithSingletonMode(upstream.LimitModeReschedule)),
		"wait":        upstream.WithGlobalJobOptions(upstream.WithSingletonMode(upstream.LimitModeWait)),
		"limit":       upstream.WithLimitConcurrentJobs(4, upstream.LimitModeWait),
		"reschedule":  upstream.WithLimitConcurrentJobs(4, upstream.LimitModeReschedule),
		"name":        upstream.WithGlobalJobOptions(upstream.WithName("other"), upstream.WithTags("other")),
		"immediately": upstream.WithGlobalJobOptions(upstream.WithStartAt(upstream.WithStartImmediately())),
		"later":       upstream.WithGlobalJobOptions(upstream.WithStartAt(upstream.WithStartDateTime(time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)))),
		"three runs":  upstream.WithGlobalJobOptions(upstream.WithLimitedRuns(3)),
	}
	for name, option := range options {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scheduler(t, option)
				s.Start()
				var r recorder
				m := start(t, gocron.Config{Scheduler: s}, core.Options{},
					r.worker("a", core.Every(time.Minute), nil),
					r.worker("b", core.Every(time.Minute), func(context.Context) error { time.Sleep(90 * time.Second); return nil }))
				sleep(10*time.Minute + time.Second)
				require.Len(t, r.of("a"), 10)
				for _, run := range r.of("a") {
					assert.Equal(t, run.at.UTC(), run.tick.Slot)
				}
				assert.Len(t, r.of("b"), 5)
				assert.Equal(t, uint64(5), status(t, m, "b").Skips.Overlap)
				require.NoError(t, m.Stop(t.Context()))
				require.Empty(t, s.Jobs())
			})
		})
	}
}

// What is left out for daylight saving gocron can be told to run after it: for
// workers that is as CRN-3 says, and nothing is run beside it.
func TestSchedulerWithAPolicyForDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, time.March, 1, 0, 0, 0, 0, time.UTC)))
		s := scheduler(t, upstream.WithLocation(berlin),
			upstream.WithGlobalJobOptions(upstream.WithDaylightSavingsTimePolicy(upstream.DaylightSavingsTimeRunAfterTransition)))
		s.Start()
		var r recorder
		start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Cron("30 0 * * 1"), nil)) // at 02:30 in summer
		sleep(8 * 7 * 24 * time.Hour)
		assert.Len(t, r.of("w"), 8)
		assert.Zero(t, byHand(r.of("w")))
	})
}

// A time after which gocron has no jobs, and takes none, is no error of a worker's
// until something is done to it.
func TestSchedulerWithAStopTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(5*time.Minute + time.Second)
		s := scheduler(t, upstream.WithGlobalJobOptions(upstream.WithStopAt(upstream.WithStopDateTime(end))))
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{},
			r.worker("every", core.Every(time.Minute), nil),
			r.worker("delay", core.Delay(time.Minute), lasting(time.Second)))
		sleep(time.Hour)
		assert.Len(t, r.of("every"), 5)
		assert.Len(t, r.of("delay"), 4)
		assert.Empty(t, s.Jobs())
		assert.Equal(t, core.StateIdle, status(t, m, "every").State)
		assert.ErrorContains(t, m.Add(t.Context(), r.worker("late", core.Every(time.Minute), nil)), "gocron: schedule late: ")
		require.NoError(t, errOf(m.Trigger(t.Context(), "every")))
		sleep(time.Second)
		assert.Equal(t, 1, byHand(r.of("every")), "as long as it is asked for")
	})
}

func TestSchedulerWithAStartTimeThatHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t, upstream.WithGlobalJobOptions(upstream.WithStartAt(upstream.WithStartDateTime(time.Now().Add(time.Hour)))))
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		sleep(2 * time.Hour)
		assert.Len(t, r.of("w"), 120)
		assert.ErrorContains(t, m.Add(t.Context(), r.worker("late", core.Every(time.Minute), nil)), "gocron: schedule late: ")
	})
}

// The manager is not told that a job of its was removed; a new one is made when
// the worker is given one for any other reason.
func TestJobRemovedByTheProgram(t *testing.T) {
	remove := map[string]func(t *testing.T, s upstream.Scheduler){
		"by id":   func(t *testing.T, s upstream.Scheduler) { require.NoError(t, s.RemoveJob(find(s, "w").ID())) },
		"by tags": func(_ *testing.T, s upstream.Scheduler) { s.RemoveByTags(gocron.Tag) },
		"by update": func(t *testing.T, s upstream.Scheduler) {
			_, err := s.Update(find(s, "w").ID(), upstream.DurationJob(time.Minute), upstream.NewTask(func() {}), upstream.WithName("w"))
			require.NoError(t, err)
		},
	}
	for name, remove := range remove {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scheduler(t)
				s.Start()
				var r recorder
				m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
				sleep(150 * time.Second)
				remove(t, s)
				sleep(time.Hour)
				assert.Len(t, r.of("w"), 2, "it is silent")
				assert.Zero(t, status(t, m, "w").Skips, "and nothing says so")
				require.NoError(t, errOf(m.Trigger(t.Context(), "w")))
				sleep(time.Second)
				assert.Equal(t, 1, byHand(r.of("w")), "but Manager.Trigger runs it")
				require.NoError(t, m.Reschedule(t.Context(), "w", core.Every(time.Minute)))
				sleep(10 * time.Minute)
				assert.Len(t, r.of("w"), 2+1+10, "after a Reschedule it goes on from the next slot")
				assert.Zero(t, status(t, m, "w").Skips)
				assert.Len(t, s.Jobs(), 1)
				remove(t, s)
				require.NoError(t, m.Remove(t.Context(), "w"))
				require.NoError(t, m.Stop(t.Context()))
			})
		})
	}
}

// A long-running worker has nothing that gocron could call.
func TestLongRunningWorkersAreNoJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler(t)
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{},
			r.worker("long", nil, func(ctx context.Context) error { <-ctx.Done(); return nil }))
		sleep(time.Hour)
		assert.Empty(t, s.Jobs())
		assert.Len(t, r.of("long"), 1)
		require.NoError(t, s.StopJobs())
		sleep(time.Minute)
		assert.Equal(t, core.StateRunning, status(t, m, "long").State, "what is done to the scheduler does not concern it")
		require.NoError(t, m.Stop(t.Context()))
	})
}

// nobody is a locker that gives nobody a lock, and an elector that elects nobody.
type nobody struct{}

func (nobody) Lock(context.Context, string) (upstream.Lock, error) { return nil, errors.New("locked") }
func (nobody) IsLeader(context.Context) error                      { return errors.New("no leader") }

// With an elector gocron keeps calls to itself: the slots count as missed once
// it calls again.
func TestSchedulerWithAnElector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var elector sometimes
		var asked atomic.Int64
		elector.asked = &asked
		s := scheduler(t, upstream.WithDistributedElector(&elector))
		s.Start()
		var r recorder
		m := start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		sleep(10*time.Minute + time.Second)
		assert.Empty(t, r.of("w"))
		assert.LessOrEqual(t, asked.Load(), int64(12), "no hot loop")
		require.NoError(t, find(s, "w").RunNow())
		sleep(time.Second)
		assert.Empty(t, r.of("w"), "gocron drops it")
		elector.leader.Store(true)
		require.NoError(t, find(s, "w").RunNow())
		sleep(time.Second)
		assert.Equal(t, 1, byHand(r.of("w")), "no slot is run for it")
		assert.Len(t, r.of("w"), 1)
		sleep(time.Minute)
		assert.Len(t, r.of("w"), 2)
		assert.Equal(t, uint64(10), status(t, m, "w").Skips.Missed)
	})
}

type sometimes struct {
	leader atomic.Bool
	asked  *atomic.Int64
}

func (s *sometimes) IsLeader(context.Context) error {
	s.asked.Add(1)
	if s.leader.Load() {
		return nil
	}
	return errors.New("not the leader")
}

// Gocron's monitors see each delivery under the worker's name and tags.
func TestMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen monitor
		s := scheduler(t, upstream.WithMonitor(&seen))
		s.Start()
		var r recorder
		start(t, gocron.Config{Scheduler: s}, core.Options{}, r.worker("w", core.Every(time.Minute), nil))
		sleep(5 * time.Minute)
		assert.Equal(t, int64(5), seen.success.Load(), "one call for each slot")
		assert.Equal(t, "w [tickwork]", seen.what.Load())
	})
}

type monitor struct {
	success atomic.Int64
	what    atomic.Value
}

func (m *monitor) IncrementJob(_ uuid.UUID, name string, tags []string, status upstream.JobStatus) {
	if status == upstream.Success {
		m.success.Add(1)
	}
	m.what.Store(name + " [" + tags[0] + "]")
}

func (m *monitor) RecordJobTiming(_, _ time.Time, _ uuid.UUID, _ string, _ []string) {}

// The tags can be given by a file, the environment and a URL.
func TestTagsFromConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	require.NoError(t, os.WriteFile(file, []byte("backend: gocron\ngocron: {tags: [billing, nightly]}\n"), 0o600))
	fromFile, err := backends.Load(file)
	require.NoError(t, err)
	fromURL, err := backends.ParseURL("gocron://?tags=billing,nightly")
	require.NoError(t, err)
	t.Setenv("TICKWORK_BACKEND", "gocron")
	t.Setenv("TICKWORK_GOCRON_TAGS", "billing,nightly")
	fromEnv, err := backends.Load("")
	require.NoError(t, err)
	for _, cfg := range []backends.Config{fromFile, fromURL, fromEnv} {
		s := scheduler(t)
		cfg.Set("gocron", gocron.Config{Scheduler: s})
		m, err := backends.Open(t.Context(), cfg, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}))
		require.NoError(t, m.Start(t.Context()))
		require.Len(t, s.Jobs(), 1)
		assert.Equal(t, []string{gocron.Tag, "billing", "nightly"}, s.Jobs()[0].Tags())
		require.NoError(t, m.Stop(t.Context()))
	}
}
