package conformance

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, featureCases) }

var featureCases = []kase{
	{rule: "REG-6", name: "a-worker-that-wants-what-the-engine-lacks-is-refused", run: func(t *trial) {
		fresh, running := t.open(core.Options{}), t.running(core.Options{})
		for _, w := range t.wanting(t.features.Lacks...) {
			for _, m := range []core.Manager{fresh, running} {
				assert.ErrorIs(t, m.Add(context.Background(), w), core.ErrUnsupported, "worker %s", w.Name)
				assert.Empty(t, listed(m), "what is registered of worker %s", w.Name)
			}
		}
		require.NoError(t, fresh.Start(context.Background()))
		t.sleep(2 * t.period())
		for _, w := range t.wanting(t.features.Lacks...) {
			assert.Zero(t, t.count(w.Name), "runs of worker %s, which was refused", w.Name)
		}
	}},
	{rule: "REG-6", name: "a-method-that-the-engine-lacks-is-refused", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		for _, f := range t.features.Lacks {
			for _, method := range methods[f] {
				assert.ErrorIs(t, method(m, "w", core.Every(2*t.period())), core.ErrUnsupported, "the feature %q", f)
			}
		}
		require.Equal(t, []string{"w"}, listed(m))
		t.eventually(4*t.period(), "w goes on", func() bool { return t.count("w") > 1 })
	}},
	{rule: "REG-6", name: "what-the-engine-lacks-has-a-known-name", run: func(t *trial) {
		for _, f := range t.features.Lacks {
			known := len(t.wanting(f)) > 0 || len(methods[f]) > 0 || options[f] != nil || f == core.FeatureClock || f == core.FeatureSkipCounts
			assert.True(t, known, "Features.Lacks lists %q, which is no feature that this suite knows", f)
		}
	}},
	{rule: "REG-6", name: "an-option-that-the-manager-lacks-is-refused", run: func(t *trial) {
		for _, f := range t.features.Lacks {
			change := options[f]
			if change == nil {
				continue
			}
			opts := quiet(core.Options{})
			change(&opts)
			m, err := t.backend.Open(opts)
			if err == nil {
				err = m.Start(context.Background())
				_ = m.Stop(context.Background())
			}
			assert.ErrorIs(t, err, core.ErrUnsupported, "Open, or Start, with an option that wants %q, which Features.Lacks lists", f)
		}
	}},
	{rule: "REG-6", name: "what-the-engine-does-not-say-it-lacks-is-taken", run: func(t *trial) {
		m := t.open(core.Options{})
		for f := range wants {
			if t.features.Supports(f) {
				for _, w := range t.wanting(f) {
					assert.NoError(t, m.Add(context.Background(), w), "Features.Lacks does not list %q", f)
				}
			}
		}
	}},
	{rule: "REG-6", name: "a-period-shorter-than-the-engine-can-is-refused", run: func(t *trial) {
		shortest := t.features.MinPeriod
		if shortest <= 1 {
			return // it says that it can do any
		}
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), nil))
		schedules := []core.Schedule{core.Every(shortest - 1), core.Every(shortest / 2), core.Every(1)}
		if t.features.Supports(core.FeatureDelay) {
			schedules = append(schedules, core.Delay(shortest-1))
		}
		if t.features.Supports(core.FeatureAnySchedule) {
			schedules = append(schedules, custom{core.Every(shortest - 1)})
		}
		if t.features.Supports(core.FeatureCron) && shortest > time.Second {
			schedules = append(schedules, core.Cron("* * * * * *"))
		}
		for _, s := range schedules {
			err := m.Add(context.Background(), t.worker("short", s, nil))
			assert.ErrorIs(t, err, core.ErrUnsupported, "%v, where the shortest period is %s", s, shortest)
			assert.Equal(t, []string{"w"}, listed(m), "what is registered after %v was refused", s)
			if t.features.Supports(core.FeatureReschedule) {
				err = m.Reschedule(context.Background(), "w", s)
				assert.ErrorIs(t, err, core.ErrUnsupported, "Reschedule to %v, where the shortest period is %s", s, shortest)
			}
		}
		t.eventually(4*t.period(), "w goes on", func() bool { return t.count("w") > 1 })
		require.Zero(t, t.count("short"), "runs of what was refused")
	}},
	{rule: "REG-6", name: "the-shortest-period-is-taken", run: func(t *trial) {
		m := t.open(core.Options{})
		shortest := max(t.features.MinPeriod, 1)
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(shortest), nil)), "MinPeriod is %s", t.features.MinPeriod)
	}},
}

// options are the options that want a feature.
var options = map[core.Feature]func(*core.Options){
	core.FeatureMiddleware: func(o *core.Options) {
		o.Middleware = []core.Middleware{func(ctx context.Context, next func(context.Context) error) error { return next(ctx) }}
	},
	core.FeatureObservers:     func(o *core.Options) { o.Observers = []core.Observer{func(core.Event) {}} },
	core.FeatureMaxConcurrent: func(o *core.Options) { o.MaxConcurrent = 1 },
	core.FeatureDisabled:      func(o *core.Options) { o.Disabled = true },
}

