package conformance

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, registrationCases) }

var registrationCases = []kase{
	{rule: "REG-1", name: "added-before-start-does-not-run", run: func(t *trial) {
		m := t.open(core.Options{})
		for _, name := range []string{"c", "a", "b"} {
			require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(t.period()), nil)))
		}
		t.sleep(3 * t.period())
		require.ElementsMatch(t, []string{"c", "a", "b"}, listed(m), "the workers registered")
		require.Zero(t, t.count("c")+t.count("a")+t.count("b"), "runs before Start")
		require.NoError(t, m.Start(context.Background()))
		for _, name := range []string{"c", "a", "b"} {
			t.eventually(3*t.period(), name+" runs after Start", func() bool { return t.count(name) > 0 })
		}
	}},

	{rule: "REG-2", name: "added-while-running-starts-before-add-returns", run: func(t *trial) {
		m := t.running(core.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, m.Add(ctx, t.worker("w", core.Every(t.period()), nil)))
		cancel()
		require.Equal(t, []string{"w"}, listed(m), "the workers registered when Add has returned")
		t.eventually(3*t.period(), "w runs, and goes on although Add's context has ended", func() bool { return t.count("w") > 1 })
	}},
	{rule: "REG-2", name: "on-start-is-done-when-add-returns-and-before-any-run", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.running(core.Options{})
		w := t.worker("w", core.Every(t.period()), func(context.Context) error {
			d.write("w runs")
			return nil
		})
		w.OnStart = func(context.Context) error {
			d.write("OnStart begins")
			time.Sleep(t.period() * 5 / 2) // two slots pass
			d.write("OnStart ends")
			return nil
		}
		t.align(t.period())
		require.NoError(t, m.Add(context.Background(), w))
		require.Equal(t, []string{"OnStart begins", "OnStart ends"}, d.read(), "what happened before Add returned")
		t.eventually(2*t.period(), "w runs", func() bool { return d.has("w runs") })
	}},
	{rule: "REG-2", name: "a-long-running-worker-is-up-after-add", needs: []core.Feature{core.FeatureLongRunning}, run: func(t *trial) {
		m := t.running(core.Options{})
		up := t.gate("w")
		defer up.open()
		require.NoError(t, m.Add(context.Background(), t.worker("w", nil, up.patient)))
		t.eventually(t.soon(), "w is run", func() bool { return t.count("w") == 1 })
	}},
	{rule: "REG-2", name: "an-error-of-on-start-is-adds-and-leaves-nothing", needs: hooks, run: func(t *trial) {
		boom := errors.New("no disk")
		d := t.diary()
		m := t.running(core.Options{})
		w := d.hooked(t.worker("w", core.Every(t.period()), nil))
		w.OnStart = func(context.Context) error { return boom }
		require.ErrorIs(t, m.Add(context.Background(), w), boom, "OnStart's error is Add's")
		require.Empty(t, listed(m), "what is registered after OnStart has failed")
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs of a worker whose OnStart failed")
		require.NoError(t, m.Add(context.Background(), d.hooked(t.worker("w", core.Every(t.period()), nil))), "the name is free again")
		require.Equal(t, []string{"start w"}, d.read(), "hooks: a worker whose OnStart failed is not stopped")
		t.eventually(3*t.period(), "the second w runs", func() bool { return t.count("w") > 0 })
	}},
	{rule: "REG-2", name: "adds-context-reaches-on-start", needs: hooks, run: func(t *trial) {
		m := t.running(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(context.Background(), t.period()/2)
		defer cancel()
		add := t.call("Add", func() error { return m.Add(ctx, w) })
		require.ErrorIs(t, add.within(t.period()/2+t.soon()), context.DeadlineExceeded)
		require.Empty(t, listed(m), "what is registered after OnStart has failed")
	}},
	{rule: "REG-2", name: "an-on-start-may-add-another", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.running(core.Options{})
		w := t.worker("parent", core.Every(t.period()), nil)
		w.OnStart = func(ctx context.Context) error {
			err := m.Add(ctx, d.hooked(t.worker("child", core.Every(t.period()), nil)))
			d.write("start parent")
			return err
		}
		add := t.call("Add", func() error { return m.Add(context.Background(), w) })
		require.NoError(t, add.within(t.soon()))
		require.Equal(t, []string{"start child", "start parent"}, d.read(), "the child starts before its Add returns")
		require.ElementsMatch(t, []string{"parent", "child"}, listed(m))
		t.eventually(3*t.period(), "both run", func() bool { return t.count("parent") > 0 && t.count("child") > 0 })
	}},

	{rule: "REG-4", name: "a-second-of-the-name-is-refused-before-start", run: func(t *trial) {
		m := t.open(core.Options{})
		t.first(m)
		t.second(m)
		require.NoError(t, m.Start(context.Background()))
		t.onlyTheFirstRuns()
	}},
	{rule: "REG-4", name: "a-second-of-the-name-is-refused-while-running", run: func(t *trial) {
		m := t.running(core.Options{})
		t.first(m)
		t.second(m)
		t.onlyTheFirstRuns()
	}},
	{rule: "REG-4", name: "of-many-added-at-once-one-is-taken", run: func(t *trial) {
		m := t.running(core.Options{})
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)) })
		}
		wg.Wait()
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
				continue
			}
			assert.ErrorIs(t, err, core.ErrDuplicate)
		}
		require.Equal(t, 1, taken, "how many of eight workers of one name were taken")
		require.Equal(t, []string{"w"}, listed(m))
	}},
	{rule: "REG-4", name: "a-name-is-taken-while-its-on-start-runs", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of w")
		defer g.open()
		m := t.running(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = g.stubborn
		add := t.call("the first Add", func() error { return m.Add(context.Background(), w) })
		g.await()
		again := t.call("the second Add", func() error {
			return m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil))
		})
		t.sleep(t.soon())
		assert.Empty(t, listed(m), "the workers that are listed, while OnStart runs")
		if t.features.Supports(core.FeatureTrigger) {
			assert.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrNotFound, "Trigger, while OnStart runs")
		}
		if t.features.Supports(core.FeatureRemove) {
			assert.ErrorIs(t, m.Remove(context.Background(), "w"), core.ErrNotFound, "Remove, while OnStart runs")
		}
		g.open()
		require.NoError(t, add.within(t.soon()), "the first goes on")
		require.ErrorIs(t, again.within(t.soon()), core.ErrDuplicate)
	}},

	{rule: "REG-5", name: "add-after-stop-is-refused", run: func(t *trial) {
		m := t.running(core.Options{})
		require.NoError(t, m.Stop(context.Background()))
		t.refusesToAdd(m)
	}},
	{rule: "REG-5", name: "add-after-the-stop-of-what-never-started-is-refused", run: func(t *trial) {
		m := t.open(core.Options{})
		_ = m.Stop(context.Background())
		t.refusesToAdd(m)
	}},
	{rule: "REG-5", name: "add-while-stop-waits-for-a-run-is-refused", run: func(t *trial) {
		g := t.gate("busy")
		defer g.open()
		m := t.running(core.Options{}, t.worker("busy", core.Every(t.period()), g.patient))
		g.await()
		stop := t.call("Stop", func() error { return m.Stop(context.Background()) })
		t.sleep(t.soon())
		t.refusesToAdd(m)
		g.open()
		_ = stop.within(t.soon())
	}},
}

