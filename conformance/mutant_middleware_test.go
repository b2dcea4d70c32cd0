package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, middlewareMutants) }

var middlewareMutants = []mutant{
	{name: "middleware-is-told-of-one-attempt", breaks: []string{"OBS-4"}, open: tweaked(nil, func(o *core.Options) {
		for i, middleware := range o.Middleware {
			o.Middleware[i] = func(outer context.Context, next func(context.Context) error) error {
				tick, _ := core.TickFrom(outer)
				if next == nil || tick.Worker != "w" {
					return middleware(outer, next)
				}
				return middleware(fixed{outer, core.WithRun(outer, tick, discard, nil)}, next)
			}
		}
	})},
	{name: "a-workers-middleware-is-left-out", breaks: []string{"OBS-4"}, open: tweaked(func(w *core.Worker) {
		if !hasNil(w.Middleware) {
			w.Middleware = nil
		}
	}, nil)},
	{name: "the-managers-attempt-middleware-is-left-out", breaks: []string{"OBS-4"}, open: tweaked(nil, func(o *core.Options) { o.AttemptMiddleware = nil })},
	{name: "attempt-middleware-wraps-the-run", breaks: []string{"OBS-4", "OBS-2"}, open: tweaked(func(w *core.Worker) {
		if !hasNil(w.AttemptMiddleware) {
			w.Middleware, w.AttemptMiddleware = append(w.Middleware, w.AttemptMiddleware...), nil
		}
	}, func(o *core.Options) {
		o.Middleware, o.AttemptMiddleware = append(o.Middleware, o.AttemptMiddleware...), nil
	})},
	{name: "takes-middleware-that-is-nil", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if hasNil(w.Middleware) || hasNil(w.AttemptMiddleware) {
			w.Middleware, w.AttemptMiddleware = nil, nil
		}
	}, nil)},
	{name: "middleware-in-reverse", breaks: []string{"OBS-4"}, open: tweaked(nil, func(o *core.Options) { slices.Reverse(o.Middleware) })},
	{name: "only-the-two-outermost-middleware", breaks: []string{"OBS-4"}, open: tweaked(nil, func(o *core.Options) {
		o.Middleware = o.Middleware[:min(2, len(o.Middleware))]
	})},
	{name: "no-middleware-for-triggered-runs", breaks: []string{"OBS-4", "OBS-2"}, open: exempting(func(tick core.Tick) bool { return tick.Manual != "" })},
	{name: "no-middleware-after-the-first-run", breaks: []string{"OBS-4", "OBS-2"}, open: func(opts core.Options) (core.Manager, error) {
		seen := map[string]string{}
		var mu sync.Mutex
		return exempting(func(tick core.Tick) bool {
			mu.Lock()
			defer mu.Unlock()
			id, again := seen[tick.Worker]
			if !again {
				seen[tick.Worker] = tick.ID()
			}
			return again && id != tick.ID()
		})(opts)
	}},
	{name: "middleware-wraps-each-attempt", breaks: []string{"OBS-4", "OBS-2"}, open: chaining(func(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error {
		return wrapped(ctx, middleware, run)
	})},
	{name: "what-middleware-puts-into-the-context-is-lost", breaks: []string{"OBS-4", "OBS-2"}, open: chaining(func(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error {
		return wrapped(ctx, middleware, func(context.Context) error { return run(ctx) })
	})},
	{name: "next-does-not-wait-for-the-run", breaks: []string{"OBS-4", "ERR-3", "OBS-2"}, open: chaining(func(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error {
		if len(middleware) == 0 {
			return run(ctx)
		}
		result := make(chan error, 1)
		var called atomic.Bool
		err := wrapped(ctx, middleware, func(ctx context.Context) error {
			if !called.Swap(true) {
				go func() { result <- contained(func() error { return run(ctx) }) }()
			}
			return nil
		})
		if !called.Load() {
			return errors.Join(err, core.ErrNextNotCalled)
		}
		return <-result
	})},
	{name: "what-middleware-returns-is-ignored", breaks: []string{"OBS-4", "ERR-2", "ERR-3", "OBS-2"}, open: chaining(func(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error {
		var result error
		if err := wrapped(ctx, middleware, func(ctx context.Context) error {
			result = run(ctx)
			return result
		}); errors.Is(err, core.ErrNextNotCalled) {
			return err
		}
		return result
	})},
	{name: "a-run-that-middleware-has-refused-is-a-success", breaks: []string{"OBS-4", "ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		if len(o.Middleware) == 0 {
			return
		}
		o.Middleware = append([]core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			if err := next(ctx); !errors.Is(err, core.ErrNextNotCalled) && !errors.Is(err, errHopeless) {
				return err
			}
			return nil
		}}, o.Middleware...)
	})},
}

// fixed is a run's context whose tick does not change.
type fixed struct {
	context.Context
	tick context.Context
}

func (f fixed) Value(key any) any {
	if fmt.Sprintf("%T", key) == "core.tickKey" {
		return f.tick.Value(key)
	}
	return f.Context.Value(key)
}

func hasNil(list []core.Middleware) bool {
	return slices.ContainsFunc(list, func(m core.Middleware) bool { return m == nil })
}

// exempting returns an Open that leaves out the middleware of some runs.
func exempting(exempt func(core.Tick) bool) func(core.Options) (core.Manager, error) {
	return tweaked(nil, func(o *core.Options) {
		for i, middleware := range o.Middleware {
			o.Middleware[i] = func(ctx context.Context, next func(context.Context) error) error {
				if tick, _ := core.TickFrom(ctx); exempt(tick) {
					return next(ctx)
				}
				return middleware(ctx, next)
			}
		}
	})
}

// chaining returns an Open that calls the middleware in a way of its own, around
// each attempt.
func chaining(call func(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, opts *core.Options) {
		middleware := opts.Middleware
		opts.Middleware = nil
		a.around(func(ctx context.Context, run func(context.Context) error) error { return call(ctx, middleware, run) })
	})
}

// wrapped calls middleware around a run and leaves it to itself how often next
// is called, when, and with what context.
func wrapped(ctx context.Context, middleware []core.Middleware, run func(context.Context) error) error {
	if len(middleware) == 0 {
		return run(ctx)
	}
	return middleware[0](ctx, func(ctx context.Context) error { return wrapped(ctx, middleware[1:], run) })
}
