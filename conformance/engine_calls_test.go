package conformance

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// An engineManager makes a manager over an engine.
type engineManager func(core.Engine, core.Options) core.Manager

// TestEngineCalls is about what a manager calls of an engine, and how often, which no
// manager that is opened by a Backend shows.
func TestEngineCalls(t *testing.T) {
	for _, c := range engineCases(core.NewManager) {
		t.Run(c.id(), func(t *testing.T) { judgeEngineCase(t, c).settle(t) })
	}
}

// TestEngineCallsMutants wants each case to fail on the manager that is made for it, and
// on no other one.
func TestEngineCallsMutants(t *testing.T) {
	for name, wrong := range wrongEngineManagers {
		t.Run(name, func(t *testing.T) {
			var failed []string
			for _, c := range engineCases(wrong.open) {
				if judgeEngineCase(t, c).Status == Failed {
					failed = append(failed, c.name)
				}
			}
			require.Equal(t, wrong.fails, failed, "the cases that fail")
		})
	}
}

func judgeEngineCase(t *testing.T, c kase) verdict {
	b := Backend{Name: "native", Open: func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }}
	return judge(t, t.Name(), b, c, features(t, b), nil)
}

// A countingEngine is the native engine. It counts the calls, and may return errors.
type countingEngine struct {
	core.Engine
	startErr, stopErr error

	mu          sync.Mutex
	stops       int
	unscheduled []string
}

func (e *countingEngine) Start(ctx context.Context, host core.Host) error {
	if e.startErr != nil {
		return e.startErr
	}
	return e.Engine.Start(ctx, host)
}

func (e *countingEngine) Unschedule(ctx context.Context, job *core.Job) error {
	e.mu.Lock()
	e.unscheduled = append(e.unscheduled, job.Name())
	e.mu.Unlock()
	return e.Engine.Unschedule(ctx, job)
}

func (e *countingEngine) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.stops++
	first := e.stops == 1
	e.mu.Unlock()
	if first && e.startErr == nil {
		_ = e.Engine.Stop(ctx)
	}
	return e.stopErr
}

// calls returns how often Stop was called, and the workers that were unscheduled.
func (e *countingEngine) calls() (stops int, unscheduled []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stops, append([]string{}, e.unscheduled...)
}

// counting makes a manager over a counting engine.
func counting(t *trial, open engineManager, startErr, stopErr error) (*countingEngine, core.Manager) {
	e := &countingEngine{Engine: native.NewEngine(native.Config{}), startErr: startErr, stopErr: stopErr}
	m := open(e, quiet(core.Options{Now: t.clock.Now}))
	t.cleanup(func() { _ = m.Stop(context.Background()) })
	return e, m
}

var errNoBroker, errNoGoodbye = errors.New("no broker"), errors.New("no goodbye")

func engineCases(open engineManager) []kase {
	return []kase{
		{rule: "STA-3", name: "the-engine-is-stopped-once-after-a-start-that-failed-in-a-hook", run: func(t *trial) {
			e, m := counting(t, open, nil, nil)
			w := t.worker("w", core.Every(t.period()), nil)
			w.OnStart = fails
			require.NoError(t, m.Add(context.Background(), w))
			require.ErrorIs(t, m.Start(context.Background()), errBoom)
			for range 2 {
				require.NoError(t, m.Stop(context.Background()))
			}
			stops, _ := e.calls()
			assert.Equal(t, 1, stops, "calls of the engine's Stop")
		}},
		{rule: "STA-6", name: "an-engine-whose-start-failed-is-not-stopped", run: func(t *trial) {
			e, m := counting(t, open, errNoBroker, nil)
			require.ErrorIs(t, m.Start(context.Background()), errNoBroker)
			require.NoError(t, m.Stop(context.Background()))
			stops, _ := e.calls()
			assert.Zero(t, stops, "calls of the engine's Stop")
		}},
		{rule: "STP-4", name: "the-engine-is-stopped-once-by-several-stops", run: func(t *trial) {
			e, m := counting(t, open, nil, nil)
			require.NoError(t, m.Start(context.Background()))
			for range 3 {
				require.NoError(t, m.Stop(context.Background()))
			}
			stops, _ := e.calls()
			assert.Equal(t, 1, stops, "calls of the engine's Stop")
		}},
		{rule: "STP-6", name: "the-error-of-the-engines-stop-is-each-stops", run: func(t *trial) {
			_, m := counting(t, open, nil, errNoGoodbye)
			require.NoError(t, m.Start(context.Background()))
			for range 2 {
				assert.ErrorIs(t, m.Stop(context.Background()), errNoGoodbye, "the error of Stop")
			}
		}},
		{rule: "STP-6", name: "the-error-of-the-engines-stop-is-in-that-of-a-stop-that-was-cut-short", run: func(t *trial) {
			g := t.gate("w")
			defer g.open()
			_, m := counting(t, open, nil, errNoGoodbye)
			require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), g.patient)))
			require.NoError(t, m.Start(context.Background()))
			g.await()
			err := t.stoppingBy(m, t.period()).within(2 * t.period())
			assert.ErrorIs(t, err, errNoGoodbye, "the error of Stop")
			assert.ErrorAs(t, err, new(*core.StopError), "the error of Stop")
		}},
		{rule: "CTL-1", name: "remove-unschedules-the-worker-once", run: func(t *trial) {
			e, m := counting(t, open, nil, nil)
			g := t.gate("busy")
			defer g.open()
			disabled := t.worker("disabled", core.Every(t.period()), nil)
			disabled.Disabled = true
			for _, w := range []core.Worker{
				t.worker("before-start", core.Every(t.period()), nil), t.worker("idle", core.Every(t.period()), nil), t.worker("long", nil, nil),
				t.worker("stays", core.Every(t.period()), nil), t.worker("busy", core.Every(t.period()), g.patient), disabled,
			} {
				require.NoError(t, m.Add(context.Background(), w))
			}
			require.NoError(t, m.Remove(context.Background(), "before-start"))
			require.NoError(t, m.Start(context.Background()))
			g.await()
			for _, name := range []string{"idle", "long", "disabled"} {
				require.NoError(t, m.Remove(context.Background(), name))
			}
			remove := t.removing(m, "busy")
			t.sleep(time.Second)
			_, unscheduled := e.calls()
			assert.Equal(t, []string{"idle", "busy"}, unscheduled, "the workers that the engine was to unschedule, while a Remove waits for a run")
			g.open()
			require.NoError(t, remove.within(t.soon()))
			require.NoError(t, m.Stop(context.Background()))
			_, unscheduled = e.calls()
			assert.Equal(t, []string{"idle", "busy"}, unscheduled, "the workers that the engine was to unschedule")
		}},
	}
}

