package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopSignalCases) }

var stopSignalCases = []kase{
	{rule: "STP-7", name: "stop-ends-a-wait-between-two-attempts", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), func(context.Context) error { return errors.New("connection refused") })
		w.Retry = core.Retry{MaxAttempts: 5, Backoff: core.Constant(3 * t.period())}
		m := t.running(core.Options{}, w)
		t.eventually(3*t.period(), "the first attempt fails", func() bool { return t.count("w") == 1 && t.inProgress() == 0 })
		t.sleep(t.period() / 4)
		require.NoError(t, t.stopping(m).within(t.soon()), "Stop does not wait for the backoff of three periods")
		t.sleep(4 * t.period())
		require.Equal(t, 1, t.count("w"), "attempts: none is made after Stop")
		s := t.status(m, "w")
		require.NotNil(t, s.Last, "the last run in the status")
		assert.Equal(t, core.Cancelled, s.Last.Outcome, "the outcome of the run whose attempts Stop has ended")
		assert.Zero(t, s.Failures, "failures")
		assert.EqualValues(t, 1, s.Cancelled, "runs that were cancelled")
	}},
	{rule: "STP-7", name: "no-wait-follows-an-attempt-that-fails-while-stop-waits", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.patient(ctx)
			return errors.New("connection refused")
		})
		w.Retry = core.Retry{MaxAttempts: 5, Backoff: core.Constant(3 * t.period())}
		m := t.running(core.Options{}, w)
		g.await()
		stop := t.stopping(m)
		t.sleep(t.period() / 2)
		require.False(t, stop.over(), "Stop waits for the attempt in progress")
		g.open()
		require.NoError(t, stop.within(t.soon()), "Stop does not wait for the backoff of three periods")
		require.Equal(t, 1, t.count("w"), "attempts: none is made after Stop")
	}},
	{rule: "STP-7", name: "stop-ends-the-backoff-of-a-long-running-worker", needs: []core.Feature{core.FeatureLongRunning}, run: func(t *trial) {
		w := t.worker("w", nil, func(context.Context) error { return errors.New("connection refused") })
		w.Retry.Backoff = core.Constant(3 * t.period())
		m := t.running(core.Options{}, w)
		t.eventually(t.soon(), "the first run fails", func() bool { return t.count("w") == 1 && t.inProgress() == 0 })
		require.NoError(t, t.stopping(m).within(t.soon()), "Stop does not wait for the backoff of three periods")
		t.sleep(4 * t.period())
		require.Equal(t, 1, t.count("w"), "runs: none begins after Stop")
	}},

	{rule: "STP-8", name: "a-run-sees-stop-before-its-context-is-cancelled", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			if !assert.NotNil(t, core.Stopping(ctx), "core.Stopping of a run's context") {
				return nil
			}
			select {
			case <-core.Stopping(ctx):
				t.note("w sees that its manager is stopping")
				return ctx.Err() // nil: there is time for a good end
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(8 * t.period()):
				return errors.New("the run never saw that its manager is stopping")
			}
		}))
		t.eventually(3*t.period(), "w runs", func() bool { return t.count("w") == 1 })
		t.sleep(t.period())
		require.Equal(t, 1, t.inProgress(), "runs in progress: core.Stopping is not closed before Stop is called")
		stop := t.stoppingBy(m, 3*t.period())
		assert.NoError(t, stop.within(t.soon()), "Stop, when its run has seen it and returned")
		for _, run := range t.calls("w") {
			assert.NoError(t, run.err, "what the run saw")
		}
	}},
	{rule: "STP-8", name: "in-every-attempt", needs: []core.Feature{core.FeatureRetry, core.FeatureTimeout}, run: func(t *trial) {
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			if t.count("w") == 1 {
				return errors.New("connection refused")
			}
			select {
			case <-core.Stopping(ctx):
				return ctx.Err()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		w.Timeout = 5 * t.period()
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 10)}
		m := t.running(core.Options{}, w)
		t.eventually(4*t.period(), "the second attempt runs", func() bool { return t.count("w") == 2 })
		assert.NoError(t, t.stoppingBy(m, 3*t.period()).within(t.soon()), "Stop, when its run has seen it and returned")
		require.NoError(t, t.calls("w")[1].err, "what the second attempt saw")
	}},
}
