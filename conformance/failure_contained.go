package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, containedCases()) }

// A crash is a way for a function not to return.
type crash struct {
	name  string
	do    func()
	where string // the function's name, which the stack must have
	is    func(*core.PanicError) bool
}

var crashes = []crash{
	{"a-panic", explode, "conformance.explode", func(p *core.PanicError) bool { return p.Value == "kaboom" }},
	{"a-panic-with-an-error", explodeWithError, "conformance.explodeWithError", func(p *core.PanicError) bool { return errors.Is(p, errBoom) }},
	{"a-runtime-error", dereference, "conformance.dereference", func(p *core.PanicError) bool {
		_, ok := p.Value.(runtime.Error)
		return ok
	}},
	{"a-goexit", exit, "conformance.exit", func(p *core.PanicError) bool { return p.Value == any(core.ErrGoexit) }},
}

func explode()          { panic("kaboom") }
func explodeWithError() { panic(errBoom) }
func exit()             { runtime.Goexit() }
func dereference()      { *nowhere = 1 }

var nowhere *int

// A surrounding is what a worker has around its function.
type surrounding struct {
	name  string
	needs []core.Feature
	dress func(t *trial, w *core.Worker, opts *core.Options)
}

var surroundings = []surrounding{
	{"in-a-plain-run", nil, func(*trial, *core.Worker, *core.Options) {}},
	{"under-a-timeout", []core.Feature{core.FeatureTimeout}, func(t *trial, w *core.Worker, _ *core.Options) {
		w.Timeout = t.period() / 2
	}},
	{"with-retries", []core.Feature{core.FeatureRetry}, func(t *trial, w *core.Worker, _ *core.Options) {
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 20)}
	}},
	{"under-middleware", nil, func(_ *trial, _ *core.Worker, opts *core.Options) {
		opts.Middleware = []core.Middleware{through, through}
	}},
}

// through is middleware that does nothing.
func through(ctx context.Context, next func(context.Context) error) error { return next(ctx) }

// containedCases are all crashes in all surroundings.
func containedCases() (cases []kase) {
	for _, c := range crashes {
		for _, s := range surroundings {
			cases = append(cases, kase{rule: "ERR-2", name: c.name + "-" + s.name, needs: s.needs, run: func(t *trial) { t.contains(c, s) }})
		}
	}
	return cases
}

// contains has a worker crash in its first run and wants that to be an error
// like any other.
func (t *trial) contains(c crash, s surrounding) {
	handler := &errorHandler{}
	opts := core.Options{OnError: handler.hear}
	attempts := 1
	w := t.worker("w", core.Every(t.period()), func(context.Context) error {
		if t.count("w") <= attempts {
			c.do()
		}
		return nil
	})
	s.dress(t, &w, &opts)
	attempts = max(attempts, w.Retry.MaxAttempts)
	m := t.running(opts, w)
	t.eventually(3*t.period(), "the error handler hears of the first run", func() bool { return len(handler.heard()) > 0 })
	require.Equal(t, attempts, t.count("w"), "attempts: it is treated as an error")
	for where, err := range map[string]error{"the error handler": handler.heard()[0].err, "the status": t.status(m, "w").Last.Err} {
		var p *core.PanicError
		require.ErrorAs(t, err, &p, "the error that %s has", where)
		assert.True(t, c.is(p), "the value of the *PanicError that %s has; it is %v", where, p.Value)
		assert.Contains(t, string(p.Stack), c.where, "the stack of the *PanicError that %s has", where)
	}
	assert.EqualValues(t, 1, t.status(m, "w").Failures, "failures")
	t.awaitCalls("w", attempts+1)
	t.eventually(t.soon(), "the next slot's run succeeds", func() bool { return t.status(m, "w").Last.Outcome == core.Succeeded })
	require.NoError(t, t.stopping(m).within(t.soon()), "Stop, when all runs have ended")
}

