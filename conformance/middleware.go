package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, middlewareCases) }

var middlewareCases = []kase{
	{rule: "OBS-4", name: "it-wraps-every-run-in-the-order-given", run: func(t *trial) {
		d := t.diary()
		writes := func(name string) core.Middleware {
			return func(ctx context.Context, next func(context.Context) error) error {
				d.write("into " + name)
				defer d.write("out of " + name)
				return next(ctx)
			}
		}
		m := t.running(core.Options{Middleware: []core.Middleware{writes("first"), writes("second"), writes("third")}},
			t.worker("w", core.Every(t.period()), func(context.Context) error {
				d.write("run")
				return nil
			}))
		t.awaitRuns(m, "w", 2)
		midway(t, t.period())
		one := []string{"into first", "into second", "into third", "run", "out of third", "out of second", "out of first"}
		var want []string
		for range t.count("w") {
			want = append(want, one...)
		}
		assert.Equal(t, want, d.read(), "what happened")
	}},
	{rule: "OBS-4", name: "it-wraps-runs-of-all-kinds", run: func(t *trial) {
		d := t.diary()
		m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			tick, _ := core.TickFrom(ctx)
			d.write(tick.Worker)
			return next(context.WithValue(ctx, key{}, tick.ID()))
		}}}, t.allKinds(t.diary())...)
		var want []string
		for _, s := range m.Workers() {
			t.awaitCalls(s.Name, 1)
			want = append(want, s.Name)
		}
		if t.features.Supports(core.FeatureTrigger) {
			require.NoError(t, m.Add(context.Background(), t.worker("triggered", t.rarely(), nil)))
			t.trigger(m, "triggered")
			t.awaitCalls("triggered", 1)
			want = append(want, "triggered")
		}
		for _, name := range want {
			assert.True(t, d.has(name), "a run of %s went through the middleware", name)
		}
	}},
	{rule: "OBS-4", name: "a-dependency-is-there-in-the-run-and-released-after", run: func(t *trial) {
		var opened, released atomic.Int32
		m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			defer released.Add(1)
			return next(context.WithValue(ctx, key{}, opened.Add(1)))
		}}}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			assert.Equal(t, opened.Load(), ctx.Value(key{}), "what the middleware has put into the context")
			assert.Equal(t, opened.Load()-1, released.Load(), "released so far: not this run's")
			if t.count("w") == 1 {
				panic("kaboom")
			}
			return nil
		}))
		t.awaitRuns(m, "w", 3)
		require.NoError(t, t.stopping(m).within(t.soon()))
		assert.EqualValues(t, t.count("w"), opened.Load(), "opened: once for each run")
		assert.Equal(t, opened.Load(), released.Load(), "released, also of the run that panicked")
	}},
	{rule: "OBS-4", name: "it-wraps-the-run-with-all-its-attempts", needs: []core.Feature{core.FeatureRetry, core.FeatureTimeout}, run: func(t *trial) {
		d := t.diary()
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			d.write(fmt.Sprint(ctx.Value(key{}), " in attempt ", tick.Attempt))
			return errBoom
		})
		w.Timeout = t.period()
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			d.write("begin")
			err := next(context.WithValue(ctx, key{}, "transaction"))
			assert.ErrorIs(t, err, errBoom, "what next returns: the error of the run")
			d.write("rollback")
			return err
		}}}, w)
		t.awaitRuns(m, "w", 1)
		assert.Equal(t, []string{"begin", "transaction in attempt 1", "transaction in attempt 2", "rollback"}, d.read(), "what happened")
	}},
	{rule: "OBS-4", name: "a-workers-own-middleware-wraps-its-runs-inside-of-the-managers", run: func(t *trial) {
		d := t.diary()
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			d.write(fmt.Sprint("run with ", ctx.Value(key{})))
			return nil
		})
		w.Middleware = []core.Middleware{writes(d, "its first"), writes(d, "its second")}
		m := t.running(core.Options{Middleware: []core.Middleware{writes(d, "the manager's")}}, w,
			t.worker("other", core.Every(t.period()), func(context.Context) error { return nil }))
		t.awaitRuns(m, "w", 1)
		t.awaitRuns(m, "other", 1)
		assert.Subset(t, d.read(), []string{"into the manager's of other", "out of the manager's of other"}, "what happened to the other worker")
		assert.False(t, d.has("into its first of other"), "another worker's run went through it")
		assert.Equal(t, []string{
			"into the manager's of w", "into its first of w", "into its second of w",
			"run with its second", "out of its second of w", "out of its first of w", "out of the manager's of w",
		}, about(d, "w")[:7], "what happened")
	}},
	{rule: "OBS-4", name: "attempt-middleware-wraps-each-attempt-inside-of-the-run", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		d := t.diary()
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			d.write(fmt.Sprint("run ", tick.Attempt, " with ", ctx.Value(key{})))
			return errBoom
		})
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(t.period() / 20)}
		w.AttemptMiddleware = []core.Middleware{writes(d, "its attempt's")}
		m := t.running(core.Options{
			Middleware:        []core.Middleware{writes(d, "the run's")},
			AttemptMiddleware: []core.Middleware{writes(d, "the attempt's")},
		}, w)
		t.awaitRuns(m, "w", 1)
		assert.Equal(t, []string{
			"into the run's of w",
			"into the attempt's of w", "into its attempt's of w", "run 1 with its attempt's", "out of its attempt's of w", "out of the attempt's of w",
			"into the attempt's of w", "into its attempt's of w", "run 2 with its attempt's", "out of its attempt's of w", "out of the attempt's of w",
			"out of the run's of w",
		}, d.read()[:12], "what happened")
	}},
	{rule: "OBS-4", name: "attempt-middleware-that-fails-or-panics-or-skips-next-fails-the-attempt", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		var failures []error
		w := t.worker("w", core.Every(2*t.period()), nil)
		w.Retry = core.Retry{MaxAttempts: 4, Backoff: core.Constant(t.period() / 20)}
		w.AttemptMiddleware = []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			switch tick, _ := core.TickFrom(ctx); tick.Attempt {
			case 1:
				return errHopeless
			case 2:
				return nil
			case 3:
				explode()
			}
			return next(ctx)
		}}
		m := t.running(core.Options{Observers: []core.Observer{func(e core.Event) {
			if e.Kind == core.EventAttemptFailed {
				failures = append(failures, e.Result.Err)
			}
		}}}, w)
		s := t.awaitRuns(m, "w", 1)
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome of a run whose fourth attempt is let through")
		assert.Equal(t, 4, s.Last.Attempts(), "attempts")
		require.GreaterOrEqual(t, len(failures), 3, "attempts that failed")
		assert.ErrorIs(t, failures[0], errHopeless, "the error of an attempt that the middleware refuses")
		assert.ErrorIs(t, failures[1], core.ErrNextNotCalled, "the error of an attempt whose middleware did not call next")
		t.isContained(failures[2], crashes[0], "")
	}},
	{rule: "OBS-4", name: "it-sees-the-attempts-that-were-made-after-next", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		d := t.diary()
		attempt := func(ctx context.Context) int {
			tick, _ := core.TickFrom(ctx)
			return tick.Attempt
		}
		var first context.Context
		w := t.worker("w", core.Every(2*t.period()), func(ctx context.Context) error {
			if attempt(ctx) == 1 {
				first = ctx
			}
			d.write(fmt.Sprint("attempt ", attempt(ctx)))
			if attempt(ctx) < 3 {
				return errBoom
			}
			return nil
		})
		w.Retry = core.Retry{MaxAttempts: 5, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			d.write(fmt.Sprint("before next: ", attempt(ctx)))
			err := next(ctx)
			d.write(fmt.Sprint("after next: ", attempt(ctx), ", and the first attempt's context says ", attempt(first)))
			return err
		}}}, w)
		t.awaitRuns(m, "w", 1)
		assert.Equal(t, []string{"before next: 1", "attempt 1", "attempt 2", "attempt 3", "after next: 3, and the first attempt's context says 1"}, d.read()[:5], "what the tick in the context says")
	}},
	{rule: "OBS-4", name: "what-it-returns-is-the-runs-outcome", run: func(t *trial) {
		handler := &errorHandler{}
		m := t.running(core.Options{OnError: handler.hear, Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			err := next(ctx)
			if tick, _ := core.TickFrom(ctx); tick.Worker == "commit-fails" {
				return errHopeless
			}
			_ = err // and another forgives
			return nil
		}}}, t.worker("commit-fails", core.Every(t.period()), nil), t.worker("forgiven", core.Every(t.period()), fails))
		s := t.awaitRuns(m, "commit-fails", 1)
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome of a run whose middleware returned an error")
		assert.ErrorIs(t, s.Last.Err, errHopeless, "the error in the status")
		s = t.awaitRuns(m, "forgiven", 1)
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the outcome of a run whose error the middleware has forgiven")
		t.sleep(t.soon())
		for _, h := range handler.heard() {
			assert.Equal(t, "commit-fails", h.tick.Worker, "the error handler is called for what failed")
		}
	}},
	{rule: "OBS-4", name: "one-that-does-not-call-next-and-returns-an-error-refuses-the-run", run: func(t *trial) {
		t.misbehaves(func(context.Context, func(context.Context) error) error { return errHopeless }, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 2)
			assert.Zero(t, t.count("w"), "runs that went through")
			assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
			assert.ErrorIs(t, s.Last.Err, errHopeless, "the error is the middleware's")
		})
	}},
	{rule: "OBS-4", name: "one-that-does-not-call-next-and-returns-nil-fails-the-run", run: func(t *trial) {
		t.misbehaves(func(context.Context, func(context.Context) error) error { return nil }, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 2)
			assert.Zero(t, t.count("w"), "runs that went through")
			assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome of a run that did not happen")
			assert.ErrorIs(t, s.Last.Err, core.ErrNextNotCalled, "the error")
		})
	}},
	{rule: "OBS-4", name: "one-that-calls-next-twice-runs-it-once", run: func(t *trial) {
		t.misbehaves(func(ctx context.Context, next func(context.Context) error) error {
			assert.NoError(t, next(ctx), "next, the first time")
			return next(ctx)
		}, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 2)
			assert.EqualValues(t, s.Runs, t.count("w"), "calls of the worker's function: one for each run")
			assert.Error(t, s.Last.Err, "next, the second time, is an error")
		})
	}},
	{rule: "OBS-4", name: "one-that-calls-next-late-runs-nothing", run: func(t *trial) {
		late := make(chan func() error, 100)
		t.misbehaves(func(ctx context.Context, next func(context.Context) error) error {
			late <- func() error { return next(ctx) }
			return nil
		}, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 1)
			assert.ErrorIs(t, s.Last.Err, core.ErrNextNotCalled, "the error of a run whose middleware has returned without calling next")
			require.NotEmpty(t, late, "runs that came to the middleware")
			call := t.call("next, late", <-late)
			assert.Error(t, call.within(t.soon()), "next, once the middleware has returned, is an error")
			assert.Zero(t, t.count("w"), "calls of the worker's function")
		})
	}},
	{rule: "OBS-4", name: "one-that-calls-next-with-a-foreign-context-runs-nothing", run: func(t *trial) {
		foreign := context.Background()
		t.misbehaves(func(ctx context.Context, next func(context.Context) error) error { return next(foreign) }, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 2)
			assert.Zero(t, t.count("w"), "calls of the worker's function, which could not have been stopped")
			assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome")
			assert.Error(t, s.Last.Err, "next with a context that is not derived from the run's is an error")
		})
	}},
	{rule: "OBS-4", name: "one-that-calls-next-with-the-context-of-another-run-runs-nothing", run: func(t *trial) {
		var before context.Context // of the run before; a run at a time
		t.misbehaves(func(ctx context.Context, next func(context.Context) error) error {
			if before == nil {
				before = ctx
				return next(ctx)
			}
			return next(before)
		}, func(m core.Manager) {
			s := t.awaitRuns(m, "w", 3)
			assert.Equal(t, 1, t.count("w"), "calls of the worker's function: of the first run alone")
			assert.Error(t, s.Last.Err, "next with a context that is not derived from the run's is an error")
		})
	}},
	{rule: "OBS-4", name: "one-that-does-not-wait-for-next-does-not-free-the-worker", run: func(t *trial) {
		t.keepsBusy(func() error { return nil })
	}},
	{rule: "OBS-4", name: "nor-does-one-that-panics-meanwhile", run: func(t *trial) {
		t.keepsBusy(func() error { panic("kaboom") })
	}},
	{rule: "OBS-4", name: "nor-does-one-that-exits-meanwhile", run: func(t *trial) {
		t.keepsBusy(func() error { exit(); return nil })
	}},
}

