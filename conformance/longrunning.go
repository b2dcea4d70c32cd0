package conformance

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, longRunningCases) }

var longRunning = []core.Feature{core.FeatureLongRunning}

var longRunningCases = []kase{
	{rule: "LNG-1", name: "it-is-run-once-when-it-starts", needs: longRunning, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{}, t.worker("long", nil, g.patient))
		t.eventually(t.promptly(), "it is run when it starts", func() bool { return t.count("long") == 1 })
		assert.Equal(t, core.StateRunning, t.status(m, "long").State, "the state")
		t.sleep(3 * t.period())
		assert.Equal(t, 1, t.count("long"), "runs")
		s := t.status(m, "long")
		assert.Zero(t, s.Next, "the next slot: it has none")
		assert.Zero(t, s.Skips.Total(), "slots skipped: it has none")
		tick := t.calls("long")[0].tick
		assert.NotEmpty(t, tick.Manual, "the tick is a manual one")
	}},
	{rule: "LNG-1", name: "it-is-run-when-it-is-added-to-a-running-manager", needs: longRunning, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{})
		require.NoError(t, m.Add(context.Background(), t.worker("long", nil, g.patient)))
		t.eventually(t.promptly(), "it is run when it starts", func() bool { return t.count("long") == 1 })
	}},
	{rule: "LNG-1", name: "stop-cancels-it-at-once", needs: longRunning, run: func(t *trial) {
		t.endsIt(core.ErrStopping, func(m core.Manager) error { return m.Stop(context.Background()) })
	}},
	{rule: "LNG-1", name: "remove-cancels-it-at-once", needs: []core.Feature{core.FeatureLongRunning, core.FeatureRemove}, run: func(t *trial) {
		t.endsIt(core.ErrRemoved, func(m core.Manager) error { return m.Remove(context.Background(), "long") })
	}},
	{rule: "LNG-1", name: "pause-cancels-it-at-once", needs: []core.Feature{core.FeatureLongRunning, core.FeaturePause}, run: func(t *trial) {
		t.endsIt(core.ErrPaused, func(m core.Manager) error { return m.Pause(context.Background(), "long") })
	}},
	{rule: "LNG-1", name: "a-stop-without-time-does-not-cut-it-off", needs: longRunning, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{StopGrace: t.period()}, t.worker("long", nil, g.patient))
		g.await()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stop := t.call("Stop, with a context that has ended", func() error { return m.Stop(ctx) })
		require.NoError(t, stop.within(t.soon()), "returning when it was cancelled is its normal end")
	}},
	{rule: "LNG-1", name: "stop-cancels-it-while-it-waits-for-another", needs: longRunning, run: func(t *trial) {
		long, busy := t.gate("long"), t.gate("busy")
		defer long.open()
		defer busy.open()
		m := t.running(core.Options{}, t.worker("busy", core.Every(t.period()), busy.patient), t.worker("long", nil, long.patient))
		long.await()
		busy.await()
		stop := t.stopping(m)
		t.eventually(t.soon(), "the long-running one has ended", func() bool { return !t.calls("long")[0].end.IsZero() })
		assert.False(t, stop.over(), "Stop waits for the other")
		assert.Zero(t, t.calls("busy")[0].end, "the other is not cancelled")
		busy.open()
		require.NoError(t, stop.within(t.soon()))
	}},
	{rule: "LNG-1", name: "one-that-ignores-its-context-is-given-up", needs: longRunning, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{StopGrace: t.period() / 2}, t.worker("long", nil, g.stubborn))
		g.await()
		report := t.cutShort(t.stoppingBy(m, t.period()/2), t.period()+t.soon())
		assert.Equal(t, []string{"long"}, report.Abandoned, "the workers that never returned")
		assert.Empty(t, report.CutOff, "the workers cut off")
	}},
	{rule: "LNG-1", name: "resume-runs-it-again", needs: []core.Feature{core.FeatureLongRunning, core.FeaturePause}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{}, t.worker("long", nil, g.patient))
		g.await()
		for n := range 3 {
			require.NoError(t, m.Pause(context.Background(), "long"))
			t.eventually(t.soon(), "it is paused", func() bool { return t.status(m, "long").State == core.StatePaused })
			t.sleep(t.period())
			require.Equal(t, n+1, t.count("long"), "runs of a worker that is paused")
			require.NoError(t, m.Resume(context.Background(), "long"))
			t.eventually(t.promptly(), "it is run again", func() bool { return t.count("long") == n+2 })
		}
		assert.Equal(t, core.StateRunning, t.status(m, "long").State, "the state")
	}},
	{rule: "LNG-1", name: "resumed-before-it-has-returned-it-is-run-again-and-never-overlaps", needs: []core.Feature{core.FeatureLongRunning, core.FeaturePause}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		crowd := &crowd{}
		m := t.running(core.Options{}, t.worker("long", nil, func(ctx context.Context) error {
			defer crowd.enter()()
			if t.count("long") == 1 {
				_ = g.stubborn(ctx)
				return ctx.Err()
			}
			return (&gate{t: t, name: "long"}).patient(ctx)
		}))
		g.await()
		require.NoError(t, m.Pause(context.Background(), "long"))
		require.NoError(t, m.Resume(context.Background(), "long"))
		t.sleep(t.period())
		require.Equal(t, 1, t.count("long"), "runs, while the first has not returned")
		g.open()
		t.eventually(t.promptly(), "it is run again", func() bool { return t.count("long") == 2 })
		assert.Equal(t, 1, crowd.most(), "the most runs in progress at a time")
	}},
	{rule: "LNG-1", name: "paused-in-its-backoff-it-is-not-run-until-resume", needs: []core.Feature{core.FeatureLongRunning, core.FeaturePause}, run: func(t *trial) {
		w := t.worker("long", nil, fails)
		w.Retry.Backoff = core.Constant(t.period())
		m := t.running(core.Options{}, w)
		t.awaitRuns(m, "long", 1)
		require.NoError(t, m.Pause(context.Background(), "long"))
		assert.Equal(t, core.StatePaused, t.status(m, "long").State, "the state")
		t.sleep(3 * t.period())
		require.Equal(t, 1, t.count("long"), "runs of a worker that is paused")
		require.NoError(t, m.Resume(context.Background(), "long"))
		t.eventually(t.promptly(), "it is run again", func() bool { return t.count("long") == 2 })
	}},
}

