package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, removeCases) }

var removes = []core.Feature{core.FeatureRemove}

var removeCases = []kase{
	{rule: "CTL-1", name: "a-removed-worker-runs-no-more", needs: removes, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil), t.worker("other", core.Every(t.period()), nil))
		t.awaitCalls("w", 1)
		midway(t, t.period())
		require.NoError(t, t.removing(m, "w").within(t.soon()), "Remove of an idle worker")
		before := t.count("w")
		assert.Equal(t, []string{"other"}, listed(m), "the workers that are listed")
		t.keepsTime("other")
		assert.Equal(t, before, t.count("w"), "runs, after Remove has returned")
	}},
	{rule: "CTL-1", name: "it-waits-for-the-run-and-none-begins", needs: removes, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		remove := t.removing(m, "w")
		t.sleep(3 * t.period())
		require.False(t, remove.over(), "Remove waits for the run in progress")
		assert.Zero(t, t.calls("w")[0].end, "the run in progress is let go on")
		g.open()
		require.NoError(t, remove.within(t.soon()))
		assert.NoError(t, t.calls("w")[0].err, "the run was not cancelled")
		t.sleep(2 * t.period())
		assert.Equal(t, 1, t.count("w"), "runs, after Remove was called")
	}},
	{rule: "CTL-1", name: "it-waits-until-its-context-ends", needs: removes, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		remove := t.removingBy(m, "w", t.period())
		err := remove.within(t.period() + t.soon())
		var report *core.StopError
		require.ErrorAs(t, err, &report, "a Remove that was cut short returns a *StopError")
		assert.Equal(t, []string{"w"}, report.CutOff, "the workers cut off")
		assert.ErrorIs(t, err, context.DeadlineExceeded, "the error unwraps to that of Remove's context")
		run := t.calls("w")[0]
		assert.ErrorIs(t, run.err, core.ErrRemoved, "the cause of the run's context")
		assert.GreaterOrEqual(t, run.end.Sub(remove.began), t.period(), "when the run was cancelled, after Remove was called")
		assert.Empty(t, listed(m), "the workers that are listed: it is removed all the same")
	}},
	{rule: "CTL-1", name: "a-run-that-never-returns-does-not-hold-it-up", needs: removes, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{StopGrace: t.period() / 2}, t.worker("w", core.Every(t.period()), g.stubborn))
		g.await()
		remove := t.removingBy(m, "w", t.period()/2)
		err := remove.within(t.period() + t.soon())
		var report *core.StopError
		require.ErrorAs(t, err, &report, "a Remove that was cut short returns a *StopError")
		assert.Equal(t, []string{"w"}, report.Abandoned, "the workers whose run never returned")
		assert.Empty(t, listed(m), "the workers that are listed")
		t.sleep(2 * t.period())
		assert.Equal(t, 1, t.count("w"), "runs, after Remove was called")
	}},
	{rule: "CTL-1", name: "the-name-is-free-again", needs: removes, run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), fails))
		for i := range 3 {
			t.awaitRuns(m, "w", 1)
			require.NoError(t, t.removing(m, "w").within(t.soon()))
			before := t.count("w")
			again := t.worker(fmt.Sprintf("w, added again (%d)", i+1), core.Every(t.period()), nil)
			again.Run, again.Name = t.recorded("again", nil), "w"
			require.NoError(t, m.Add(context.Background(), again), "Add of the name that was removed")
			assert.Zero(t, t.status(m, "w").Failures, "failures of a worker that was just added")
			if !t.features.Memory { // with one it is the last that the cluster knows of (OBS-1), as soon as that is read
				assert.Nil(t, t.status(m, "w").Last, "the last run of a worker that was just added")
			}
			ran := t.count("again")
			t.eventually(3*t.period(), "the worker that was added again runs", func() bool { return t.count("again") > ran })
			assert.Equal(t, before, t.count("w"), "runs of the worker that was removed")
		}
	}},
	{rule: "CTL-1", name: "the-name-is-free-after-one-that-was-cut-short", needs: removes, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{StopGrace: -1}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		require.Error(t, t.removingBy(m, "w", t.period()/10).within(t.period()))
		again := t.worker("again", core.Every(t.period()), nil)
		again.Name = "w"
		require.NoError(t, m.Add(context.Background(), again), "Add of the name that was removed")
		t.eventually(3*t.period()+t.features.Failover, "the worker that was added again runs", func() bool { return t.count("again") > 0 })
	}},
	{rule: "CTL-1", name: "an-unknown-name-is-not-found", needs: removes, run: func(t *trial) {
		m := t.open(core.Options{})
		require.ErrorIs(t, m.Remove(context.Background(), "nobody"), core.ErrNotFound, "before Start")
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
		require.NoError(t, m.Start(context.Background()))
		for _, name := range []string{"nobody", "", "W", "w "} {
			err := m.Remove(context.Background(), name)
			require.ErrorIs(t, err, core.ErrNotFound, "Remove(%q)", name)
			assert.ErrorContains(t, err, name, "the error names the worker")
		}
		require.NoError(t, m.Remove(context.Background(), "w"))
		require.ErrorIs(t, m.Remove(context.Background(), "w"), core.ErrNotFound, "the second time")
		require.NoError(t, m.Stop(context.Background()))
		require.ErrorIs(t, m.Remove(context.Background(), "w"), core.ErrStopped, "after Stop")
	}},
	{rule: "CTL-1", name: "before-start-it-never-starts", needs: removes, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		if t.features.Supports(core.FeatureHooks) {
			w = d.hooked(w)
		}
		require.NoError(t, m.Add(context.Background(), w))
		require.NoError(t, m.Add(context.Background(), t.worker("other", core.Every(t.period()), nil)))
		require.NoError(t, m.Remove(context.Background(), "w"))
		require.Equal(t, []string{"other"}, listed(m), "the workers that are listed")
		require.NoError(t, m.Start(context.Background()))
		t.awaitCalls("other", 2)
		assert.Zero(t, t.count("w"), "runs")
		assert.Empty(t, d.read(), "hooks")
	}},
	{rule: "CTL-1", name: "on-stop-is-after-the-last-run", needs: []core.Feature{core.FeatureRemove, core.FeatureHooks}, run: func(t *trial) {
		d := t.diary()
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, d.hooked(t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.patient(ctx)
			time.Sleep(t.period() / 20)
			d.write("the run is over")
			return nil
		})))
		g.await()
		remove := t.removing(m, "w")
		g.open()
		require.NoError(t, remove.within(t.period()))
		require.NoError(t, m.Stop(context.Background()))
		assert.Equal(t, []string{"start w", "the run is over", "stop w"}, d.read(), "what happened; OnStop is called once")
	}},
	{rule: "CTL-1", name: "of-many-at-once-one-removes", needs: removes, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		var removing []*call
		for range 8 {
			removing = append(removing, t.removing(m, "w"))
		}
		t.sleep(t.period() / 10)
		g.open()
		done := 0
		for _, r := range removing {
			if err := r.within(t.soon()); err == nil {
				done++
			} else {
				assert.ErrorIs(t, err, core.ErrNotFound, "the others are told that there is no such worker")
			}
		}
		assert.Equal(t, 1, done, "Removes that have removed it")
	}},
	{rule: "CTL-1", name: "a-trigger-that-waits-goes-with-it", needs: []core.Feature{core.FeatureRemove, core.FeatureTrigger}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		require.NoError(t, errOf(m.Trigger(context.Background(), "w")))
		remove := t.removing(m, "w")
		require.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrNotFound, "Trigger, once Remove was called")
		g.open()
		require.NoError(t, remove.within(t.soon()))
		t.sleep(t.period())
		assert.Equal(t, 1, t.count("w"), "runs, after Remove was called")
	}},
	{rule: "CTL-1", name: "what-was-removed-does-not-come-back-after-its-run", needs: []core.Feature{core.FeatureRemove, core.FeatureDelay}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Delay(t.period()/2), g.patient))
		g.await()
		remove := t.removing(m, "w")
		g.open()
		require.NoError(t, remove.within(t.soon()))
		t.sleep(2 * t.period())
		assert.Equal(t, 1, t.count("w"), "runs of a Delay whose run ended after Remove was called")
	}},
}

// removing calls Remove, without a limit, on a goroutine.
func (t *trial) removing(m core.Manager, name string) *call {
	return t.call("Remove "+name, func() error { return m.Remove(context.Background(), name) })
}

// removingBy calls Remove, on a goroutine, with a context that ends after d.
func (t *trial) removingBy(m core.Manager, name string, d time.Duration) *call {
	return t.callBy("Remove "+name, d, func(ctx context.Context) error { return m.Remove(ctx, name) })
}
