package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, invalidCases) }

var invalidCases = []kase{
	{rule: "REG-3", name: "an-invalid-worker-is-refused-before-start", run: func(t *trial) {
		m := t.open(core.Options{})
		t.refusesInvalid(m)
		require.NoError(t, m.Start(context.Background()), "the invalid workers left nothing that Start could trip over")
		t.eventually(3*t.period(), "the valid worker runs", func() bool { return t.count("w") > 0 })
	}},
	{rule: "REG-3", name: "an-invalid-worker-is-refused-while-running", run: func(t *trial) {
		t.refusesInvalid(t.running(core.Options{}))
		t.eventually(3*t.period(), "the valid worker runs", func() bool { return t.count("w") > 0 })
	}},
	{rule: "REG-3", name: "every-letter-and-the-longest-name-are-taken", run: func(t *trial) {
		m := t.open(core.Options{})
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:"
		for _, name := range []string{"x", letters, strings.Repeat("n", 128), "-", "/", ":", ".", ".."} {
			require.NoError(t, m.Add(context.Background(), t.worker(name, core.Every(t.period()), nil)), "name %q", name)
		}
		require.Len(t, m.Workers(), 8)
	}},
	{rule: "REG-3", name: "the-longest-jitter-is-taken", needs: []core.Feature{core.FeatureJitter}, run: func(t *trial) {
		m := t.open(core.Options{})
		w := t.worker("w", core.Every(t.period()), nil)
		w.Jitter = t.period() - 1
		require.NoError(t, m.Add(context.Background(), w), "a jitter that is shorter than the period, if only just")
	}},
	{rule: "REG-3", name: "an-operation-whose-context-has-ended-returns-its-error-and-does-nothing", run: func(t *trial) {
		cause := errors.New("the caller has gone")
		ended, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		m := t.open(core.Options{})
		refused := func(what string, f func() error) {
			t.note("%s with a context that has ended", what)
			err := t.call(what, f).within(t.soon())
			assert.True(t, errors.Is(err, context.Canceled) || errors.Is(err, cause), "%s returns %v, want the error of its context", what, err)
		}
		refused("Add", func() error { return m.Add(ended, t.worker("x", core.Every(t.period()), nil)) })
		require.Empty(t, listed(m), "the workers that are listed after an Add whose context has ended")
		next := midway(t, t.period())
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
		require.NoError(t, m.Start(context.Background()))
		refused("Add", func() error { return m.Add(ended, t.worker("x", core.Every(t.period()), nil)) })
		if t.features.Supports(core.FeatureReschedule) {
			refused("Reschedule", func() error { return m.Reschedule(ended, "w", core.Every(1000*t.period())) })
		}
		if t.features.Supports(core.FeatureTrigger) {
			refused("Trigger", func() error { return errOf(m.Trigger(ended, "w")) })
		}
		if t.features.Supports(core.FeaturePause) {
			refused("Pause", func() error { return m.Pause(ended, "w") })
			require.NoError(t, m.Pause(context.Background(), "w"))
			refused("Resume", func() error { return m.Resume(ended, "w") })
			require.Equal(t, core.StatePaused, t.status(m, "w").State, "the state after a Resume whose context had ended")
			require.NoError(t, m.Resume(context.Background(), "w"))
		}
		until(t, next.Add(2*t.period()+t.period()/2))
		require.Equal(t, []string{"w"}, listed(m), "the workers that are listed")
		ranSlots(t, "w", series(next, t.period(), 3), "its schedule and its pauses are as before")
		assert.Zero(t, manualRuns(t, "w"), "runs of a trigger whose context had ended")
	}},
	{rule: "STA-4", name: "start-with-a-context-that-has-ended-starts-nothing", needs: hooks, run: func(t *trial) {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		d := t.diary()
		m := t.open(core.Options{})
		require.NoError(t, m.Add(context.Background(), d.hooked(t.worker("w", core.Every(t.period()), nil))))
		err := t.call("Start", func() error { return m.Start(ended) }).within(t.soon())
		require.ErrorIs(t, err, context.Canceled, "the error of a Start whose context has ended")
		t.sleep(2 * t.period())
		assert.Empty(t, d.read(), "hooks")
		assert.Zero(t, t.count("w"), "runs")
		require.ErrorIs(t, m.Start(context.Background()), core.ErrStopped, "a Start after one that failed")
	}},
	{rule: "REG-3", name: "a-nil-context-is-refused-everywhere", run: func(t *trial) {
		var none context.Context
		m := t.open(core.Options{})
		refused := func(what string, f func() error) {
			t.note("%s with a nil context", what)
			assert.NotPanics(t, func() { assert.Error(t, f(), "%s takes a nil context", what) })
		}
		refused("Add", func() error { return m.Add(none, t.worker("w", core.Every(t.period()), nil)) })
		require.Empty(t, m.Workers(), "what Add with a nil context has left behind")
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
		refused("Start", func() error { return m.Start(none) })
		require.NoError(t, m.Start(context.Background()), "Start with a nil context has done nothing")
		refused("Remove", func() error { return m.Remove(none, "w") })
		refused("Reschedule", func() error { return m.Reschedule(none, "w", core.Every(1000*t.period())) })
		refused("Trigger", func() error { return errOf(m.Trigger(none, "w")) })
		refused("Pause", func() error { return m.Pause(none, "w") })
		refused("Resume", func() error { return m.Resume(none, "w") })
		refused("Stop", func() error { return m.Stop(none) })
		t.eventually(4*t.period(), "w goes on after all of this", func() bool { return t.count("w") > 1 })
	}},
}