// wanted are the features that a case's options and workers want of a manager beyond
// those that its needs list.
func wanted(opts core.Options, workers ...core.Worker) (list []core.Feature) {
	for feature, is := range map[core.Feature]bool{
		core.FeatureMiddleware:    hasMiddleware(opts, workers),
		core.FeatureObservers:     len(opts.Observers) > 0,
		core.FeatureMaxConcurrent: opts.MaxConcurrent > 0,
		core.FeatureDisabled:      opts.Disabled || slices.ContainsFunc(workers, func(w core.Worker) bool { return w.Disabled }),
	} {
		if is {
			list = append(list, feature)
		}
	}
	return list
}

func hasMiddleware(opts core.Options, workers []core.Worker) bool {
	return len(opts.Middleware)+len(opts.AttemptMiddleware) > 0 || slices.ContainsFunc(workers, func(w core.Worker) bool {
		return len(w.Middleware)+len(w.AttemptMiddleware) > 0
	})
}

// methods are the calls that want a feature.
var methods = map[core.Feature][]func(m core.Manager, name string, s core.Schedule) error{
	core.FeatureRemove: {func(m core.Manager, name string, _ core.Schedule) error {
		return m.Remove(context.Background(), name)
	}},
	core.FeatureReschedule: {func(m core.Manager, name string, s core.Schedule) error {
		return m.Reschedule(context.Background(), name, s)
	}},
	core.FeatureTrigger: {func(m core.Manager, name string, _ core.Schedule) error {
		return errOf(m.Trigger(context.Background(), name))
	}},
	core.FeaturePause: {
		func(m core.Manager, name string, _ core.Schedule) error { return m.Pause(context.Background(), name) },
		func(m core.Manager, name string, _ core.Schedule) error { return m.Resume(context.Background(), name) },
	},
}

// wanting returns workers that want a feature, one for each way to want it,
// named after it; none for the features that are methods.
func (t *trial) wanting(features ...core.Feature) []core.Worker {
	var list []core.Worker
	for _, f := range features {
		for field, change := range wants[f] {
			w := t.worker(string(f)+":"+field, core.Every(t.period()), nil)
			change(&w, t.period())
			list = append(list, w)
		}
	}
	return list
}

// wants are the ways in which a worker wants a feature, by the field.
var wants = map[core.Feature]map[string]func(w *core.Worker, period time.Duration){
	core.FeatureCron:        {"Cron": func(w *core.Worker, _ time.Duration) { w.Schedule = core.Cron("0 3 * * *") }},
	core.FeatureDelay:       {"Delay": func(w *core.Worker, p time.Duration) { w.Schedule = core.Delay(p) }},
	core.FeatureAnySchedule: {"Schedule": func(w *core.Worker, p time.Duration) { w.Schedule = custom{core.Every(p)} }},
	core.FeatureLongRunning: {"nil": func(w *core.Worker, _ time.Duration) { w.Schedule = nil }},
	core.FeatureTimeout:     {"Timeout": func(w *core.Worker, p time.Duration) { w.Timeout = p }},
	core.FeatureRetry:       {"Retry": func(w *core.Worker, _ time.Duration) { w.Retry.MaxAttempts = 2 }},
	core.FeatureJitter:      {"Jitter": func(w *core.Worker, p time.Duration) { w.Jitter = p / 2 }},
	core.FeatureMisfire: {
		"Misfire": func(w *core.Worker, _ time.Duration) { w.Misfire = core.SkipMissed },
		"MaxLate": func(w *core.Worker, p time.Duration) { w.MaxLate = p },
	},
	core.FeatureRunOnStart:  {"RunOnStart": func(w *core.Worker, _ time.Duration) { w.RunOnStart = true }},
	core.FeaturePerInstance: {"Scope": func(w *core.Worker, _ time.Duration) { w.Scope = core.PerInstance }},
	core.FeatureAtMostOnce:  {"AtMostOnce": func(w *core.Worker, _ time.Duration) { w.AtMostOnce = true }},
	core.FeatureDisabled:    {"Disabled": func(w *core.Worker, _ time.Duration) { w.Disabled = true }},
	core.FeatureHooks: {
		"OnStart": func(w *core.Worker, _ time.Duration) { w.OnStart = func(context.Context) error { return nil } },
		"OnStop":  func(w *core.Worker, _ time.Duration) { w.OnStop = func(context.Context) error { return nil } },
	},
}

// custom is a schedule of a user's own type.
type custom struct{ inner core.Schedule }

func (c custom) Next(after time.Time) time.Time { return c.inner.Next(after) }
func (c custom) String() string                 { return "a type of the user's own" }