// listed returns the names that Workers lists.
func listed(m core.Manager) []string {
	names := []string{}
	for _, w := range m.Workers() {
		names = append(names, w.Name)
	}
	return names
}

// first adds the worker w, whose calls are recorded as w.
func (t *trial) first(m core.Manager) {
	require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
}

// second adds another worker w, whose calls are recorded as "second", and which
// is to be refused.
func (t *trial) second(m core.Manager) {
	d := t.diary()
	w := t.worker("second", core.Every(t.period()), nil)
	if t.features.Supports(core.FeatureHooks) {
		w = d.hooked(w)
	}
	w.Name = "w"
	require.ErrorIs(t, m.Add(context.Background(), w), core.ErrDuplicate)
	require.Empty(t, d.read(), "hooks of a worker that was refused")
	require.Equal(t, []string{"w"}, listed(m))
}

func (t *trial) onlyTheFirstRuns() {
	t.eventually(4*t.period(), "the first goes on", func() bool { return t.count("w") > 1 })
	require.Zero(t, t.count("second"), "runs of a worker that was refused")
}

// refusesToAdd wants ErrStopped, and nothing left of the worker.
func (t *trial) refusesToAdd(m core.Manager) {
	d := t.diary()
	w := t.worker("late", core.Every(t.period()), nil)
	if t.features.Supports(core.FeatureHooks) {
		w = d.hooked(w)
	}
	require.ErrorIs(t, m.Add(context.Background(), w), core.ErrStopped)
	require.NotContains(t, listed(m), "late", "a worker that was refused is not listed")
	t.sleep(2 * t.period())
	require.Zero(t, t.count("late"), "runs of a worker that was refused")
	require.Empty(t, d.read(), "hooks of a worker that was refused")
}
