package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, delayCases) }

// PER-10: Delay counts from the end of a run.
var delayCases = []kase{
	{rule: "PER-10", name: "first-the-delay-after-the-start", needs: delays, run: func(t *trial) {
		p := t.period()
		midway(t, p)
		began := time.Now()
		m := t.running(core.Options{}, t.worker("w", core.Delay(p), nil))
		started := time.Now()
		t.sleep(p / 2)
		beganToAdd := time.Now()
		t.must(m.Add(context.Background(), t.worker("added-later", core.Delay(p), nil)), "Add")
		added := time.Now()
		t.sleep(2 * p)
		isDueWithin(t, began.Add(p), started.Add(p), t.calls("w")[0], "the delay after Start")
		isDueWithin(t, beganToAdd.Add(p), added.Add(p), t.calls("added-later")[0], "the delay after Add")
	}},

	{rule: "PER-10", name: "then-the-delay-after-the-end-of-the-run-before", needs: delays, run: func(t *trial) {
		p := t.period()
		m := t.running(core.Options{}, t.worker("w", core.Delay(p), func(context.Context) error {
			time.Sleep(p * 3 / 2) // longer than the delay
			return nil
		}))
		t.sleep(8 * p)
		eachAfterTheOneBefore(t, "w", p, 3)
		require.Zero(t, t.status(m, "w").Skips, "no slot falls into a run")
	}},

	{rule: "PER-10", name: "a-run-that-fails-has-ended-too", needs: delays, run: func(t *trial) {
		p := t.period()
		t.running(core.Options{},
			t.worker("fails", core.Delay(p), func(context.Context) error { return errors.New("no luck") }),
			t.worker("panics", core.Delay(p), func(context.Context) error { panic("no luck") }))
		t.sleep(4*p + p/2)
		eachAfterTheOneBefore(t, "fails", p, 3)
		eachAfterTheOneBefore(t, "panics", p, 3)
	}},

	{rule: "PER-10", name: "a-run-ends-with-its-last-attempt", needs: append([]core.Feature{core.FeatureRetry}, delays...), run: func(t *trial) {
		p := t.period()
		w := t.worker("w", core.Delay(2*p), func(context.Context) error { return errors.New("no luck") })
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(p)}
		t.running(core.Options{}, w)
		t.sleep(6*p + p/2)
		calls := t.calls("w")
		require.GreaterOrEqual(t, len(calls), 3, "attempts of the first run and the second")
		require.Equal(t, 2, calls[1].tick.Attempt)
		require.Equal(t, 1, calls[2].tick.Attempt)
		isDue(t, calls[1].end.Add(2*p), calls[2], "the delay after the last attempt of the run before")
	}},

	{rule: "PER-10", name: "a-triggered-run-counts-as-the-run-before", needs: append([]core.Feature{core.FeatureTrigger}, delays...), run: func(t *trial) {
		p := t.period()
		m := t.running(core.Options{}, t.worker("w", core.Delay(2*p), nil))
		t.sleep(p)
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger")
		t.sleep(2*p + p/2)
		require.Equal(t, 1, manualRuns(t, "w"))
		eachAfterTheOneBefore(t, "w", 2*p, 2)
	}},

	{rule: "PER-10", name: "and-so-does-the-run-at-the-start", needs: append([]core.Feature{core.FeatureRunOnStart}, delays...), run: func(t *trial) {
		p := t.period()
		w := t.worker("w", core.Delay(p), func(context.Context) error {
			time.Sleep(p / 2)
			return nil
		})
		w.RunOnStart = true
		t.running(core.Options{}, w)
		t.sleep(2 * p)
		eachAfterTheOneBefore(t, "w", p, 2)
	}},

	{rule: "PER-10", name: "a-pause-does-not-end-it", needs: append([]core.Feature{core.FeaturePause}, delays...), run: func(t *trial) {
		p := t.period()
		m := t.running(core.Options{}, t.worker("w", core.Delay(p), nil))
		t.must(m.Pause(context.Background(), "w"), "Pause")
		t.sleep(2*p + p/2)
		require.Zero(t, t.count("w"), "runs while paused")
		t.must(m.Resume(context.Background(), "w"), "Resume")
		t.eventually(2*p, "a run, at most the delay after Resume", func() bool { return t.count("w") == 1 })
	}},
}

var delays = []core.Feature{core.FeatureDelay}

// isDue fails the case unless a run began when it was due, and is of that slot.
func isDue(t *trial, due time.Time, run runRecord, promise string) {
	isDueWithin(t, due, due, run, promise)
}

// isDueWithin is isDue for what is due after a call that takes its time, as Start
// and Add do: at first at the earliest, by the call, at last by its return.
func isDueWithin(t *trial, first, last time.Time, run runRecord, promise string) {
	if t.backend.WallClock {
		first = first.Add(-time.Millisecond) // the wall clock and the monotonic one differ
	}
	assert.WithinRange(t, run.begin, first, last.Add(t.lateness()), "the begin of %s: %s", run.tick, promise)
	if run.tick.Manual == "" {
		assert.WithinRange(t, run.tick.Slot, first, run.begin, "the slot of %s is when it was due", run.tick)
	}
}

// eachAfterTheOneBefore fails the case unless there are n runs at least, each a
// delay after the end of the one before.
func eachAfterTheOneBefore(t *trial, worker string, delay time.Duration, n int) {
	calls := t.calls(worker)
	require.GreaterOrEqual(t, len(calls), n, "runs of %s", worker)
	for i := 1; i < len(calls); i++ {
		isDue(t, calls[i-1].end.Add(delay), calls[i], "the delay after the end of "+calls[i-1].tick.ID())
	}
}
