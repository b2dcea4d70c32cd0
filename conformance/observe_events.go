package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, toldCases) }

// toldCases are about all events that observers get: each event once, with what belongs to
// it, and nothing else.
var toldCases = []kase{
	{rule: "OBS-2", name: "observers-are-told-of-each-run-attempt-and-skip-once-with-all-that-belongs-to-it",
		needs: []core.Feature{core.FeatureObservers, core.FeatureMiddleware, core.FeatureRetry, core.FeatureTrigger, core.FeaturePause, core.FeatureJitter}, run: func(t *trial) {
			watch := &watcher{}
			p := t.period()
			w := t.worker("w", core.Every(p), func(context.Context) error {
				time.Sleep(p / 20)
				if n := t.count("w"); n <= 1 || n == 4 {
					return fmt.Errorf("call %d: %w", n, errBoom)
				}
				return nil
			})
			w.Jitter = p / 5
			w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(p / 20)}
			w.AttemptMiddleware = []core.Middleware{carrying("attempt")}
			next := midway(t, p)
			m := t.running(core.Options{
				Instance: "node-7", Observers: []core.Observer{watch.see}, Middleware: []core.Middleware{carrying("run")},
			}, w)
			until(t, next.Add(p/2)) // its run has failed once
			require.Equal(t, 2, t.count("w"), "attempts")
			manual := t.trigger(m, "w")
			t.eventually(p/4, "the triggered run ends", func() bool { return t.status(m, "w").Runs == 2 })
			require.NoError(t, m.Pause(context.Background(), "w"))
			until(t, next.Add(p+p/2))
			require.NoError(t, m.Resume(context.Background(), "w"))
			until(t, next.Add(2*p+p/2)) // its run has failed once, too
			require.NoError(t, t.stopping(m).within(t.soon()))

			slot := func(n time.Duration) string { return core.Tick{Worker: "w", Slot: next.Add(n * p)}.ID() }
			var told []string
			var last time.Time
			for _, e := range watch.all("w") {
				told = append(told, fmt.Sprintf("%s %s attempt %d of %d: %s", e.Kind, e.Tick.ID(), e.Tick.Attempt, e.Result.Attempts, e.Result))
				assert.Equal(t, t.features.Engine, e.Engine, "the engine, in event %q", told[len(told)-1])
				assert.Equal(t, "node-7", e.Instance, "the instance, in event %q", told[len(told)-1])
				assert.False(t, e.Time.Before(last), "the time of event %q, %s, is before that of the event before it, %s", told[len(told)-1], e.Time, last)
				last = e.Time
				t.hasCause(e)
				t.hasResult(e)
				t.hasContext(e)
			}
			assert.Equal(t, []string{
				"began " + slot(0) + " attempt 1 of 0: none",
				"attempt failed " + slot(0) + " attempt 1 of 1: failed: call 1: boom",
				"ended " + slot(0) + " attempt 2 of 2: succeeded",
				"began " + manual.ID() + " attempt 1 of 0: none",
				"ended " + manual.ID() + " attempt 1 of 1: succeeded",
				"skipped " + slot(1) + " attempt 1 of 0: none",
				"began " + slot(2) + " attempt 1 of 0: none",
				"attempt failed " + slot(2) + " attempt 1 of 1: failed: call 4: boom",
				"ended " + slot(2) + " attempt 2 of 2: succeeded",
			}, told, "what the observers are told of w")
		}},
	{rule: "OBS-2", name: "observers-are-told-why-a-long-running-worker-runs-and-how-each-run-ended", needs: []core.Feature{core.FeatureObservers, core.FeatureLongRunning}, run: func(t *trial) {
		watch := &watcher{}
		g := t.gate("long")
		defer g.open()
		w := t.worker("long", nil, func(ctx context.Context) error {
			if t.count("long") == 1 {
				return errBoom
			}
			return g.patient(ctx)
		})
		w.Retry = core.Retry{Backoff: core.Constant(t.period() / 10)}
		m := t.running(core.Options{Observers: []core.Observer{watch.see}}, w)
		g.await()
		require.NoError(t, t.stopping(m).within(t.soon()))
		var told []string
		for _, e := range watch.all("long") {
			told = append(told, fmt.Sprintf("%s: %s", e.Kind, e.Result))
			assert.Equal(t, core.CauseLongRunning, e.Cause, "the cause, in event %q", told[len(told)-1])
			assert.Zero(t, e.Due, "when it was due, in event %q", told[len(told)-1])
		}
		assert.Equal(t, []string{"began: none", "ended: failed: boom", "began: none", "ended: cancelled: " + core.ErrStopping.Error()}, told, "what the observers are told")
		calls := t.calls("long")
		assert.NotEqual(t, calls[0].tick.ID(), calls[1].tick.ID(), "the tick of the second run: each has its own")
	}},
}