// refusesInvalid adds every kind of invalid worker, and then a valid one.
func (t *trial) refusesInvalid(m core.Manager) {
	for _, bad := range t.invalidWorkers() {
		t.note("Add of a worker with %s", bad.what)
		d := t.diary()
		if t.features.Supports(core.FeatureHooks) {
			bad.worker = d.hooked(bad.worker)
		}
		err := m.Add(context.Background(), bad.worker)
		if !assert.ErrorIs(t, err, core.ErrInvalidWorker, "a worker with %s", bad.what) {
			continue
		}
		var named *core.WorkerError
		if assert.ErrorAs(t, err, &named, "a worker with %s: the error that says which", bad.what) {
			assert.Equal(t, bad.worker.Name, named.Worker, "a worker with %s: the error names the worker", bad.what)
			assert.Equal(t, bad.field, named.Field, "a worker with %s: the error names the field", bad.what)
		}
		assert.Contains(t, err.Error(), bad.field, "a worker with %s: the message names the field", bad.what)
		if bad.worker.Name == "w" {
			assert.Contains(t, err.Error(), `"w"`, "a worker with %s: the message names the worker", bad.what)
		}
		assert.Empty(t, listed(m), "a worker with %s leaves nothing behind", bad.what)
		assert.Empty(t, d.read(), "a worker with %s: hooks of a worker that was refused", bad.what)
	}
	require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)), "the name was not taken by those refused")
}

// An invalidWorker is one that REG-3 lists, and the field at fault.
type invalidWorker struct {
	what, field string
	worker      core.Worker
}

func (t *trial) invalidWorkers() []invalidWorker {
	var list []invalidWorker
	bad := func(what, field string, f core.Feature, change func(w *core.Worker)) {
		if f != "" && !t.features.Supports(f) {
			return // then it may as well be refused for that
		}
		w := t.worker("w", core.Every(t.period()), nil)
		change(&w)
		list = append(list, invalidWorker{what, field, w})
	}
	name := func(what, name string) {
		bad(what, "Name", "", func(w *core.Worker) { w.Name = name })
	}
	schedule := func(what string, f core.Feature, s core.Schedule) {
		bad(what, "Schedule", f, func(w *core.Worker) { w.Schedule = s })
	}
	name("no name", "")
	name("a name of 129 bytes", strings.Repeat("n", 129))
	for _, s := range []string{"a b", " a", "a\n", "a\x00", "a@b", "a*", "a>b", "a#1", `a\b`, "a,b", "a{b}", "ä", "a\xff"} {
		name(fmt.Sprintf("the name %q", s), s)
	}
	bad("no function", "Run", "", func(w *core.Worker) { w.Run = nil })
	schedule("a period of zero", "", core.Every(0))
	schedule("a negative period", "", core.Every(-time.Hour))
	schedule("a negative period and an offset", "", core.Every(-1).Offset(time.Second))
	schedule("a delay of zero", core.FeatureDelay, core.Delay(0))
	schedule("a negative delay", core.FeatureDelay, core.Delay(-time.Hour))
	for _, expr := range []string{"", "nonsense", "* * * *", "61 * * * *", "* * * * * * *", "@sometimes", "@every 0s"} {
		schedule(fmt.Sprintf("the cron expression %q", expr), core.FeatureCron, core.Cron(expr))
	}
	for _, expr := range []string{"0 0 30 2 *", "0 0 31 4,6,9,11 *"} {
		schedule(fmt.Sprintf("the cron expression %q, which is never due", expr), core.FeatureCron, core.Cron(expr))
	}
	bad("middleware that is nil", "Middleware", core.FeatureMiddleware, func(w *core.Worker) { w.Middleware = []core.Middleware{through, nil} })
	bad("attempt middleware that is nil", "AttemptMiddleware", core.FeatureMiddleware, func(w *core.Worker) { w.AttemptMiddleware = []core.Middleware{nil} })
	bad("a negative timeout", "Timeout", core.FeatureTimeout, func(w *core.Worker) { w.Timeout = -1 })
	bad("a negative jitter", "Jitter", core.FeatureJitter, func(w *core.Worker) { w.Jitter = -1 })
	bad("a negative MaxLate", "MaxLate", core.FeatureMisfire, func(w *core.Worker) { w.MaxLate = -1 })
	bad("a negative number of attempts", "Retry.MaxAttempts", core.FeatureRetry, func(w *core.Worker) { w.Retry.MaxAttempts = -1 })
	if t.features.Supports(core.FeatureLongRunning) {
		bad("a jitter and no schedule", "Jitter", core.FeatureJitter, func(w *core.Worker) { w.Schedule, w.Jitter = nil, 1 })
	}
	bad("an unknown scope", "Scope", core.FeaturePerInstance, func(w *core.Worker) { w.Scope = core.PerInstance + 1 })
	bad("an unknown misfire policy", "Misfire", core.FeatureMisfire, func(w *core.Worker) { w.Misfire = core.SkipMissed + 1 })
	bad("a jitter of its whole period", "Jitter", core.FeatureJitter, func(w *core.Worker) { w.Jitter = t.period() })
	bad("a jitter of two periods", "Jitter", core.FeatureJitter, func(w *core.Worker) { w.Jitter = 2 * t.period() })
	return list
}
