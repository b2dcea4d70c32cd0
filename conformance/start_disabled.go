package conformance

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, disabledCases) }

var disabledCases = []kase{
	{rule: "STA-5", name: "a-disabled-manager-starts-and-runs-nothing", run: func(t *trial) {
		d := t.diary()
		m := t.running(core.Options{Disabled: true}, t.allKinds(d)...)
		for _, w := range m.Workers() {
			assert.Equal(t, core.StateDisabled, w.State, "the state of %s", w.Name)
			assert.Zero(t, w.Next, "the next slot of %s", w.Name)
		}
		require.NoError(t, m.Add(context.Background(), t.worker("late", core.Every(t.period()), nil)))
		require.Contains(t, listed(m), "late")
		if t.features.Supports(core.FeatureReschedule) {
			assert.NoError(t, m.Reschedule(context.Background(), "every", core.Every(t.period())))
		}
		t.sleep(3 * t.period())
		require.Zero(t, t.begun(), "runs of a disabled manager")
		require.NoError(t, m.Stop(context.Background()))
		require.Empty(t, d.read(), "hooks of a disabled manager")
	}},
	{rule: "CTL-4", name: "a-disabled-manager-without-a-cluster-refuses-pause-resume-and-trigger", needs: []core.Feature{core.FeatureDisabled}, local: true, run: func(t *trial) {
		m := t.running(core.Options{Disabled: true}, t.worker("w", core.Every(t.period()), nil))
		ctx := context.Background()
		if t.features.Supports(core.FeaturePause) {
			assert.ErrorIs(t, m.Pause(ctx, "w"), core.ErrDisabled, "Pause on a disabled manager")
			assert.ErrorIs(t, m.Resume(ctx, "w"), core.ErrDisabled, "Resume on a disabled manager")
		}
		if t.features.Supports(core.FeatureTrigger) {
			assert.ErrorIs(t, errOf(m.Trigger(ctx, "w")), core.ErrDisabled, "Trigger on a disabled manager")
		}
	}},
	{rule: "STA-5", name: "a-disabled-worker-is-listed-and-never-runs", needs: []core.Feature{core.FeatureDisabled}, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		disabled := t.allKinds(d)
		for i, w := range disabled {
			w.Disabled = true
			if i == 1 { // the others are there when it starts
				require.NoError(t, m.Start(context.Background()))
			}
			require.NoError(t, m.Add(context.Background(), w))
		}
		if len(disabled) == 1 {
			require.NoError(t, m.Start(context.Background()))
		}
		require.NoError(t, m.Add(context.Background(), t.worker("enabled", core.Every(t.period()), nil)))
		for _, w := range disabled {
			s := t.status(m, w.Name)
			assert.Equal(t, core.StateDisabled, s.State, "the state of %s", w.Name)
			assert.Zero(t, s.Next, "the next slot of %s", w.Name)
			t.wakeUp(m, w.Name)
		}
		t.eventually(4*t.period(), "the enabled worker runs", func() bool { return t.count("enabled") > 1 })
		require.NoError(t, m.Stop(context.Background()))
		require.Equal(t, t.count("enabled"), t.begun(), "only the enabled worker runs")
		require.Empty(t, d.read(), "hooks of disabled workers")
	}},
}

// wakeUp tries whatever might make a disabled worker run after all.
func (t *trial) wakeUp(m core.Manager, name string) {
	ctx := context.Background()
	if t.features.Supports(core.FeatureTrigger) {
		assert.ErrorIs(t, errOf(m.Trigger(ctx, name)), core.ErrDisabled, "Trigger of %s, which is disabled", name)
	}
	if t.features.Supports(core.FeaturePause) {
		assert.NoError(t, m.Pause(ctx, name))
		assert.NoError(t, m.Resume(ctx, name))
	}
	if t.features.Supports(core.FeatureReschedule) && name != "long-running" {
		assert.NoError(t, m.Reschedule(ctx, name, core.Every(t.period())))
	}
}
