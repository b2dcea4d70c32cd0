package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, startHookCases) }

var hooks = []core.Feature{core.FeatureHooks}

var startHookCases = []kase{
	{rule: "STA-3", name: "hooks-finish-in-order-before-any-run", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		for _, name := range []string{"c", "a", "b"} {
			w := t.worker(name, core.Every(t.period()), func(context.Context) error {
				d.write("a run")
				return nil
			})
			w.RunOnStart = t.features.Supports(core.FeatureRunOnStart)
			w.OnStart = func(context.Context) error {
				d.write(name + " starts")
				time.Sleep(t.period() * 3 / 2) // a slot passes
				d.write(name + " is started")
				return nil
			}
			require.NoError(t, m.Add(context.Background(), w))
		}
		if t.features.Supports(core.FeatureLongRunning) {
			long := t.worker("long", nil, func(context.Context) error {
				d.write("a run")
				return nil
			})
			require.NoError(t, m.Add(context.Background(), long))
		}
		require.NoError(t, m.Start(context.Background()))
		t.eventually(3*t.period(), "something runs", func() bool { return d.has("a run") })
		require.Equal(t, []string{"c starts", "c is started", "a starts", "a is started", "b starts", "b is started"}, d.read()[:6],
			"what happened first")
	}},
	{rule: "STA-3", name: "one-that-fails-undoes-the-start", needs: hooks, run: func(t *trial) {
		boom := errors.New("no disk")
		d := t.diary()
		m := t.open(core.Options{})
		for _, name := range []string{"d", "b", "broken", "a"} {
			w := d.hooked(t.worker(name, core.Every(t.period()), nil))
			w.RunOnStart = t.features.Supports(core.FeatureRunOnStart)
			if name == "broken" {
				w.OnStart = func(context.Context) error { return boom }
			}
			require.NoError(t, m.Add(context.Background(), w))
		}
		err := m.Start(context.Background())
		require.ErrorIs(t, err, boom, "Start returns the error of the hook")
		assert.ErrorContains(t, err, "broken", "Start's error names the worker")
		assert.Equal(t, []string{"start d", "start b", "stop b", "stop d"}, d.read(), "those started are stopped in reverse order, and no others")
		t.sleep(2 * t.period())
		assert.Zero(t, t.begun(), "runs of a manager that failed to start")
		assert.ErrorIs(t, m.Start(context.Background()), core.ErrStopped, "the manager is stopped")
		require.NoError(t, m.Stop(context.Background()))
		assert.Equal(t, 4, len(d.read()), "hooks, after another Stop: %v", d.read())
	}},
	{rule: "STA-3", name: "the-error-of-an-on-start-that-fails-does-not-say-that-the-manager-was-stopped", needs: hooks, run: func(t *trial) {
		w := t.worker("w", t.rarely(), nil)
		w.OnStart = fails
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), w))
		err := m.Start(context.Background())
		require.ErrorIs(t, err, errBoom, "Start returns the error of the hook")
		assert.NotErrorIs(t, err, core.ErrStopped, "nobody has stopped the manager")
	}},
	{rule: "STA-3", name: "the-error-of-an-on-start-that-fails-while-stop-waits-is-starts", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of w")
		defer g.open()
		w := t.worker("w", t.rarely(), nil)
		w.OnStart = func(ctx context.Context) error {
			_ = g.stubborn(ctx)
			return errBoom
		}
		m := t.open(core.Options{StopGrace: t.period()})
		require.NoError(t, m.Add(context.Background(), w))
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		g.await()
		stop := t.stopping(m)
		g.open()
		require.ErrorIs(t, start.within(t.soon()), errBoom, "Start returns the error of the hook")
		require.NoError(t, stop.within(t.soon()))
	}},
	{rule: "STA-3", name: "an-on-start-that-succeeds-while-stop-waits-starts-nothing", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of first")
		defer g.open()
		d := t.diary()
		first := d.hooked(t.worker("first", core.Every(t.period()), nil))
		first.OnStart = g.stubborn
		m := t.open(core.Options{StopGrace: t.period()})
		require.NoError(t, m.Add(context.Background(), first))
		if t.features.Supports(core.FeatureLongRunning) {
			require.NoError(t, m.Add(context.Background(), t.worker("long", nil, nil)))
		}
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		g.await()
		stop := t.stopping(m)
		g.open()
		require.ErrorIs(t, start.within(t.soon()), core.ErrStopped, "the Start that Stop has ended")
		require.NoError(t, stop.within(t.soon()))
		t.sleep(2 * t.period())
		assert.Zero(t, t.begun(), "runs")
		assert.Equal(t, []string{"stop first"}, d.read(), "hooks, but for OnStart of the first")
	}},
	{rule: "STA-3", name: "a-manager-that-failed-to-start-takes-no-worker", needs: hooks, run: func(t *trial) {
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = func(context.Context) error { return errors.New("no disk") }
		require.NoError(t, m.Add(context.Background(), w))
		require.Error(t, m.Start(context.Background()))
		require.ErrorIs(t, m.Add(context.Background(), t.worker("late", core.Every(t.period()), nil)), core.ErrStopped)
		stop := t.call("Stop", func() error { return m.Stop(context.Background()) })
		require.NoError(t, stop.within(t.soon()), "there is nothing to stop any more")
	}},
	{rule: "STA-3", name: "an-on-start-may-add-another", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		parent := t.worker("parent", core.Every(t.period()), nil)
		parent.OnStart = func(ctx context.Context) error {
			d.write("start parent")
			return m.Add(ctx, d.hooked(t.worker("child", core.Every(t.period()), func(context.Context) error {
				d.write("child runs")
				return nil
			})))
		}
		require.NoError(t, m.Add(context.Background(), parent))
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		require.NoError(t, start.within(t.soon()))
		t.eventually(3*t.period(), "the child runs", func() bool { return d.has("child runs") })
		require.Equal(t, []string{"start parent", "start child", "child runs"}, d.read()[:3])
		require.ElementsMatch(t, []string{"parent", "child"}, listed(m))
	}},
	{rule: "STA-3", name: "one-that-was-added-by-a-hook-and-fails-undoes-the-start", needs: hooks, run: func(t *trial) {
		boom := errors.New("no disk")
		d := t.diary()
		m := t.open(core.Options{})
		parent := d.hooked(t.worker("parent", core.Every(t.period()), nil))
		parent.OnStart = func(ctx context.Context) error {
			child := d.hooked(t.worker("child", core.Every(t.period()), nil))
			child.OnStart = func(context.Context) error { return boom }
			_ = m.Add(ctx, child) // a manager may call the child's OnStart here, or after
			return nil
		}
		require.NoError(t, m.Add(context.Background(), parent))
		start := t.call("Start", func() error { return m.Start(context.Background()) })
		require.ErrorIs(t, start.within(t.soon()), boom)
		require.Equal(t, []string{"stop parent"}, d.read(), "hooks")
		t.sleep(2 * t.period())
		require.Zero(t, t.begun(), "runs of a manager that failed to start")
	}},
}
