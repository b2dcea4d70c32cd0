package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopRemoveCases) }

// stopRemoveCases are about what Remove ends: the hook of a worker, and a run that is
// slow to return.
var stopRemoveCases = []kase{
	{rule: "STP-6", name: "stop-waits-for-the-on-stop-that-a-remove-has-called", needs: []core.Feature{core.FeatureRemove, core.FeatureHooks}, run: func(t *trial) {
		d := t.diary()
		g := t.gate("OnStop of w")
		defer g.open()
		w := t.worker("w", t.rarely(), nil)
		w.OnStop = func(ctx context.Context) error {
			err := g.stubborn(ctx)
			d.write("OnStop is over")
			return err
		}
		m := t.running(core.Options{StopGrace: 4 * t.period()}, w)
		remove := t.removing(m, "w")
		g.await()
		stop := t.stopping(m)
		t.sleep(t.period())
		require.False(t, stop.over(), "Stop waits for the OnStop that Remove has called")
		g.open()
		require.NoError(t, stop.within(t.soon()))
		require.True(t, d.has("OnStop is over"), "OnStop is over when Stop has returned")
		require.NoError(t, remove.within(t.soon()))
	}},
	{rule: "CTL-1", name: "remove-of-an-idle-worker-calls-its-on-stop-and-waits-for-it", needs: []core.Feature{core.FeatureRemove, core.FeatureHooks}, run: func(t *trial) {
		d := t.diary()
		w := d.hooked(t.worker("w", t.rarely(), nil))
		w.OnStop = func(context.Context) error {
			time.Sleep(t.period() / 2)
			d.write("stop w")
			return nil
		}
		m := t.running(core.Options{}, w)
		require.NoError(t, t.removing(m, "w").within(t.period()))
		assert.Equal(t, []string{"start w", "stop w"}, d.read(), "the hooks, when Remove has returned")
		require.NoError(t, m.Stop(context.Background()))
		assert.Equal(t, []string{"start w", "stop w"}, d.read(), "the hooks, when Stop has returned")
	}},
	{rule: "LNG-1", name: "a-remove-whose-context-ends-does-not-cut-off-a-long-running-worker-that-is-slow-to-return", needs: []core.Feature{core.FeatureLongRunning, core.FeatureRemove}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		m := t.running(core.Options{StopGrace: 2 * t.period()}, t.worker("long", nil, func(ctx context.Context) error {
			_ = g.patient(ctx)
			time.Sleep(t.period() / 2)
			return nil
		}))
		g.await()
		remove := t.removingBy(m, "long", t.period()/8)
		require.NoError(t, remove.within(t.period()+t.soon()), "Remove: to return when it was cancelled is a long-running worker's normal end")
	}},
}
