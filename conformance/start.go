package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, startCases) }

var startCases = []kase{
	{rule: "STA-1", name: "no-kind-of-worker-runs-before-start", run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		for _, w := range t.allKinds(d) {
			require.NoError(t, m.Add(context.Background(), w))
		}
		t.sleep(3 * t.period())
		require.Empty(t, d.read(), "hooks before Start")
		require.Zero(t, t.begun(), "runs before Start")
	}},
	{rule: "STA-1", name: "a-trigger-before-start-is-refused", needs: []core.Feature{core.FeatureTrigger}, run: func(t *trial) {
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(1000*t.period()), nil)))
		require.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrNotStarted)
		t.sleep(t.soon())
		require.Zero(t, t.count("w"), "runs before Start")
	}},

	{rule: "STA-2", name: "a-second-start-is-refused-and-changes-nothing", run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		if t.features.Supports(core.FeatureHooks) {
			w = d.hooked(w)
		}
		require.NoError(t, m.Add(context.Background(), w))
		require.NoError(t, m.Start(context.Background()))
		before := d.read()
		for range 3 {
			require.ErrorIs(t, m.Start(context.Background()), core.ErrStarted)
		}
		require.Equal(t, before, d.read(), "hooks, after three more Starts")
		t.eventually(4*t.period(), "w goes on", func() bool { return t.count("w") > 1 })
	}},
	{rule: "STA-2", name: "of-many-starts-at-once-one-starts", needs: hooks, run: func(t *trial) {
		d := t.diary()
		g := t.gate("OnStart of w")
		defer g.open()
		m := t.open(core.Options{})
		w := d.hooked(t.worker("w", core.Every(t.period()), nil))
		w.OnStart = func(ctx context.Context) error {
			d.write("start w")
			return g.stubborn(ctx)
		}
		require.NoError(t, m.Add(context.Background(), w))
		first := t.call("the first Start", func() error { return m.Start(context.Background()) })
		g.await()
		for range 3 {
			again := t.call("another Start", func() error { return m.Start(context.Background()) })
			require.ErrorIs(t, again.within(t.soon()), core.ErrStarted, "a Start while the first is in progress")
		}
		require.False(t, first.over(), "the first Start waits for OnStart")
		g.open()
		require.NoError(t, first.within(t.soon()))
		require.Equal(t, []string{"start w"}, d.read(), "hooks")
	}},
	{rule: "STA-2", name: "a-start-after-stop-is-refused", run: func(t *trial) {
		for _, started := range []bool{true, false} {
			m := t.open(core.Options{})
			require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
			if started {
				require.NoError(t, m.Start(context.Background()))
			}
			_ = m.Stop(context.Background())
			before := t.count("w")
			require.ErrorIs(t, m.Start(context.Background()), core.ErrStopped, "was it started before: %t", started)
			t.sleep(2 * t.period())
			require.Equal(t, before, t.count("w"), "runs, after a Start that was refused")
		}
	}},
	{rule: "STA-2", name: "a-start-after-a-failed-start-is-refused", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = func(context.Context) error {
			d.write("start w")
			if len(d.read()) > 1 {
				return nil // the second time it would succeed
			}
			return errors.New("no disk")
		}
		require.NoError(t, m.Add(context.Background(), w))
		require.Error(t, m.Start(context.Background()))
		require.ErrorIs(t, m.Start(context.Background()), core.ErrStopped)
		require.Equal(t, []string{"start w"}, d.read(), "hooks, after a Start that was refused")
	}},

	{rule: "STA-4", name: "the-end-of-starts-context-does-not-stop-the-manager", run: func(t *trial) {
		m := t.open(core.Options{})
		var ended error
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			ended = ctx.Err()
			return nil
		})
		require.NoError(t, m.Add(context.Background(), w))
		ctx, cancel := context.WithTimeout(context.Background(), 10*t.period())
		require.NoError(t, m.Start(ctx))
		cancel()
		t.eventually(5*t.period(), "w runs after the end of Start's context", func() bool { return t.count("w") > 2 })
		require.NoError(t, m.Stop(context.Background()))
		require.NoError(t, ended, "a run's context has nothing to do with Start's")
	}},
	{rule: "STA-4", name: "a-run-outlives-starts-context", needs: []core.Feature{core.FeatureLongRunning}, run: func(t *trial) {
		m := t.open(core.Options{})
		g := t.gate("w")
		defer g.open()
		require.NoError(t, m.Add(context.Background(), t.worker("w", nil, g.patient)))
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, m.Start(ctx))
		g.await()
		cancel()
		t.sleep(t.period())
		require.Equal(t, core.StateRunning, t.status(m, "w").State, "the run that began before Start's context ended")
		require.Len(t, t.calls("w"), 1)
		require.Zero(t, t.calls("w")[0].end, "the run that began before Start's context ended")
	}},
	{rule: "STA-4", name: "starts-context-bounds-a-hook", needs: hooks, run: func(t *trial) {
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		require.NoError(t, m.Add(context.Background(), w))
		start := t.callBy("Start", 2*t.period(), m.Start)
		require.ErrorIs(t, start.within(2*t.period()+t.soon()), context.DeadlineExceeded)
		assert.GreaterOrEqual(t, start.took, 2*t.period(), "Start gave up before its context had ended")
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs after a failed Start")
	}},
	{rule: "STA-4", name: "starts-context-bounds-a-hook-that-ignores-it", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of w")
		defer g.open()
		grace := t.period() / 2
		m := t.open(core.Options{StopGrace: grace})
		w := t.worker("w", core.Every(t.period()), nil)
		w.OnStart = g.stubborn
		require.NoError(t, m.Add(context.Background(), w))
		start := t.callBy("Start", t.period(), m.Start)
		require.ErrorIs(t, start.within(t.period()+grace+t.soon()), context.DeadlineExceeded)
		g.open()
		t.sleep(2 * t.period())
		require.Zero(t, t.count("w"), "runs after a failed Start")
	}},
}

// allKinds returns a worker of each kind that the engine can do, all of which
// would run within two periods, with hooks where it can do those.
func (t *trial) allKinds(d *diary) []core.Worker {
	kinds := []struct {
		feature core.Feature
		worker  core.Worker
	}{
		{"", t.worker("every", core.Every(t.period()), nil)},
		{core.FeatureDelay, t.worker("delay", core.Delay(t.period()), nil)},
		{core.FeatureCron, t.worker("cron", core.Cron("* * * * * *"), nil)},
		{core.FeatureAnySchedule, t.worker("custom", custom{core.Every(t.period())}, nil)},
		{core.FeatureLongRunning, t.worker("long-running", nil, nil)},
		{core.FeatureRunOnStart, core.Worker{Name: "on-start", Schedule: core.Every(1000 * t.period()), RunOnStart: true, Run: t.recorded("on-start", nil)}},
	}
	var list []core.Worker
	for _, k := range kinds {
		if k.feature == core.FeatureCron && t.features.MinPeriod > time.Second {
			continue
		}
		if k.feature != "" && !t.features.Supports(k.feature) {
			continue
		}
		if t.features.Supports(core.FeatureHooks) {
			k.worker = d.hooked(k.worker)
		}
		list = append(list, k.worker)
	}
	return list
}

// begun returns how many calls of all workers have begun.
func (t *trial) begun() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.runs)
}