// writes is middleware that writes into a diary, and puts its name into the context.
func writes(d *diary, name string) core.Middleware {
	return func(ctx context.Context, next func(context.Context) error) error {
		tick, _ := core.TickFrom(ctx)
		d.write("into " + name + " of " + tick.Worker)
		defer d.write("out of " + name + " of " + tick.Worker)
		return next(context.WithValue(ctx, key{}, name))
	}
}

// about returns what a diary has that is not of another worker.
func about(d *diary, worker string) []string {
	return slices.DeleteFunc(d.read(), func(s string) bool {
		return strings.Contains(s, " of ") && !strings.HasSuffix(s, " of "+worker)
	})
}

// misbehaves starts a manager with a worker "w" under middleware that does what
// it should not, checks what comes of it, and wants Stop to work all the same.
func (t *trial) misbehaves(middleware core.Middleware, check func(core.Manager)) {
	m := t.running(core.Options{Middleware: []core.Middleware{through, middleware, through}}, t.worker("w", core.Every(t.period()), nil))
	check(m)
	require.NoError(t, t.stopping(m).within(t.soon()))
}

// keepsBusy wants that a worker is busy for as long as its function runs, though
// middleware that called next on another goroutine has left.
func (t *trial) keepsBusy(leave func() error) {
	g := t.gate("w")
	defer g.open()
	inside := make(chan struct{}, 100)
	m := t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
		go func() { _ = next(ctx) }()
		<-inside
		return leave()
	}}}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
		inside <- struct{}{}
		return g.stubborn(ctx)
	}))
	g.await()
	midway(t, t.period())
	t.sleep(2 * t.period())
	assert.Equal(t, 1, t.count("w"), "runs at a time, though the middleware has left")
	stop := t.stopping(m)
	t.sleep(t.period() / 10)
	assert.False(t, stop.over(), "Stop waits for the worker's function")
	g.open()
	require.NoError(t, stop.within(t.soon()))
}
