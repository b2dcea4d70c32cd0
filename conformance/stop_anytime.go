package conformance

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopAnytimeCases) }

var stopAnytimeCases = []kase{
	{rule: "STP-4", name: "before-start", run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		for _, w := range t.allKinds(d) {
			require.NoError(t, m.Add(context.Background(), w))
		}
		require.NoError(t, t.stopping(m).within(t.soon()))
		require.Empty(t, d.read(), "hooks of workers that never started")
	}},
	{rule: "STP-4", name: "twice", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		t.align(t.period())
		for range 3 {
			require.NoError(t, t.stopping(m).within(t.soon()))
		}
	}},
	{rule: "STP-4", name: "from-several-goroutines-and-each-waits", run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		stops := []*call{t.stopping(m), t.stopping(m), t.stopping(m), t.stoppingBy(m, 100*t.period())}
		t.sleep(t.period())
		for _, stop := range stops {
			require.False(t, stop.over(), "each Stop waits for the run in progress")
		}
		g.open()
		for _, stop := range stops {
			require.NoError(t, stop.within(t.soon()))
		}
	}},
	{rule: "STP-4", name: "a-second-stop-with-a-limit-bounds-the-first-without", run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		unbounded := t.stopping(m)
		t.sleep(t.period() / 2)
		bounded := t.stoppingBy(m, t.period())
		for _, stop := range []*call{bounded, unbounded} {
			_ = stop.within(t.period() + t.soon()) // both wait for the one stop, which was cut short
		}
		require.ErrorIs(t, t.calls("w")[0].err, core.ErrStopping, "the cause of the context of the run that was cut off")
	}},
	{rule: "STP-4", name: "while-start-is-in-progress", needs: hooks, run: func(t *trial) {
		d := t.diary()
		g := t.gate("OnStart of b")
		defer g.open()
		m := t.open(core.Options{})
		b := d.hooked(t.worker("b", core.Every(t.period()), nil))
		b.OnStart = g.patient
		for _, w := range []core.Worker{d.hooked(t.worker("a", core.Every(t.period()), nil)), b} {
			require.NoError(t, m.Add(context.Background(), w))
		}
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		g.await()
		stop := t.stopping(m)
		require.ErrorIs(t, start.within(t.soon()), core.ErrStopped, "the Start that Stop has ended")
		require.NoError(t, stop.within(t.soon()))
		require.Equal(t, []string{"start a", "stop a"}, d.read(), "hooks")
		t.sleep(2 * t.period())
		require.Zero(t, t.begun(), "runs of a manager that never came to run")
	}},
	{rule: "STP-4", name: "while-add-is-in-progress", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of w")
		defer g.open()
		m := t.running(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = g.patient
		add := t.call("Add", func() error { return m.Add(context.Background(), w) })
		g.await()
		stop := t.stopping(m)
		require.ErrorIs(t, add.within(t.soon()), core.ErrStopped, "the Add that Stop has ended")
		require.NoError(t, stop.within(t.soon()))
		require.Empty(t, listed(m), "what is left of a worker that was not added")
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs after Stop")
	}},
	{rule: "STP-4", name: "while-remove-waits", needs: []core.Feature{core.FeatureRemove}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.stubborn))
		g.await()
		remove := t.call("Remove", func() error { return m.Remove(context.Background(), "w") })
		stop := t.stopping(m)
		t.sleep(t.soon())
		require.False(t, stop.over(), "Stop waits for the run of the worker that is being removed")
		g.open()
		require.NoError(t, stop.within(t.soon()))
		_ = remove.within(t.soon())
	}},
	{rule: "STP-4", name: "from-inside-a-run", run: func(t *trial) {
		var m core.Manager
		var inside error
		stopped := t.gate("w")
		defer stopped.open()
		m = t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			inside = m.Stop(ctx)
			return stopped.patient(ctx)
		})))
		require.NoError(t, m.Start(context.Background()))
		stopped.await() // so the Stop inside has returned
		outside := t.stopping(m)
		t.sleep(t.period())
		require.False(t, outside.over(), "a Stop from outside waits for the run that called Stop")
		stopped.open()
		require.NoError(t, outside.within(t.soon()))
		require.NoError(t, inside, "Stop from inside a run")
		require.Equal(t, 1, t.count("w"), "runs")
	}},
	{rule: "STP-4", name: "from-inside-on-start", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		w := d.hooked(t.worker("w", core.Every(t.period()), nil))
		w.OnStart = func(ctx context.Context) error {
			d.write("start w")
			return m.Stop(ctx)
		}
		require.NoError(t, m.Add(context.Background(), w))
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		require.ErrorIs(t, start.within(t.soon()), core.ErrStopped, "the Start whose own hook has called Stop")
		require.NoError(t, t.stopping(m).within(t.soon()))
		require.Equal(t, []string{"start w", "stop w"}, d.read(), "hooks")
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs after Stop")
	}},
	{rule: "STP-4", name: "from-inside-on-stop", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		w := d.hooked(t.worker("w", core.Every(t.period()), nil))
		w.OnStop = func(ctx context.Context) error {
			assert.NoError(t, m.Stop(ctx), "Stop from inside OnStop")
			d.write("stop w")
			return nil
		}
		require.NoError(t, m.Add(context.Background(), w))
		require.NoError(t, m.Start(context.Background()))
		require.NoError(t, t.stopping(m).within(t.soon()))
		require.Equal(t, []string{"start w", "stop w"}, d.read(), "hooks")
	}},
	{rule: "STP-4", name: "after-a-failed-start", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		broken := t.worker("broken", core.Every(t.period()), nil)
		broken.OnStart = func(context.Context) error { return context.Canceled }
		require.NoError(t, m.Add(context.Background(), d.hooked(t.worker("w", core.Every(t.period()), nil))))
		require.NoError(t, m.Add(context.Background(), broken))
		require.Error(t, m.Start(context.Background()))
		require.NoError(t, t.stopping(m).within(t.soon()))
		require.Equal(t, []string{"start w", "stop w"}, d.read(), "hooks: what the failed Start has stopped is not stopped again")
	}},
}
