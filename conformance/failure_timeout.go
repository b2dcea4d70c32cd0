package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, timeoutCases) }

var timeoutCases = []kase{
	{rule: "ERR-4", name: "a-run-has-a-deadline-and-is-cancelled-then", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		timeout := t.period() / 4
		var cause error
		var deadline time.Time // a run may begin a little after its time has begun to count
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			t.hasDeadline(ctx, timeout)
			deadline, _ = ctx.Deadline()
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		w.Timeout = timeout
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		run := t.calls("w")[0]
		took := run.end.Sub(run.begin)
		assert.ErrorIs(t, cause, core.ErrTimeout, "the cause of the context")
		assert.False(t, run.end.Before(deadline.Add(-time.Millisecond)), "the context ended at %s, before its deadline, %s", run.end, deadline)
		assert.LessOrEqual(t, took, timeout+t.soon(), "how long the context lasted")
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
		assert.ErrorIs(t, s.Last.Err, context.DeadlineExceeded, "the error")
	}},
	{rule: "ERR-4", name: "the-error-of-a-run-that-timed-out-is-errtimeout-in-the-status-the-event-and-the-error-handler", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		handler, watch := &errorHandler{}, &watcher{}
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.Timeout = t.period() / 4
		m := t.running(core.Options{OnError: handler.hear, Observers: []core.Observer{watch.see}}, w)
		assert.ErrorIs(t, t.awaitRuns(m, "w", 1).Last.Err, core.ErrTimeout, "the error in the status")
		t.eventually(t.soon(), "the error handler and the observers are told", func() bool {
			return len(handler.heard()) > 0 && watch.count(core.EventEnded, "w") > 0
		})
		assert.ErrorIs(t, handler.heard()[0].err, core.ErrTimeout, "the error that the handler is called with")
		assert.ErrorIs(t, watch.seen(core.EventEnded, "w")[0].Result.Err, core.ErrTimeout, "the error in the event")
	}},
	{rule: "ERR-4", name: "each-attempt-has-a-deadline-of-its-own", needs: []core.Feature{core.FeatureTimeout, core.FeatureRetry}, run: func(t *trial) {
		timeout := t.period() / 10
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			t.hasDeadline(ctx, timeout)
			if tick, _ := core.TickFrom(ctx); tick.Attempt == 3 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		w.Timeout = timeout
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(3 * timeout)} // longer than the deadline
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome: neither attempt used up the time of the next")
		assert.Equal(t, 3, t.count("w"), "attempts")
	}},
	{rule: "ERR-4", name: "a-run-that-ignores-it-keeps-its-worker-busy", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		w := t.worker("w", core.Every(t.period()), g.stubborn)
		w.Timeout = t.period() / 4
		m := t.running(core.Options{}, w)
		g.await()
		midway(t, t.period())
		t.sleep(3 * t.period())
		s := t.status(m, "w")
		assert.Equal(t, 1, t.count("w"), "runs, while one ignores its deadline")
		assert.Equal(t, core.StateRunning, s.State, "the state, while the run ignores its deadline")
		assert.GreaterOrEqual(t, s.Skips.Overlap, uint64(2), "slots skipped with reason overlap")
		g.open()
		t.awaitCalls("w", 2)
	}},
	{rule: "ERR-4", name: "the-next-attempt-waits-for-one-that-ignores-it", needs: []core.Feature{core.FeatureTimeout, core.FeatureRetry}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.stubborn(ctx)
			return errBoom
		})
		w.Timeout = t.period() / 10
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 10)}
		t.running(core.Options{}, w)
		g.await()
		t.sleep(t.period())
		require.Equal(t, 1, t.count("w"), "attempts, while the first ignores its deadline")
		g.open()
		t.awaitCalls("w", 2)
		assert.Equal(t, 2, t.calls("w")[1].tick.Attempt, "the attempt that follows")
	}},
	{rule: "ERR-4", name: "a-timeout-of-a-nanosecond-is-a-timeout", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		w.Timeout = 1
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 1)
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
		assert.ErrorIs(t, s.Last.Err, core.ErrTimeout, "the error")
	}},
	{rule: "ERR-4", name: "an-error-of-its-own-that-is-a-deadline-is-no-timeout-of-the-run", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		own := func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 1)
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		limited := t.worker("limited", core.Every(t.period()), own)
		limited.Timeout = t.period()
		m := t.running(core.Options{}, limited, t.worker("unlimited", core.Every(t.period()), own))
		for _, name := range []string{"limited", "unlimited"} {
			s := t.awaitRuns(m, name, 1)
			assert.ErrorIs(t, s.Last.Err, context.DeadlineExceeded, "the error of %s", name)
			assert.NotErrorIs(t, s.Last.Err, core.ErrTimeout, "the error of %s, whose own deadline passed", name)
		}
	}},
	{rule: "ERR-4", name: "a-run-in-time-is-left-alone", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			time.Sleep(t.period() / 10)
			return ctx.Err()
		})
		w.Timeout = t.period() * 3 / 4
		m := t.running(core.Options{}, w)
		s := t.awaitRuns(m, "w", 3)
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome")
		for _, run := range t.calls("w")[:3] {
			assert.NoError(t, run.err, "the end of the context of a run that took less than its timeout")
		}
	}},
	{rule: "ERR-4", name: "a-long-running-worker-has-one-for-each-run", needs: []core.Feature{core.FeatureTimeout, core.FeatureLongRunning}, run: func(t *trial) {
		w := t.worker("long", nil, func(ctx context.Context) error {
			t.hasDeadline(ctx, t.period()/4)
			<-ctx.Done()
			return ctx.Err()
		})
		w.Timeout = t.period() / 4
		w.Retry.Backoff = core.Constant(t.period() / 4)
		m := t.running(core.Options{}, w)
		t.awaitRuns(m, "long", 2)
	}},
	{rule: "ERR-4", name: "without-a-timeout-there-is-no-deadline", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_, has := ctx.Deadline()
			assert.False(t, has, "a run of a worker without a Timeout has a deadline")
			return nil
		}))
		t.awaitRuns(m, "w", 1)
	}},
}

// hasDeadline wants the deadline of an attempt that begins now. It may be called
// from a run.
func (t *trial) hasDeadline(ctx context.Context, timeout time.Duration) {
	deadline, has := ctx.Deadline()
	if assert.True(t, has, "the context of an attempt has a deadline") {
		left := time.Until(deadline)
		assert.LessOrEqual(t, left, timeout, "the time that is left when the attempt begins")
		assert.GreaterOrEqual(t, left, timeout-t.soon(), "the time that is left when the attempt begins")
	}
}
