package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, leftoverCases) }

// In virtual time every case sees to it that no goroutine is left behind, for
// the bubble that it runs in does; these look at when Stop returns, and at what
// is no goroutine.
var leftoverCases = []kase{
	{rule: "STP-6", name: "no-goroutine-is-left-of-any-kind-of-worker", run: func(t *trial) {
		m := t.open(core.Options{})
		marked := t.mark(func() {
			for _, w := range t.allKinds(t.diary()) {
				require.NoError(t, m.Add(context.Background(), w))
			}
			for _, w := range t.failingKinds() {
				require.NoError(t, m.Add(context.Background(), w))
			}
			require.NoError(t, m.Start(context.Background()))
		})
		t.align(t.period())
		t.sleep(t.period())
		require.NoError(t, m.Stop(context.Background()))
		t.leavesNothing(marked)
	}},
	{rule: "STP-6", name: "no-goroutine-is-left-of-what-waited-its-turn", run: func(t *trial) {
		g := t.gate("the first")
		defer g.open()
		m := t.open(core.Options{MaxConcurrent: 1})
		marked := t.mark(func() {
			for _, name := range []string{"a", "b", "c", "d"} {
				require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(t.period()), g.patient)))
			}
			require.NoError(t, m.Start(context.Background()))
		})
		g.await()
		t.sleep(t.period())
		if t.features.Supports(core.FeatureTrigger) {
			require.NoError(t, errOf(m.Trigger(context.Background(), "d")))
		}
		stop := t.stopping(m)
		g.open()
		require.NoError(t, stop.within(t.soon()))
		t.leavesNothing(marked)
	}},
	{rule: "STP-6", name: "a-stop-that-was-cut-short-leaves-only-what-it-names", run: func(t *trial) {
		g := t.gate("the gate")
		defer g.open()
		m := t.open(core.Options{})
		marked := t.mark(func() {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(t.period()), g.patient)))
			}
			require.NoError(t, m.Add(context.Background(), t.worker("stubborn", core.Every(t.period()), g.stubborn)))
			require.NoError(t, m.Start(context.Background()))
		})
		t.eventually(3*t.period(), "all run", func() bool { return t.begun() == 7 })
		var report *core.StopError
		require.ErrorAs(t, t.stoppingBy(m, t.period()/2).within(t.period()+time.Second+t.soon()), &report)
		require.Equal(t, []string{"stubborn"}, report.Abandoned, "the workers whose run never returned")
		t.sleep(t.soon())
		left := marked.goroutines()
		assert.LessOrEqual(t, left.count, 2, "goroutines: the run's own, and one that waits for it; but these are left:\n%s", left.stacks)
		g.open()
		t.leavesNothing(marked)
	}},
	{rule: "STP-6", name: "nothing-is-left-of-a-manager-that-never-started", run: func(t *trial) {
		m := t.open(core.Options{})
		marked := t.mark(func() {
			for _, w := range t.allKinds(t.diary()) {
				require.NoError(t, m.Add(context.Background(), w))
			}
		})
		_ = m.Stop(context.Background())
		t.leavesNothing(marked)
	}},
	{rule: "STP-6", name: "nothing-is-left-of-a-manager-that-failed-to-start", needs: hooks, run: func(t *trial) {
		m := t.open(core.Options{})
		broken := t.worker("broken", core.Every(t.period()), nil)
		broken.OnStart = func(context.Context) error { return errors.New("no disk") }
		marked := t.mark(func() {
			for _, w := range append(t.allKinds(t.diary()), broken) {
				require.NoError(t, m.Add(context.Background(), w))
			}
			require.Error(t, m.Start(context.Background()))
		})
		t.leavesNothing(marked) // without a Stop: there is nothing to stop
	}},
	{rule: "STP-6", name: "nothing-stirs-after-stop", run: func(t *trial) {
		var stirs atomic.Int64 // whatever the manager does to the world around it
		opts := core.Options{
			Now: func() time.Time {
				stirs.Add(1)
				return t.clock.Now()
			},
			Logger:    slog.New(counter{&stirs}),
			Observers: []core.Observer{func(core.Event) { stirs.Add(1) }},
		}
		m := t.running(opts, append(t.allKinds(t.diary()), t.failingKinds()...)...)
		t.align(t.period())
		t.sleep(t.period())
		require.NoError(t, m.Stop(context.Background()))
		t.sleep(t.soon())
		before := stirs.Load()
		t.sleep(3 * t.period())
		if !t.backend.WallClock {
			t.sleep(24 * time.Hour)
		}
		require.Equal(t, before, stirs.Load(), "reads of the clock, log records and events, after Stop has returned: a timer is left")
	}},
}

// failingKinds returns workers that wait for another attempt, as far as the
// engine can do that.
func (t *trial) failingKinds() []core.Worker {
	fail := func(context.Context) error { return errors.New("connection refused") }
	var list []core.Worker
	if t.features.Supports(core.FeatureRetry) {
		w := t.worker("retrying", core.Every(t.period()), fail)
		w.Retry = core.Retry{MaxAttempts: 9, Backoff: core.Constant(100 * t.period())}
		list = append(list, w)
	}
	if t.features.Supports(core.FeatureLongRunning) {
		w := t.worker("restarting", nil, fail)
		w.Retry.Backoff = core.Constant(100 * t.period())
		list = append(list, w)
	}
	return list
}

// A mark is a label on goroutines. Those that a marked one starts bear it too.
type mark struct{ label string }

// mark calls f on this goroutine, marked, and so marks what f starts.
func (t *trial) mark(f func()) mark {
	m := mark{fmt.Sprintf("%s of %s at %p", t.kase.name, t.backend.Name, t)}
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("tickwork-conformance", m.label)))
	defer pprof.SetGoroutineLabels(context.Background())
	f()
	return m
}

// goroutines are some, with their stacks for people.
type goroutines struct {
	count  int
	stacks string
}

// goroutines returns those that bear the mark.
func (m mark) goroutines() (g goroutines) {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	var stacks []string
	for _, block := range strings.Split(profile.String(), "\n\n") {
		if !strings.Contains(block, m.label) {
			continue
		}
		var n int
		_, _ = fmt.Sscanf(block, "%d @", &n)
		g.count += n
		stacks = append(stacks, block)
	}
	g.stacks = strings.Join(stacks, "\n\n")
	return g
}

// leavesNothing wants all marked goroutines to be gone: now, in virtual time.
func (t *trial) leavesNothing(m mark) {
	t.settle()
	for deadline := time.Now().Add(t.soon()); t.backend.WallClock && m.goroutines().count > 0 && time.Now().Before(deadline); {
		time.Sleep(t.slack())
	}
	left := m.goroutines()
	require.Zero(t, left.count, "goroutines left behind:\n%s", left.stacks)
}

// counter is a log that counts its records.
type counter struct{ n *atomic.Int64 }

func (c counter) Enabled(context.Context, slog.Level) bool { return true }
func (c counter) Handle(context.Context, slog.Record) error {
	c.n.Add(1)
	return nil
}
func (c counter) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c counter) WithGroup(string) slog.Handler      { return c }