func init() { groups = append(groups, containedElsewhereCases()) }

// containedElsewhereCases are crashes in what is not a run.
func containedElsewhereCases() (cases []kase) {
	for _, c := range []crash{crashes[0], crashes[3]} {
		cases = append(cases,
			kase{rule: "ERR-3", name: c.name + "-in-on-start-fails-start", needs: hooks, run: func(t *trial) {
				m := t.open(core.Options{})
				w := t.worker("careless", core.Every(t.period()), nil)
				w.OnStart = func(context.Context) error { c.do(); return nil }
				require.NoError(t, m.Add(context.Background(), w))
				start := t.call("Start", func() error { return m.Start(context.Background()) })
				t.isContained(start.within(t.soon()), c, "careless")
				t.sleep(2 * t.period())
				assert.Zero(t, t.count("careless"), "runs of a worker whose OnStart has failed")
			}},
			kase{rule: "ERR-3", name: c.name + "-in-on-start-fails-add", needs: hooks, run: func(t *trial) {
				m := t.running(core.Options{}, t.worker("other", core.Every(t.period()), nil))
				w := t.worker("careless", core.Every(t.period()), nil)
				w.OnStart = func(context.Context) error { c.do(); return nil }
				add := t.call("Add", func() error { return m.Add(context.Background(), w) })
				t.isContained(add.within(t.soon()), c, "careless")
				t.awaitCalls("other", 2)
				assert.Zero(t, t.count("careless"), "runs of a worker whose OnStart has failed")
			}},
			kase{rule: "ERR-3", name: c.name + "-in-on-stop-does-not-hold-up-stop", needs: hooks, run: func(t *trial) {
				d := t.diary()
				careless := d.hooked(t.worker("careless", core.Every(t.period()), nil))
				careless.OnStop = func(context.Context) error { c.do(); return nil }
				m := t.running(core.Options{}, d.hooked(t.worker("first", core.Every(t.period()), nil)),
					careless, d.hooked(t.worker("last", core.Every(t.period()), nil)))
				_ = t.stopping(m).within(t.soon())
				assert.Equal(t, []string{"stop last", "stop first"}, d.read()[3:], "the OnStop hooks of the others")
			}},
			kase{rule: "ERR-3", name: c.name + "-in-the-error-handler", run: func(t *trial) {
				m := t.running(core.Options{OnError: func(context.Context, core.Tick, error) { c.do() }},
					t.worker("w", core.Every(t.period()), fails))
				s := t.awaitRuns(m, "w", 3)
				assert.Equal(t, s.Runs, s.Failures, "failures")
				assert.ErrorIs(t, s.Last.Err, errBoom, "the error in the status is the run's")
				require.NoError(t, t.stopping(m).within(t.soon()))
			}},
		)
		for _, when := range []string{"before", "after"} {
			cases = append(cases, kase{rule: "ERR-3", name: c.name + "-in-middleware-" + when + "-next-fails-the-run", run: func(t *trial) {
				handler := &errorHandler{}
				m := t.running(core.Options{OnError: handler.hear, Middleware: []core.Middleware{through, func(ctx context.Context, next func(context.Context) error) error {
					if when == "before" {
						c.do()
					}
					_ = next(ctx)
					c.do()
					return nil
				}, through}}, t.worker("w", core.Every(t.period()), nil))
				s := t.awaitRuns(m, "w", 1)
				assert.EqualValues(t, s.Runs, s.Failures, "failures")
				t.eventually(t.soon(), "the error handler is called", func() bool { return len(handler.heard()) > 0 })
				if when == "before" {
					assert.Zero(t, t.count("w"), "runs that the middleware let through")
				}
				t.awaitRuns(m, "w", 2)
				t.isContained(handler.heard()[0].err, c, "")
				require.NoError(t, t.stopping(m).within(t.soon()))
			}})
		}
	}
	for _, c := range []crash{crashes[0], crashes[3]} {
		cases = append(cases, observerCase(c))
	}
	return append(cases, removeHookPanicCase)
}

