package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopCases) }

var stopCases = []kase{
	{rule: "STP-1", name: "no-slot-begins-while-stop-waits", run: func(t *trial) {
		g := t.gate("busy")
		defer g.open()
		m := t.running(core.Options{}, t.worker("busy", core.Every(t.period()), g.patient), t.worker("other", core.Every(t.period()), nil))
		g.await()
		t.align(t.period())
		stop := t.stopping(m)
		before := t.begun()
		t.sleep(3 * t.period())
		require.False(t, stop.over(), "Stop waits for the run in progress")
		require.Equal(t, before, t.begun(), "calls that began, three slots after Stop was called")
		g.open()
		require.NoError(t, stop.within(t.soon()))
		t.sleep(2 * t.period())
		require.Equal(t, before, t.begun(), "calls that began, after Stop has returned")
	}},
	{rule: "STP-1", name: "no-trigger-begins", needs: []core.Feature{core.FeatureTrigger}, run: func(t *trial) {
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), g.patient))
		g.await()
		require.NoError(t, errOf(m.Trigger(context.Background(), "w")), "this trigger waits for the run in progress")
		stop := t.stopping(m)
		require.ErrorIs(t, errOf(m.Trigger(context.Background(), "w")), core.ErrStopped, "Trigger after Stop was called")
		g.open()
		require.NoError(t, stop.within(t.soon()))
		t.sleep(t.period())
		require.Equal(t, 1, t.count("w"), "runs: the trigger that waited does not begin after Stop was called")
	}},
	{rule: "STP-1", name: "no-run-that-waits-its-turn-begins", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.running(core.Options{MaxConcurrent: 1},
			t.worker("a", core.Every(t.period()), g.patient),
			t.worker("b", core.Every(t.period()), g.patient),
			t.worker("c", core.Every(t.period()), g.patient))
		g.await()
		t.sleep(t.soon()) // the others are due, too
		stop := t.stopping(m)
		g.open()
		require.NoError(t, stop.within(t.soon()))
		t.sleep(t.period())
		require.Equal(t, 1, t.begun(), "runs: those that waited their turn do not begin after Stop was called")
	}},
	{rule: "STP-1", name: "no-long-running-worker-begins-again", needs: []core.Feature{core.FeatureLongRunning}, run: func(t *trial) {
		g := t.gate("busy")
		defer g.open()
		failing := t.worker("failing", nil, func(context.Context) error { return errors.New("broken pipe") })
		failing.Retry.Backoff = core.Constant(t.period() / 4)
		m := t.running(core.Options{}, t.worker("busy", core.Every(t.period()), g.patient), failing)
		g.await()
		stop := t.stopping(m)
		before := t.count("failing")
		t.sleep(t.period())
		require.Equal(t, before, t.count("failing"), "runs that began after Stop was called")
		g.open()
		require.NoError(t, stop.within(t.soon()))
	}},
	{rule: "STP-1", name: "nothing-runs-ever-after", setsClock: true, run: func(t *trial) {
		d := t.diary()
		m := t.running(core.Options{}, t.allKinds(d)...)
		t.align(t.period())
		require.NoError(t, m.Stop(context.Background()))
		before := t.begun()
		t.clock.jump(24 * time.Hour)
		t.sleep(3 * t.period())
		t.clock.jump(-48 * time.Hour)
		t.sleep(3 * t.period())
		require.Equal(t, before, t.begun(), "runs after Stop has returned")
	}},

	{rule: "STP-2", name: "stop-waits-for-the-runs-in-progress", run: func(t *trial) {
		d := t.diary()
		takes := func(periods time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				time.Sleep(periods * t.period())
				assert.NoError(t, ctx.Err(), "the context of a run that Stop waits for")
				d.write("over")
				return nil
			}
		}
		m := t.running(core.Options{},
			t.worker("short", core.Every(t.period()), takes(1)),
			t.worker("long", core.Every(t.period()), takes(3)),
			t.worker("failing", core.Every(t.period()), func(ctx context.Context) error {
				_ = takes(2)(ctx)
				return errors.New("disk full")
			}))
		t.align(t.period())
		t.eventually(t.soon(), "all three run", func() bool { return t.begun() == 3 })
		require.NoError(t, m.Stop(context.Background()), "Stop, when all runs have returned")
		require.Equal(t, []string{"over", "over", "over"}, d.read(), "the runs in progress when Stop was called, when Stop has returned")
		last := t.calls("long")[0]
		assert.LessOrEqual(t, time.Since(last.end), t.soon(), "how long Stop took beyond the last run")
	}},
	{rule: "STP-2", name: "stop-of-an-idle-manager-returns-at-once", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		t.align(t.period())
		require.NoError(t, t.stopping(m).within(t.soon()))
	}},
	{rule: "STP-2", name: "stop-at-the-instant-of-a-slot-leaves-no-run-in-progress", virtual: true, run: func(t *trial) {
		for range 20 {
			m := t.open(core.Options{})
			for _, name := range []string{"a", "b", "c", "d"} {
				require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(t.period()), func(context.Context) error {
					time.Sleep(t.period() / 2)
					return nil
				})))
			}
			require.NoError(t, m.Start(context.Background()))
			time.Sleep(time.Until(time.Now().Truncate(t.period()).Add(t.period())))
			require.NoError(t, m.Stop(context.Background()))
			before := t.begun()
			require.Zero(t, t.inProgress(), "runs in progress when Stop has returned nil")
			t.sleep(t.period())
			require.Equal(t, before, t.begun(), "runs that have begun, after Stop has returned")
		}
	}},
	{rule: "STP-2", name: "a-run-is-over-when-its-middleware-is", run: func(t *trial) {
		g := t.gate("the middleware")
		defer g.open()
		m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			err := next(ctx)
			_ = g.stubborn(ctx) // as if it was to commit
			return err
		}}}, t.worker("w", core.Every(t.period()), nil))
		g.await()
		stop := t.stopping(m)
		t.sleep(t.soon())
		require.False(t, stop.over(), "Stop waits for what the middleware does after the run")
		g.open()
		require.NoError(t, stop.within(t.soon()))
	}},
}

// stopping calls Stop, without a limit, on a goroutine.
func (t *trial) stopping(m core.Manager) *call {
	return t.call("Stop", func() error { return m.Stop(context.Background()) })
}

// stoppingBy calls Stop, on a goroutine, with a context that ends after d.
func (t *trial) stoppingBy(m core.Manager, d time.Duration) *call {
	return t.callBy("Stop", d, m.Stop)
}

// inProgress returns how many recorded calls have begun and not ended.
func (t *trial) inProgress() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, r := range t.runs {
		if r.end.IsZero() {
			n++
		}
	}
	return n
}
