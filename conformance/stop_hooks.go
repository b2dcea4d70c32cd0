package conformance

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, stopHookCases) }

var stopHookCases = []kase{
	{rule: "STP-5", name: "in-reverse-order-of-add-and-once", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		for _, name := range []string{"c", "a", "b"} {
			require.NoError(t, m.Add(context.Background(), d.hooked(t.worker(name, core.Every(t.period()), nil))))
		}
		require.NoError(t, m.Start(context.Background()))
		require.NoError(t, m.Add(context.Background(), d.hooked(t.worker("added-later", core.Every(1000*t.period()), nil))))
		require.NoError(t, m.Stop(context.Background()))
		_ = m.Stop(context.Background())
		require.Equal(t, []string{"stop added-later", "stop b", "stop a", "stop c"}, d.stops())
	}},
	{rule: "STP-5", name: "each-after-its-workers-last-run", needs: hooks, run: func(t *trial) {
		d := t.diary()
		takes := func(name string, periods time.Duration) core.Worker {
			w := d.hooked(t.worker(name, core.Every(t.period()), func(context.Context) error {
				time.Sleep(periods * t.period())
				d.write("run of " + name + " ends")
				return nil
			}))
			w.OnStart = nil
			return w
		}
		m := t.running(core.Options{}, takes("a", 2), takes("b", 1), takes("c", 3))
		t.eventually(3*t.period(), "all three run", func() bool { return t.begun() == 3 })
		_ = m.Stop(context.Background())
		t.stoppedInOrder(d, "c", "b", "a")
	}},
	{rule: "STP-5", name: "also-of-long-running-workers", needs: []core.Feature{core.FeatureHooks, core.FeatureLongRunning}, run: func(t *trial) {
		d := t.diary()
		w := d.hooked(t.worker("w", nil, func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(t.period())
			d.write("run of w ends")
			return nil
		}))
		w.OnStart = nil
		m := t.running(core.Options{}, w)
		t.eventually(t.soon(), "w runs", func() bool { return t.count("w") == 1 })
		_ = m.Stop(context.Background())
		t.stoppedInOrder(d, "w")
	}},
	{rule: "STP-5", name: "also-when-the-stop-is-cut-short", needs: hooks, run: func(t *trial) {
		d := t.diary()
		g := t.gate("the gate")
		defer g.open()
		holds := func(name string, at func(context.Context) error) core.Worker {
			w := d.hooked(t.worker(name, core.Every(t.period()), func(ctx context.Context) error {
				err := at(ctx)
				d.write("run of " + name + " ends")
				return err
			}))
			w.OnStart = nil
			return w
		}
		idle := d.hooked(t.worker("idle", core.Every(1000*t.period()), nil))
		idle.OnStart = nil
		m := t.running(core.Options{}, idle, holds("polite", g.patient), holds("stubborn", g.stubborn), holds("also-polite", g.patient))
		t.eventually(3*t.period(), "all three run", func() bool { return t.begun() == 3 })
		stop := t.stoppingBy(m, t.period()/2)
		_ = stop.within(t.period() + time.Second + t.soon()) // the grace is a second where Options give none
		t.stoppedInOrder(d, "also-polite", "polite", "idle")
		require.False(t, d.has("stop stubborn"), "OnStop of a worker whose run has not returned yet")
		g.open()
		t.eventually(t.soon(), "OnStop of the stubborn one is called when its run has returned at last", func() bool {
			return d.has("stop stubborn")
		})
		require.Equal(t, []string{"run of stubborn ends", "stop stubborn"}, d.read()[len(d.read())-2:])
	}},
	{rule: "STP-5", name: "one-that-fails-keeps-no-other-from-running", needs: hooks, run: func(t *trial) {
		d := t.diary()
		m := t.open(core.Options{})
		for _, name := range []string{"a", "b", "c"} {
			w := t.worker(name, core.Every(t.period()), nil)
			w.OnStop = func(context.Context) error {
				d.write("stop " + name)
				return errors.New("disk full")
			}
			require.NoError(t, m.Add(context.Background(), w))
		}
		require.NoError(t, m.Start(context.Background()))
		_ = t.stopping(m).within(t.soon())
		require.Equal(t, []string{"stop c", "stop b", "stop a"}, d.read())
	}},
	{rule: "STP-6", name: "an-on-start-that-never-returns-is-named-by-stop", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart of hanging")
		defer g.open()
		hanging := t.worker("hanging", core.Every(1000*t.period()), nil)
		hanging.OnStart = g.stubborn
		m := t.open(core.Options{StopGrace: t.period() / 2})
		require.NoError(t, m.Add(context.Background(), hanging))
		start := t.callBy("Start", t.period(), m.Start)
		require.Error(t, start.within(2*t.period()+t.soon()), "Start, when a hook ignores the end of its context")
		var report *core.StopError
		require.ErrorAs(t, t.stopping(m).within(t.soon()), &report, "Stop, when a hook of Start has not returned")
		assert.Equal(t, []string{"hanging"}, report.Abandoned, "the workers whose hook never returned")
		g.open()
	}},
	{rule: "STP-3", name: "an-on-stop-that-never-returns-is-named", needs: hooks, run: func(t *trial) {
		d := t.diary()
		g := t.gate("OnStop of hanging")
		defer g.open()
		grace := t.period() / 2
		hanging := t.worker("hanging", core.Every(1000*t.period()), nil)
		hanging.OnStop = g.stubborn
		m := t.running(core.Options{StopGrace: grace}, d.hooked(t.worker("w", core.Every(1000*t.period()), nil)), hanging)
		report := t.cutShort(t.stoppingBy(m, t.period()), t.period()+grace+t.soon())
		assert.Equal(t, []string{"hanging"}, report.Abandoned, "the workers that never returned")
		assert.Empty(t, report.CutOff, "the workers cut off")
		g.open()
	}},
}

// stoppedInOrder wants the OnStop hooks to have been called in this order, each
// after its worker's run.
func (t *trial) stoppedInOrder(d *diary, names ...string) {
	var want []string
	for _, name := range names {
		want = append(want, "stop "+name)
	}
	require.Equal(t, want, d.stops(), "the OnStop hooks, in order")
	entries := d.read()
	for _, name := range names {
		if t.count(name) > 0 {
			end, stop := slices.Index(entries, "run of "+name+" ends"), slices.Index(entries, "stop "+name)
			assert.True(t, 0 <= end && end < stop, "OnStop of %s comes after the end of its run: %q", name, entries)
		}
	}
}