// observerCase has the first of two observers crash at every event.
func observerCase(c crash) kase {
	return kase{rule: "ERR-3", name: c.name + "-in-an-observer-disturbs-nothing", run: func(t *trial) { t.observerCrashes(c) }}
}

func (t *trial) observerCrashes(c crash) {
	watch, log := &watcher{}, newJournal()
	m := t.running(core.Options{Logger: slog.New(log), Middleware: []core.Middleware{through}, Observers: []core.Observer{func(core.Event) { c.do() }, watch.see}},
		t.worker("failing", core.Every(t.period()), fails),
		t.worker("quick", core.Every(t.period()), nil),
		t.worker("slow", core.Every(t.period()), func(context.Context) error {
			time.Sleep(t.period() * 3 / 2) // every other slot is skipped, and the observer is told
			return nil
		}))
	t.awaitRuns(m, "slow", 2)
	s := t.awaitRuns(m, "quick", 3)
	assert.Zero(t, s.Failures, "failures: the observer's panic is not the run's")
	require.NoError(t, t.stopping(m).within(2*t.period()))
	contained := 0
	for _, r := range log.read() {
		if r.level == slog.LevelError && strings.Contains(r.String(), "observer") && strings.Contains(r.String(), c.where) {
			contained++
		}
	}
	watch.mu.Lock()
	assert.Equal(t, len(watch.events), contained, "records at level error of a crash in an observer, with its stack: one for each event")
	watch.mu.Unlock()
	for _, kind := range []core.EventKind{core.EventBegan, core.EventEnded, core.EventSkipped} {
		assert.NotZero(t, watch.count(kind, "slow"), "events %q that the next observer is told of", kind)
	}
	failing := t.status(m, "failing")
	assert.Equal(t, failing.Runs, failing.Failures, "failures of a worker that fails")
	assert.ErrorIs(t, failing.Last.Err, errBoom, "its error is its own")
	assert.EqualValues(t, failing.Runs, watch.count(core.EventEnded, "failing"), "ends of its runs that the next observer is told of")
}

func init() { groups = append(groups, clockPanicCases, panicValueCases) }

// clockPanicCases are about an Options.Now that panics.
var clockPanicCases = []kase{
	{rule: "ERR-3", name: "a-panic-in-options-now-after-start-is-logged-once-and-time-goes-on", needs: []core.Feature{core.FeatureClock}, virtual: true, run: func(t *trial) {
		var broken atomic.Bool
		log, p := newJournal(), t.period()
		next := midway(t, p)
		t.clock.jump(3 * time.Second) // a broker bears with that
		m := t.running(core.Options{Logger: slog.New(log), Now: func() time.Time {
			if broken.Load() {
				explode()
			}
			return t.clock.Now()
		}}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p/4))
		broken.Store(true)
		until(t, next.Add(3*p+p/4))
		ranSlots(t, "w", series(next, p, 4), "by the clock as it was read last")
		last := t.calls("w")[3]
		assert.WithinDuration(t, last.tick.Slot, last.begin.Add(3*time.Second), t.slack(), "when the last run began, by that clock")
		s := t.status(m, "w")
		assert.EqualValues(t, 4, s.Runs, "runs")
		assert.Zero(t, s.Skips, "slots skipped")
		broken.Store(false)
		require.NoError(t, t.stopping(m).within(t.soon()))
		records := slices.DeleteFunc(log.read(), func(r record) bool {
			return r.level < slog.LevelError || !strings.Contains(r.String(), "conformance.explode")
		})
		assert.Len(t, records, 1, "records at level error that have the stack of the panic")
	}},
	{rule: "ERR-3", name: "a-panic-in-options-now-before-start-fails-start", needs: []core.Feature{core.FeatureClock}, virtual: true, run: func(t *trial) {
		var broken atomic.Bool
		m := t.open(core.Options{Now: func() time.Time {
			if broken.Load() {
				explode()
			}
			return t.clock.Now()
		}})
		require.NoError(t, m.Add(context.Background(), t.worker("w", core.Every(t.period()), nil)))
		broken.Store(true)
		t.isContained(t.call("Start", func() error { return m.Start(context.Background()) }).within(t.soon()), crashes[0], "")
		t.sleep(2 * t.period())
		assert.Zero(t, t.count("w"), "runs")
	}},
}

