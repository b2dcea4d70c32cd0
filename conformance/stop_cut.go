package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopCutCases) }

var stopCutCases = []kase{
	{rule: "STP-3", name: "a-run-is-cancelled-when-stops-context-ends-and-no-sooner", run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		stop := t.stoppingBy(m, t.period())
		report := t.cutShort(stop, t.period()+t.soon())
		assert.Equal(t, []string{"w"}, report.CutOff, "the workers cut off")
		assert.Empty(t, report.Abandoned, "the workers whose run never returned")
		assert.ErrorContains(t, stop.err, "w", "the message names the worker")
		run := t.calls("w")[0]
		assert.ErrorIs(t, run.err, core.ErrStopping, "the cause of the run's context")
		assert.GreaterOrEqual(t, run.end.Sub(stop.began), t.period(), "when the run was cancelled, after Stop was called")
	}},
	{rule: "STP-3", name: "a-run-that-ignores-it-is-given-up-after-the-grace", run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		grace := t.period()
		m := t.running(core.Options{StopGrace: grace}, t.worker("w", core.Every(t.period()), g.stubborn))
		g.await()
		stop := t.stoppingBy(m, t.period())
		report := t.cutShort(stop, t.period()+grace+t.soon())
		assert.Equal(t, []string{"w"}, report.Abandoned, "the workers whose run never returned")
		assert.Empty(t, report.CutOff, "the workers cut off")
		assert.ErrorContains(t, stop.err, "w", "the message names the worker")
		assert.GreaterOrEqual(t, stop.took, t.period()+grace, "Stop gives a run its grace")
		g.open()
	}},
	{rule: "STP-3", name: "each-is-listed-for-what-became-of-it", run: func(t *trial) {
		g := t.gate("the gate")
		defer g.open()
		grace := t.period()
		needsTime := func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(grace / 2)
			return ctx.Err()
		}
		m := t.running(core.Options{StopGrace: grace},
			t.worker("in-time", core.Every(t.period()), func(context.Context) error {
				time.Sleep(t.period() / 2)
				return nil
			}),
			t.worker("polite", core.Every(t.period()), g.patient),
			t.worker("within-the-grace", core.Every(t.period()), needsTime),
			t.worker("stubborn", core.Every(t.period()), g.stubborn),
			t.worker("idle", core.Every(1000*t.period()), nil))
		g.await()
		t.eventually(t.soon(), "four run", func() bool { return t.begun() == 4 })
		report := t.cutShort(t.stoppingBy(m, t.period()), t.period()+grace+t.soon())
		assert.ElementsMatch(t, []string{"polite", "within-the-grace"}, report.CutOff, "the workers cut off")
		assert.Equal(t, []string{"stubborn"}, report.Abandoned, "the workers whose run never returned")
		g.open()
	}},
	{rule: "STP-3", name: "runs-are-cancelled-at-once-and-together", run: func(t *trial) {
		g := t.gate("b")
		defer g.open()
		m := t.running(core.Options{},
			t.worker("a", core.Every(t.period()), g.stubborn),
			t.worker("b", core.Every(t.period()), g.patient),
			t.worker("c", core.Every(t.period()), g.patient))
		g.await()
		t.eventually(t.soon(), "all run", func() bool { return t.begun() == 3 })
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stop := t.call("Stop, with a context that has ended", func() error { return m.Stop(ctx) })
		t.eventually(t.soon(), "b and c are cancelled, though a is stubborn", func() bool { return t.inProgress() == 1 })
		var report *core.StopError
		err := stop.within(time.Second + t.soon()) // the grace is a second where Options give none
		require.ErrorAs(t, err, &report)
		assert.ErrorIs(t, err, context.Canceled, "the error unwraps to the context's")
		assert.ElementsMatch(t, []string{"b", "c"}, report.CutOff, "the workers cut off")
		assert.Equal(t, []string{"a"}, report.Abandoned, "the workers whose run never returned")
		g.open()
	}},
	{rule: "STP-3", name: "the-cause-is-seen-under-a-timeout", needs: []core.Feature{core.FeatureTimeout}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		w := t.worker("w", core.Every(t.period()), g.patient)
		w.Timeout = 1000 * t.period()
		m := t.running(core.Options{}, w)
		g.await()
		t.cutShort(t.stoppingBy(m, t.period()), t.period()+t.soon())
		assert.ErrorIs(t, t.calls("w")[0].err, core.ErrStopping, "the cause of the attempt's context")
	}},
	{rule: "STP-3", name: "a-second-attempt-is-cancelled-as-well", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			if t.count("w") == 1 {
				return context.DeadlineExceeded
			}
			return g.patient(ctx)
		})
		w.Retry = core.Retry{MaxAttempts: 9, Backoff: core.Constant(t.period() / 10)}
		m := t.running(core.Options{}, w)
		g.await()
		report := t.cutShort(t.stoppingBy(m, t.period()), t.period()+t.soon())
		assert.Equal(t, []string{"w"}, report.CutOff, "the workers cut off")
		require.Len(t, t.calls("w"), 2, "attempts: a run that was cancelled makes no more")
		assert.ErrorIs(t, t.calls("w")[1].err, core.ErrStopping, "the cause of the attempt's context")
	}},
	{rule: "STP-3", name: "a-run-that-returns-in-time-is-not-cut-off", run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		stop := t.stoppingBy(m, 10*t.period())
		t.sleep(t.period())
		g.open()
		require.NoError(t, stop.within(t.soon()), "Stop, when the run has returned before Stop's context has ended")
		require.NoError(t, t.calls("w")[0].err, "the run was not cancelled")
	}},
}

// cutShort waits for a Stop that is cut short by its deadline, and returns its
// report.
func (t *trial) cutShort(stop *call, within time.Duration) *core.StopError {
	err := stop.within(within)
	var report *core.StopError
	require.ErrorAs(t, err, &report, "a Stop that was cut short returns a *StopError")
	assert.ErrorIs(t, err, context.DeadlineExceeded, "the error unwraps to that of Stop's context")
	return report
}
