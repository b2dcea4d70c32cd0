package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, statusCases) }

var statusCases = []kase{
	{rule: "OBS-1", name: "what-is-known-before-the-first-run", run: func(t *trial) {
		m := t.open(core.Options{})
		var names []string
		for _, name := range []string{"c", "a", "b"} {
			require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(100*t.period()).Offset(time.Second), nil)))
			names = append(names, name)
		}
		assert.Equal(t, names, listed(m), "the workers, in the order of Add")
		require.NoError(t, m.Start(context.Background()))
		assert.Equal(t, names, listed(m), "the workers, in the order of Add, after Start")
		for _, s := range m.Workers() {
			assert.Equal(t, core.Every(100*t.period()).Offset(time.Second).String(), s.Schedule, "the schedule of %s", s.Name)
			assert.Equal(t, core.PerCluster, s.Scope, "the scope of %s", s.Name)
			assert.Equal(t, core.StateIdle, s.State, "the state of %s", s.Name)
			assert.Equal(t, core.Every(100*t.period()).Offset(time.Second).Next(time.Now()), s.Next.UTC(), "the next slot of %s", s.Name)
			assert.Nil(t, s.Last, "the last run of %s", s.Name)
			assert.Zero(t, s.Runs+s.Failures+s.Skips.Total(), "the counts of %s", s.Name)
			assert.NoError(t, s.Err, "the error of %s", s.Name)
		}
	}},
	{rule: "OBS-1", name: "the-last-run", run: func(t *trial) {
		m := t.running(core.Options{Instance: "node-7"}, t.worker("w", core.Every(t.period()), func(context.Context) error {
			time.Sleep(t.period() / 5)
			return nil
		}))
		t.awaitRuns(m, "w", 1)
		midway(t, t.period())
		s := t.awaitRuns(m, "w", 2)
		run := t.calls("w")[s.Runs-1]
		assert.Equal(t, run.tick.ID(), s.Last.Tick.ID(), "the last run's tick")
		assert.WithinDuration(t, run.begin, s.Last.Start, t.soon(), "the last run's start")
		assert.GreaterOrEqual(t, s.Last.Duration, t.period()/5, "the last run's duration")
		assert.LessOrEqual(t, s.Last.Duration, t.period()/5+t.soon(), "the last run's duration")
		assert.Equal(t, 1, s.Last.Attempts(), "the last run's attempts")
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the last run's outcome")
		assert.NoError(t, s.Last.Err, "the last run's error")
		assert.Equal(t, "node-7", s.Last.Instance, "the instance that made the last run")
		assert.EqualValues(t, 2, s.Runs, "runs")
		assert.Zero(t, s.Failures, "failures")
	}},
	{rule: "OBS-1", name: "the-last-run-that-failed", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			return fmt.Errorf("attempt %d: %w", tick.Attempt, errBoom)
		})
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 10)}
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
		assert.Equal(t, 3, s.Last.Attempts(), "the attempts")
		assert.ErrorIs(t, s.Last.Err, errBoom, "the error")
		assert.EqualError(t, s.Last.Err, "attempt 3: boom", "the error is that of the last attempt")
		assert.WithinDuration(t, t.calls("w")[0].begin, s.Last.Start, t.soon(), "the start is that of the first attempt")
		calls := t.calls("w")
		assert.GreaterOrEqual(t, s.Last.Duration, calls[2].begin.Sub(calls[0].begin), "the duration is that of the whole run")
		assert.EqualValues(t, 1, s.Runs, "runs")
		assert.EqualValues(t, 1, s.Failures, "failures")
	}},
	{rule: "OBS-1", name: "the-last-success-the-last-failure-and-failures-in-a-row", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(context.Context) error {
			if n := t.count("w"); n == 2 || n == 5 {
				return nil
			}
			return errBoom
		}))
		var success, failure time.Time
		for n, inARow := range []int{1, 0, 1, 2, 0} {
			s := t.awaitRuns(m, "w", n+1)
			require.EqualValues(t, n+1, s.Runs, "runs")
			over := s.Last.Start.Add(s.Last.Duration)
			if inARow == 0 {
				success = over
			} else {
				failure = over
			}
			var rounding time.Duration
			if t.machine != nil { // in real time the wall clock and the monotonic one differ by nanoseconds
				rounding = time.Millisecond
			}
			assert.WithinDuration(t, success, s.LastSuccess, rounding, "when the last run that succeeded ended, after run %d", n+1)
			assert.WithinDuration(t, failure, s.LastFailure, rounding, "when the last run that failed ended, after run %d", n+1)
			assert.EqualValues(t, inARow, s.ConsecutiveFailures, "failures in a row, after run %d", n+1)
		}
	}},
	{rule: "OBS-1", name: "an-instance-without-a-name-has-one-of-its-own", run: func(t *trial) {
		a := t.running(core.Options{}, t.worker("a", core.Every(t.period()), nil))
		b := t.running(core.Options{}, t.worker("b", core.Every(t.period()), nil))
		first, second := t.awaitRuns(a, "a", 1).Last.Instance, t.awaitRuns(b, "b", 1).Last.Instance
		assert.NotEmpty(t, first, "the instance")
		assert.NotEqual(t, first, second, "the instances of two managers")
	}},
	{rule: "OBS-1", name: "while-a-run-is-in-progress", needs: []core.Feature{core.FeatureSkipCounts}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		slot := midway(t, t.period())
		s := t.status(m, "w")
		assert.Equal(t, core.StateRunning, s.State, "the state")
		assert.Equal(t, slot, s.Next.UTC(), "the next slot")
		assert.Nil(t, s.Last, "the last run: none has ended")
		assert.Zero(t, s.Runs, "runs that have ended")
		t.sleep(2 * t.period())
		s = t.status(m, "w")
		assert.EqualValues(t, core.Skips{Overlap: 2}, s.Skips, "the slots skipped")
		assert.Equal(t, slot.Add(2*t.period()), s.Next.UTC(), "the next slot, two slots later")
		g.open()
		t.eventually(t.soon(), "the state is idle again", func() bool { return t.status(m, "w").State == core.StateIdle })
	}},
	{rule: "OBS-1", name: "a-worker-whose-schedule-is-over", needs: []core.Feature{core.FeatureAnySchedule}, run: func(t *trial) {
		slot := midway(t, t.period())
		m := t.running(core.Options{}, t.worker("w", nextOnly{func(after time.Time) time.Time {
			if after.Before(slot) {
				return slot
			}
			return time.Time{}
		}}, nil))
		assert.Equal(t, slot, t.status(m, "w").Next.UTC(), "the next slot")
		t.awaitRuns(m, "w", 1)
		midway(t, t.period())
		s := t.status(m, "w")
		assert.Equal(t, core.StateDone, s.State, "the state")
		assert.Zero(t, s.Next, "the next slot")
		assert.NoError(t, s.Err, "the error: it came to a good end")
		if t.features.Supports(core.FeatureReschedule) {
			require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(t.period())))
			assert.NotEqual(t, core.StateDone, t.status(m, "w").State, "the state, once its schedule was replaced")
		}
	}},
	{rule: "OBS-1", name: "a-worker-whose-schedule-broke", needs: []core.Feature{core.FeatureAnySchedule}, virtual: true, run: func(t *trial) {
		watch := &watcher{}
		slot := midway(t, t.period())
		m := t.running(core.Options{Observers: []core.Observer{watch.see}}, t.worker("w", nextOnly{func(after time.Time) time.Time {
			if after.Before(slot.Add(t.period())) {
				return after.Add(t.period()).Truncate(t.period())
			}
			return after
		}}, nil))
		t.sleep(3 * t.period())
		s := t.status(m, "w")
		assert.Equal(t, core.StateBroken, s.State, "the state")
		assert.Error(t, s.Err, "why it is broken")
		assert.Zero(t, s.Next, "the next slot")
		assert.Equal(t, 1, watch.count(core.EventBroken, "w"), "what the observers are told")
	}},
	{rule: "OBS-1", name: "a-long-running-worker-that-has-given-up", needs: []core.Feature{core.FeatureLongRunning, core.FeatureRetry}, run: func(t *trial) {
		w := t.worker("long", nil, fails)
		w.Retry.MaxAttempts = 1
		m := t.running(core.Options{}, w)
		t.eventually(t.soon(), "it is broken", func() bool { return t.status(m, "long").State == core.StateBroken })
		assert.ErrorIs(t, t.status(m, "long").Err, errBoom, "why it is broken")
	}},
	{rule: "OBS-1", name: "a-schedule-that-was-replaced", needs: reschedules, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", t.rarely(), nil))
		slot := midway(t, 2*t.period())
		require.NoError(t, m.Reschedule(context.Background(), "w", core.Every(2*t.period())))
		assert.Equal(t, slot, t.status(m, "w").Next.UTC(), "the next slot")
	}},
	{rule: "OBS-1", name: "scope-and-schedule-of-each-kind", run: func(t *trial) {
		m := t.open(core.Options{})
		wants := map[string]string{}
		add := func(f core.Feature, w core.Worker, schedule string) {
			if f == "" || t.features.Supports(f) {
				require.NoError(t, m.Add(context.Background(), w), "Add %s", w.Name)
				wants[w.Name] = schedule
			}
		}
		each := t.worker("each", core.Every(t.period()), nil)
		each.Scope = core.PerInstance
		add(core.FeaturePerInstance, each, core.Every(t.period()).String())
		add(core.FeatureDelay, t.worker("delay", core.Delay(t.period()), nil), core.Delay(t.period()).String())
		add(core.FeatureCron, t.worker("cron", core.Cron("30 3 * * *"), nil), fmt.Sprint(core.Cron("30 3 * * *")))
		add(core.FeatureLongRunning, t.worker("long", nil, nil), "long-running")
		for _, s := range m.Workers() {
			assert.Equal(t, wants[s.Name], s.Schedule, "the schedule of %s", s.Name)
			assert.Equal(t, s.Name == "each", s.Scope == core.PerInstance, "the scope of %s is %s", s.Name, s.Scope)
		}
	}},
	{rule: "OBS-1", name: "what-is-reported-is-the-callers-own", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		s := t.awaitRuns(m, "w", 1)
		before := *s.Last
		*s.Last = core.LastRun{}
		assert.NotZero(t, t.status(m, "w").Last.Instance, "the last run, after a caller wrote over what it was given")
		kept := t.status(m, "w").Last
		t.awaitRuns(m, "w", 2)
		assert.NotEqual(t, before.Tick.ID(), t.status(m, "w").Last.Tick.ID(), "the last run's tick, a slot later")
		assert.Equal(t, before.Tick.ID(), kept.Tick.ID(), "the tick that was reported before")
	}},
	{rule: "OBS-1", name: "after-stop-too", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), fails))
		t.awaitRuns(m, "w", 2)
		require.NoError(t, m.Stop(context.Background()))
		s := t.status(m, "w")
		assert.EqualValues(t, t.count("w"), s.Runs, "runs")
		assert.EqualValues(t, t.count("w"), s.Failures, "failures")
		require.NotNil(t, s.Last, "the last run")
		assert.ErrorIs(t, s.Last.Err, errBoom, "the last run's error")
	}},
}