// carrying is middleware that puts its name into the context.
func carrying(name string) core.Middleware {
	return func(ctx context.Context, next func(context.Context) error) error {
		return next(context.WithValue(ctx, key{}, name))
	}
}

// hasCause wants an event to say why its run is made, and when it was due.
func (t *trial) hasCause(e core.Event) {
	if e.Tick.Manual != "" {
		assert.Equal(t, core.CauseTrigger, e.Cause, "the cause, in event %q of a trigger", e.Kind)
		assert.Zero(t, e.Due, "when a trigger was due, in event %q", e.Kind)
		return
	}
	assert.Equal(t, core.CauseSchedule, e.Cause, "the cause, in event %q of a slot", e.Kind)
	assert.False(t, e.Due.Before(e.Tick.Slot) || e.Due.After(e.Tick.Slot.Add(t.period()/5)), "when it was due, in event %q: %s, want the slot, %s, and a jitter of at most %s", e.Kind, e.Due, e.Tick.Slot, t.period()/5)
	assert.False(t, e.Time.Before(e.Due), "the time of event %q, %s, is before it was due, %s", e.Kind, e.Time, e.Due)
}

// hasResult wants an event to have the times of its run, and what was skipped, if that is
// what it is about.
func (t *trial) hasResult(e core.Event) {
	r := e.Result
	switch e.Kind {
	case core.EventBegan:
		assert.Zero(t, r, "the result of a run that begins")
	case core.EventEnded:
		assert.Equal(t, r.Duration, e.Duration, "how long the run took, in the event and in its result")
		assert.Equal(t, e.Time.Sub(r.Started), r.Duration, "how long the run took, from its start to its end")
		assert.GreaterOrEqual(t, r.Duration, t.period()/20, "how long the run took")
	case core.EventAttemptFailed:
		assert.False(t, r.Started.IsZero() || r.Started.After(e.Time), "when the run of the attempt began: %s, and the attempt failed at %s", r.Started, e.Time)
	}
	if e.Kind == core.EventSkipped {
		assert.Equal(t, core.ReasonPaused, e.Reason, "why the slot was skipped")
		assert.Equal(t, 1, e.Count, "slots skipped")
		assert.Equal(t, e.Tick.Slot, e.Last, "the last slot that was skipped")
	} else {
		assert.Zero(t, e.Reason, "the reason, in event %q", e.Kind)
		assert.Zero(t, e.Count, "the count, in event %q", e.Kind)
		assert.Zero(t, e.Last, "the last slot, in event %q", e.Kind)
		assert.Zero(t, r.Reason, "the result's reason, in event %q", e.Kind)
	}
	assert.NoError(t, e.Err, "the event's own error, in event %q", e.Kind)
}

// hasContext wants an event to have the context of the innermost middleware.
func (t *trial) hasContext(e core.Event) {
	if !assert.NotNil(t, e.Context, "the context, in event %q", e.Kind) {
		return
	}
	want := map[core.EventKind]any{core.EventAttemptFailed: "attempt", core.EventEnded: "run"}[e.Kind]
	assert.Equal(t, want, e.Context.Value(key{}), "what middleware put into the context, in event %q", e.Kind)
	tick, ok := core.TickFrom(e.Context)
	assert.Equal(t, e.Kind != core.EventSkipped, ok, "whether the context, in event %q, has a tick", e.Kind)
	if ok {
		assert.Equal(t, e.Tick.ID(), tick.ID(), "the tick in the context, in event %q", e.Kind)
	}
}
