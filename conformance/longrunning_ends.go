package conformance

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, longEndCases) }

// longEndCases are about a long-running worker that is done, or has given up.
var longEndCases = []kase{
	{rule: "CTL-3", name: "trigger-runs-a-long-running-worker-that-gave-up-again", needs: []core.Feature{core.FeatureTrigger, core.FeatureLongRunning, core.FeatureRetry}, run: func(t *trial) {
		g := t.gate("long")
		defer g.open()
		w := t.worker("long", nil, func(ctx context.Context) error {
			if t.count("long") == 1 {
				return errBoom
			}
			return g.patient(ctx)
		})
		w.Retry.MaxAttempts = 1
		m := t.running(core.Options{}, w)
		t.awaitEnd(m, "long")
		t.trigger(m, "long")
		t.eventually(t.promptly(), "it runs again", func() bool { return t.count("long") == 2 })
		g.await()
		t.eventually(t.soon(), "the status shows that it runs", func() bool { return t.status(m, "long").State == core.StateRunning })
		assert.NoError(t, t.status(m, "long").Err, "why it is broken: it is not any more")
	}},
	{rule: "LNG-2", name: "pause-and-resume-do-not-run-a-long-running-worker-again-that-is-done-or-gave-up", needs: []core.Feature{core.FeaturePause, core.FeatureLongRunning, core.FeatureRetry}, run: func(t *trial) {
		broken := t.worker("gave-up", nil, fails)
		broken.Retry.MaxAttempts = 1
		m := t.running(core.Options{}, t.worker("done", nil, nil), broken)
		for _, name := range []string{"done", "gave-up"} {
			t.awaitEnd(m, name)
			require.NoError(t, m.Pause(context.Background(), name))
			t.eventually(t.promptly(), name+" is paused", func() bool { return t.status(m, name).State == core.StatePaused })
			require.NoError(t, m.Resume(context.Background(), name))
		}
		t.sleep(2 * t.period())
		for _, name := range []string{"done", "gave-up"} {
			assert.Equal(t, 1, t.count(name), "runs of %s", name)
		}
	}},
	{rule: "OBS-1", name: "a-long-running-worker-is-idle-before-start-and-in-backoff-after-its-first-failure", needs: longRunning, run: func(t *trial) {
		w := t.worker("long", nil, fails)
		w.Retry.Backoff = core.Constant(1000 * t.period())
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), w))
		assert.Equal(t, core.StateIdle, t.status(m, "long").State, "the state before Start")
		require.NoError(t, m.Start(context.Background()))
		t.awaitRuns(m, "long", 1)
		t.sleep(t.soon())
		assert.Equal(t, 1, t.count("long"), "runs")
		assert.Equal(t, core.StateBackoff, t.status(m, "long").State, "the state after the first failure")
		assert.NoError(t, t.status(m, "long").Err, "why it is broken: it is not")
	}},
}

// awaitEnd waits until a long-running worker has run once and does not run any more.
func (t *trial) awaitEnd(m core.Manager, name string) {
	t.eventually(2*t.period()+t.promptly(), name+" has run and ended", func() bool {
		s := t.status(m, name)
		return s.Runs == 1 && !s.Running
	})
}