// wrongEngineManagers are managers that are wrong about their engine.
var wrongEngineManagers = map[string]struct {
	open  engineManager
	fails []string
}{
	"stops-the-engine-again-after-a-failed-start": {meddlingWithEngine(func(m *engineMeddler, e core.Engine) {
		failed := false
		m.start = func(ctx context.Context) error {
			err := m.Manager.Start(ctx)
			failed = err != nil && !errors.Is(err, errNoBroker)
			return err
		}
		m.stop = func(ctx context.Context) error {
			if failed {
				_ = e.Stop(ctx)
			}
			return m.Manager.Stop(ctx)
		}
	}), []string{"the-engine-is-stopped-once-after-a-start-that-failed-in-a-hook"}},
	"stops-an-engine-that-did-not-start": {meddlingWithEngine(func(m *engineMeddler, e core.Engine) {
		m.start = func(ctx context.Context) error {
			err := m.Manager.Start(ctx)
			if errors.Is(err, errNoBroker) {
				_ = e.Stop(ctx)
			}
			return err
		}
	}), []string{"an-engine-whose-start-failed-is-not-stopped"}},
	"stops-the-engine-at-each-stop": {meddlingWithEngine(func(m *engineMeddler, e core.Engine) {
		up := false
		m.start = func(ctx context.Context) error {
			err := m.Manager.Start(ctx)
			up = err == nil
			return err
		}
		m.stop = func(ctx context.Context) error {
			if up {
				_ = e.Stop(ctx)
			}
			return m.Manager.Stop(ctx)
		}
	}), []string{"the-engine-is-stopped-once-by-several-stops"}},
	"swallows-the-error-of-the-engines-stop": {func(e core.Engine, opts core.Options) core.Manager {
		return core.NewManager(silentEngine{Engine: e}, opts)
	}, []string{"the-error-of-the-engines-stop-is-each-stops", "the-error-of-the-engines-stop-is-in-that-of-a-stop-that-was-cut-short"}},
	"remove-never-unschedules": {func(e core.Engine, opts core.Options) core.Manager {
		return core.NewManager(keepingEngine{e}, opts)
	}, []string{"remove-unschedules-the-worker-once"}},
}

// silentEngine has a Stop without an error.
type silentEngine struct{ core.Engine }

func (e silentEngine) Stop(ctx context.Context) error {
	_ = e.Engine.Stop(ctx)
	return nil
}

// keepingEngine unschedules nothing.
type keepingEngine struct{ core.Engine }

func (keepingEngine) Unschedule(context.Context, *core.Job) error { return nil }

// engineMeddler is a manager with another Start or Stop.
type engineMeddler struct {
	core.Manager
	start, stop func(context.Context) error
}

func (m *engineMeddler) Start(ctx context.Context) error {
	if m.start != nil {
		return m.start(ctx)
	}
	return m.Manager.Start(ctx)
}

func (m *engineMeddler) Stop(ctx context.Context) error {
	if m.stop != nil {
		return m.stop(ctx)
	}
	return m.Manager.Stop(ctx)
}

// meddlingWithEngine returns an engineManager whose Start and Stop change sets.
func meddlingWithEngine(change func(*engineMeddler, core.Engine)) engineManager {
	return func(e core.Engine, opts core.Options) core.Manager {
		m := &engineMeddler{Manager: core.NewManager(e, opts)}
		change(m, e)
		return m
	}
}