// panicValueCases are panics with a value whose own methods do not return, and errors that
// have one among several.
var panicValueCases = []kase{
	{rule: "ERR-2", name: "a-run-that-panics-with-a-value-that-cannot-be-printed-has-failed", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("exits", core.Every(t.period()), func(context.Context) error { panic(exitingValue{}) }),
			t.worker("panics", core.Every(t.period()), func(context.Context) error { panic(panickingValue{}) }))
		for _, name := range []string{"exits", "panics"} {
			s := t.awaitRuns(m, name, 2)
			assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome of %s", name)
			assert.Contains(t, t.printed(s.Last.Err), "panic", "the error of %s", name)
			var p *core.PanicError
			require.ErrorAs(t, s.Last.Err, &p, "the error of %s", name)
			<-t.apart("printing the value", func() { _ = fmt.Sprint(p.Value) })
		}
	}},
	{rule: "ERR-2", name: "a-run-with-an-error-that-joins-one-whose-method-panics-has-failed", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("first", core.Every(t.period()), func(context.Context) error { return errors.Join((*lostMailError)(nil), errBoom) }),
			t.worker("second", core.Every(t.period()), func(context.Context) error { return errors.Join(errBoom, wildIsError{}) }))
		for name, method := range map[string]string{"first": "the Error method of *conformance.lostMailError", "second": "the Is method of conformance.wildIsError"} {
			s := t.awaitRuns(m, name, 2)
			assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome of %s", name)
			assert.Contains(t, t.printed(s.Last.Err), method, "the error of %s", name)
		}
	}},
	{rule: "ERR-5", name: "a-permanent-error-among-several-that-are-joined-ends-the-attempts", needs: retries, run: func(t *trial) {
		w := t.worker("w", core.Every(2*t.period()), func(context.Context) error { return errors.Join(errBoom, core.Permanent(errHopeless)) })
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{}, w)
		t.awaitRuns(m, "w", 1)
		t.sleep(t.period() / 2)
		assert.Equal(t, 1, t.count("w"), "attempts")
	}},
}

type (
	exitingValue   struct{}
	panickingValue struct{}
)

func (exitingValue) String() string   { runtime.Goexit(); return "" }
func (panickingValue) String() string { panic(panickingValue{}) }

var removeHookPanicCase = kase{rule: "ERR-3", name: "a-panic-in-on-stop-does-not-hold-up-remove", needs: []core.Feature{core.FeatureHooks, core.FeatureRemove}, run: func(t *trial) {
	w := t.worker("careless", core.Every(t.period()), nil)
	w.OnStop = func(context.Context) error { explode(); return nil }
	m := t.running(core.Options{}, w)
	remove := t.call("Remove", func() error { return m.Remove(context.Background(), "careless") })
	_ = remove.within(t.soon())
	assert.Empty(t, listed(m), "the workers that are left")
}}

// isContained wants an error that is a crash, and names a worker.
func (t *trial) isContained(err error, c crash, worker string) {
	var p *core.PanicError
	require.ErrorAs(t, err, &p, "a crash that was contained")
	assert.True(t, c.is(p), "the value of the *PanicError; it is %v", p.Value)
	assert.Contains(t, string(p.Stack), c.where, "the stack of the *PanicError")
	assert.ErrorContains(t, err, worker, "the error names the worker")
}