// endsIt wants a long-running worker to be cancelled at once, with a cause, and
// that to be its normal end.
func (t *trial) endsIt(cause error, end func(core.Manager) error) {
	for _, returns := range []error{nil, context.Canceled, errBoom} {
		handler := &errorHandler{}
		g := t.gate("long")
		defer g.open() //nolint:gocritic // three gates, opened before the managers are stopped
		watch := &watcher{}
		m := t.running(core.Options{OnError: handler.hear, Observers: []core.Observer{watch.see}},
			t.worker("long", nil, func(ctx context.Context) error {
				assert.ErrorIs(t, g.patient(ctx), cause, "the cause of the context's end")
				return returns
			}))
		g.await()
		before := t.count("long")
		t.sleep(t.period() / 10)
		call := t.call("the call that ends it", func() error { return end(m) })
		require.NoError(t, call.within(t.soon()), "the end of a long-running worker that returned %v is its normal end", returns)
		t.eventually(t.soon(), "it has ended", func() bool { return watch.count(core.EventEnded, "long") == 1 })
		assert.NotEqual(t, core.Failed, watch.seen(core.EventEnded, "long")[0].Result.Outcome, "the outcome, when it returned %v", returns)
		assert.Empty(t, handler.heard(), "calls of the error handler, when it returned %v", returns)
		for _, s := range m.Workers() {
			assert.Zero(t, s.Failures, "failures, when it returned %v", returns)
		}
		t.sleep(2 * t.period())
		assert.Equal(t, before, t.count("long"), "runs, after it was ended")
	}
}
