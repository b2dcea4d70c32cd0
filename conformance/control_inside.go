package conformance

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, insideCases) }

var insideCases = []kase{
	{rule: "CTL-5", name: "a-run-may-call-its-manager", run: func(t *trial) {
		g := t.gate("the other")
		g.open()
		m := t.inside(func(ctx context.Context, m core.Manager) {
			assert.NotEmpty(t, m.Workers(), "the workers listed")
			assert.Equal(t, t.features, m.Features(), "the features")
			_ = m.Start(ctx)
			assert.NoError(t, m.Add(ctx, t.worker("added", t.rarely(), nil)), "Add")
			if t.features.Supports(core.FeatureTrigger) {
				assert.NoError(t, errOf(m.Trigger(ctx, "added")), "Trigger of another")
			}
			if t.features.Supports(core.FeaturePause) {
				assert.NoError(t, m.Pause(ctx, "added"), "Pause of another")
				assert.NoError(t, m.Resume(ctx, "added"), "Resume of another")
			}
			if t.features.Supports(core.FeatureReschedule) {
				assert.NoError(t, m.Reschedule(ctx, "added", t.rarely()), "Reschedule of another")
			}
			if t.features.Supports(core.FeatureRemove) {
				assert.NoError(t, m.Remove(ctx, "other"), "Remove of another")
			}
		}, t.worker("other", core.Every(t.period()), g.patient))
		t.awaitCalls("insider", 2)
		assert.Contains(t, listed(m), "added", "the workers listed")
		require.NoError(t, t.stopping(m).within(t.soon()))
	}},
	{rule: "CTL-5", name: "a-run-may-control-its-own-worker", needs: []core.Feature{core.FeatureTrigger, core.FeaturePause, core.FeatureReschedule}, run: func(t *trial) {
		m := t.inside(func(ctx context.Context, m core.Manager) {
			assert.NotEmpty(t, m.Workers(), "the workers listed")
			assert.NoError(t, m.Pause(ctx, "insider"), "Pause of itself")
			assert.NoError(t, errOf(m.Trigger(ctx, "insider")), "Trigger of itself")
			assert.NoError(t, m.Reschedule(ctx, "insider", t.rarely()), "Reschedule of itself")
			assert.NoError(t, ctx.Err(), "its context after all that")
		})
		t.awaitCalls("insider", 2)
		t.sleep(2 * t.period())
		assert.Equal(t, 1, manualRuns(t, "insider"), "runs of the trigger")
		assert.Equal(t, 2, t.count("insider"), "runs: it has paused itself")
		require.NoError(t, m.Resume(context.Background(), "insider"))
	}},
	{rule: "CTL-5", name: "stop-of-its-own-manager-does-not-wait-for-it", run: func(t *trial) {
		g := t.gate("insider")
		defer g.open()
		m := t.inside(func(ctx context.Context, m core.Manager) {
			began := time.Now()
			assert.NoError(t, m.Stop(ctx), "Stop, with the run's context")
			derived, cancel := context.WithTimeout(context.WithValue(ctx, key{}, 1), t.period())
			defer cancel()
			assert.NoError(t, m.Stop(derived), "Stop, with a context derived from the run's")
			assert.LessOrEqual(t, time.Since(began), t.soon(), "how long two Stops take from inside")
			assert.NoError(t, ctx.Err(), "the context of the run: Stop had no limit")
			_ = g.patient(ctx)
		})
		g.await()
		t.sleep(t.period())
		assert.Zero(t, t.calls("insider")[0].end, "the run is let go on")
		stop := t.stopping(m)
		g.open()
		require.NoError(t, stop.within(t.soon()))
		t.sleep(2 * t.period())
		assert.Equal(t, 1, t.count("insider"), "runs: the manager has stopped")
	}},
	{rule: "CTL-5", name: "remove-of-itself-does-not-wait-for-it", needs: removes, run: func(t *trial) {
		d := t.diary()
		g := t.gate("insider")
		defer g.open()
		m := t.open(core.Options{})
		w := t.worker("insider", core.Every(t.period()), func(ctx context.Context) error {
			began := time.Now()
			assert.NoError(t, m.Remove(ctx, "insider"), "Remove of itself, with the run's context")
			assert.LessOrEqual(t, time.Since(began), t.soon(), "how long Remove takes from inside")
			assert.ErrorIs(t, m.Remove(ctx, "insider"), core.ErrNotFound, "Remove of itself, the second time")
			assert.NoError(t, ctx.Err(), "the context of the run")
			_ = g.patient(ctx)
			d.write("the run is over")
			return nil
		})
		want := []string{"the run is over"}
		if t.features.Supports(core.FeatureHooks) {
			w, want = d.hooked(w), []string{"start insider", "the run is over", "stop insider"}
		}
		require.NoError(t, m.Add(context.Background(), w))
		require.NoError(t, m.Start(context.Background()))
		g.await()
		t.sleep(2 * t.period())
		assert.Empty(t, listed(m), "the workers listed, though the run goes on")
		g.open()
		t.sleep(t.period())
		assert.Equal(t, want, d.read(), "what happened")
		assert.Equal(t, 1, t.count("insider"), "runs")
	}},
	{rule: "CTL-5", name: "a-run-that-stop-waits-for-may-call-its-manager", run: func(t *trial) {
		g := t.gate("insider")
		defer g.open()
		m := t.inside(func(ctx context.Context, m core.Manager) {
			_ = g.patient(ctx)
			// What each of them answers now is other rules' concern; that it does is this one's.
			_ = m.Workers()
			_ = m.Start(ctx)
			_ = m.Add(ctx, t.worker("late", core.Every(t.period()), nil))
			_, _ = m.Trigger(ctx, "insider")
			_ = m.Pause(ctx, "insider")
			_ = m.Resume(ctx, "insider")
			_ = m.Reschedule(ctx, "insider", t.rarely())
			_ = m.Remove(ctx, "nobody")
			_ = m.Stop(ctx)
		})
		g.await()
		stop := t.stopping(m)
		t.sleep(t.period() / 10)
		g.open()
		require.NoError(t, stop.within(t.soon()))
	}},
	{rule: "CTL-5", name: "a-run-that-remove-waits-for-may-call-its-manager", needs: removes, run: func(t *trial) {
		g := t.gate("insider")
		defer g.open()
		m := t.inside(func(ctx context.Context, m core.Manager) {
			_ = g.patient(ctx)
			_ = m.Workers()
			_ = m.Add(ctx, t.worker("added", t.rarely(), nil))
			_ = m.Remove(ctx, "added")
			_ = m.Remove(ctx, "insider")
		})
		g.await()
		remove := t.removing(m, "insider")
		t.sleep(t.period() / 10)
		g.open()
		_ = remove.within(t.soon())
	}},
	{rule: "CTL-5", name: "a-second-attempt-may-do-the-same", needs: []core.Feature{core.FeatureRemove, core.FeatureRetry, core.FeatureTimeout}, run: func(t *trial) {
		m := t.open(core.Options{Middleware: []core.Middleware{through}})
		var asked atomic.Bool
		w := t.worker("insider", core.Every(t.period()), func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt == 1 {
				return errBoom
			}
			defer asked.Store(true)
			assert.NoError(t, m.Remove(ctx, "insider"), "Remove of itself in a second attempt")
			assert.NoError(t, m.Stop(ctx), "Stop in a second attempt")
			return nil
		})
		w.Timeout = t.period() / 2
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(0)}
		require.NoError(t, m.Add(context.Background(), w))
		require.NoError(t, m.Start(context.Background()))
		t.awaitCalls("insider", 2)
		t.eventually(t.soon(), "the second attempt has asked for both", asked.Load)
		require.NoError(t, t.stopping(m).within(t.soon()), "Stop from outside")
		assert.NoError(t, t.calls("insider")[1].err, "the run went on to its end")
	}},
	{rule: "CTL-5", name: "a-long-running-worker-may-stop-or-remove-itself", needs: []core.Feature{core.FeatureRemove, core.FeatureLongRunning}, run: func(t *trial) {
		for _, what := range []string{"Remove", "Stop"} {
			m := t.open(core.Options{})
			name := "long-" + what
			require.NoError(t, m.Add(context.Background(), t.worker(name, nil, func(ctx context.Context) error {
				if what == "Stop" {
					assert.NoError(t, m.Stop(ctx), "Stop, with the run's context")
				} else {
					assert.NoError(t, m.Remove(ctx, name), "Remove of itself, with the run's context")
				}
				<-ctx.Done()
				return ctx.Err()
			})))
			require.NoError(t, m.Start(context.Background()))
			t.eventually(t.period(), name+" has ended", func() bool { return t.count(name) == 1 && t.inProgress() == 0 })
			require.NoError(t, t.stopping(m).within(t.soon()), "Stop from outside")
			assert.Equal(t, 1, t.count(name), "runs")
		}
	}},
	{rule: "CTL-5", name: "an-error-handler-and-middleware-may-do-the-same", run: func(t *trial) {
		for _, where := range []string{"the error handler", "middleware"} {
			var m core.Manager
			opts := core.Options{}
			if where == "middleware" {
				opts.Middleware = []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
					defer func() { assert.NoError(t, m.Stop(ctx), "Stop in middleware") }()
					return next(ctx)
				}}
			} else {
				opts.OnError = func(ctx context.Context, _ core.Tick, _ error) {
					assert.NoError(t, m.Stop(ctx), "Stop in the error handler")
				}
			}
			m = t.open(opts)
			ran := t.count("w")
			require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), fails)))
			require.NoError(t, m.Start(context.Background()))
			t.eventually(3*t.period(), "the run begins", func() bool { return t.count("w") > ran })
			require.NoError(t, t.stopping(m).within(t.soon()), "Stop from outside, after one in %s", where)
			t.sleep(2 * t.period())
			assert.Equal(t, ran+1, t.count("w"), "runs: %s has stopped the manager", where)
		}
	}},
	{rule: "CTL-5", name: "an-observer-may-ask-for-the-workers", run: func(t *trial) {
		var m core.Manager
		m = t.open(core.Options{Observers: []core.Observer{func(core.Event) { _ = m.Workers() }}})
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), func(context.Context) error {
			time.Sleep(t.period() * 3 / 2)
			return errBoom
		})))
		require.NoError(t, m.Start(context.Background()))
		t.awaitRuns(m, "w", 2)
		require.NoError(t, t.stopping(m).within(2*t.period()))
	}},
	{rule: "CTL-5", name: "two-runs-may-remove-each-other", needs: removes, run: func(t *trial) {
		m := t.open(core.Options{})
		g := t.gate("both")
		defer g.open()
		remover := func(self, other string) core.Worker {
			return t.worker(self, core.Every(t.period()), func(ctx context.Context) error {
				_ = g.patient(ctx)
				return m.Remove(ctx, other)
			})
		}
		require.NoError(t, m.Add(context.Background(), remover("a", "b")))
		require.NoError(t, m.Add(context.Background(), remover("b", "a")))
		require.NoError(t, m.Start(context.Background()))
		t.eventually(3*t.period(), "both run", func() bool { return t.inProgress() == 2 })
		g.open()
		t.eventually(t.soon(), "neither waits for the other for ever", func() bool { return t.inProgress() == 0 })
		t.eventually(t.soon(), "both are removed", func() bool { return len(m.Workers()) == 0 })
	}},
}

type key struct{}

// inside starts a manager with a worker "insider", which calls f in its first
// run, and others.
func (t *trial) inside(f func(context.Context, core.Manager), others ...core.Worker) core.Manager {
	m := t.open(core.Options{})
	insider := t.worker("insider", core.Every(t.period()), func(ctx context.Context) error {
		if t.count("insider") == 1 {
			f(ctx, m)
		}
		return nil
	})
	for _, w := range append([]core.Worker{insider}, others...) {
		require.NoError(t, m.Add(context.Background(), w))
	}
	midway(t, t.period())
	require.NoError(t, m.Start(context.Background()))
	return m
}
