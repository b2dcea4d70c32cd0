package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, failureMutants) }

var failureMutants = []mutant{
	{name: "does-not-log-errors", breaks: []string{"ERR-1", "ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		o.Logger = slog.New(tactful{o.Logger.Handler()})
	})},
	{name: "hands-an-error-over-twice", breaks: []string{"ERR-1"}, open: handing(func(h errorHandling, ctx context.Context, tick core.Tick, err error) {
		h(ctx, tick, err)
		h(ctx, tick, err)
	})},
	{name: "hands-each-attempts-error-over", breaks: []string{"ERR-1"}, open: func(opts core.Options) (core.Manager, error) {
		return tweaked(func(w *core.Worker) {
			if run, attempts, handler := w.Run, w.Retry.MaxAttempts, opts.OnError; handler != nil && attempts > 1 {
				w.Run = func(ctx context.Context) error {
					err := run(ctx)
					if tick, _ := core.TickFrom(ctx); err != nil && tick.Attempt < attempts && ctx.Err() == nil && !isWild(err) && !errors.Is(err, errHopeless) {
						handler(ctx, tick, err)
					}
					return err
				}
			}
		}, nil)(opts)
	}},
	{name: "does-not-keep-the-error", breaks: []string{"ERR-1", "ERR-2", "ERR-3", "ERR-4", "ERR-5", "OBS-1", "OBS-4", "STP-9"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for _, w := range list {
				if w.Last != nil {
					w.Last.Err = nil
				}
			}
			return list
		}
	})},
	{name: "gives-a-worker-that-fails-a-rest", breaks: []string{"ERR-1", "OBS-2"}, open: altering(func(a *altered, opts *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error { // OBS-2: nobody has paused it
			run := w.Run
			if _, ok := w.Schedule.(core.Interval); ok && run != nil && w.Retry.MaxAttempts < 2 {
				w.Run = func(ctx context.Context) error {
					err := run(ctx)
					if tick, _ := core.TickFrom(ctx); err != nil && tick.Manual == "" && ctx.Err() == nil && opts.OnError == nil {
						time.AfterFunc(time.Second, func() { _ = a.Manager.Pause(context.Background(), w.Name) })
						time.AfterFunc(time.Minute+time.Second, func() { _ = a.Manager.Resume(context.Background(), w.Name) })
					}
					return err
				}
			}
			return a.Manager.Add(ctx, w)
		}
	})},

	{name: "takes-a-panic-for-success", breaks: []string{"ERR-2", "LNG-2"}, open: recovering(func(any) error { return nil })},
	{name: "takes-a-panic-for-a-plain-error", breaks: []string{"ERR-2"}, open: recovering(func(p any) error {
		if err, ok := p.(error); ok {
			return err
		}
		return fmt.Errorf("panic: %v", p)
	})},
	{name: "loses-the-stack", breaks: []string{"ERR-2"}, open: recovering(func(p any) error { return &core.PanicError{Value: p} })},
	{name: "loses-the-value", breaks: []string{"ERR-2"}, open: recovering(func(p any) error {
		return &core.PanicError{Value: fmt.Sprint(p), Stack: debug.Stack()}
	})},
	{name: "takes-a-panic-for-permanent", breaks: []string{"ERR-2", "LNG-2"}, open: recovering(func(p any) error {
		return core.Permanent(&core.PanicError{Value: p, Stack: debug.Stack()})
	})},
	{name: "takes-a-goexit-for-success", breaks: []string{"ERR-2", "LNG-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			done := make(chan error, 1)
			go func() {
				var err error
				defer func() { done <- err }()
				defer func() {
					if p := recover(); p != nil {
						err = &core.PanicError{Value: p, Stack: debug.Stack()}
					}
				}()
				err = run(ctx)
			}()
			return <-done
		})
	})},

	{name: "a-panic-in-a-hook-goes-unnoticed", breaks: []string{"ERR-3"}, open: tweaked(func(w *core.Worker) {
		if hook := w.OnStart; hook != nil {
			w.OnStart = func(ctx context.Context) error {
				defer func() { _ = recover() }()
				return hook(ctx)
			}
		}
	}, nil)},
	{name: "a-panic-in-an-on-stop-is-the-end-of-stopping", breaks: []string{"ERR-3"}, open: altering(func(a *altered, _ *core.Options) {
		var panicked atomic.Bool
		a.add = func(ctx context.Context, w core.Worker) error {
			if hook := w.OnStop; hook != nil {
				w.OnStop = func(ctx context.Context) error {
					if panicked.Load() {
						return nil
					}
					panicked.Store(true)
					err := hook(ctx)
					panicked.Store(false)
					return err
				}
			}
			return a.Manager.Add(ctx, w)
		}
	})},
	{name: "a-panic-in-an-observer-leaves-the-others-in-the-dark", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		observers := o.Observers
		o.Observers = []core.Observer{func(e core.Event) {
			for _, observer := range observers {
				observer(e)
			}
		}}
	})},
	{name: "a-goexit-in-an-observer-leaves-the-others-in-the-dark", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		var exited atomic.Bool
		for i, observer := range o.Observers {
			o.Observers[i] = func(e core.Event) {
				if exited.Load() {
					return
				}
				returned := false
				defer func() {
					if p := recover(); p != nil {
						panic(p)
					}
					if !returned {
						exited.Store(true)
					}
				}()
				observer(e)
				returned = true
			}
		}
	})},
	{name: "a-panic-in-the-error-handler-stops-the-worker", breaks: []string{"ERR-3"}, open: altering(func(a *altered, opts *core.Options) {
		if handler := opts.OnError; handler != nil {
			opts.OnError = func(ctx context.Context, tick core.Tick, err error) {
				defer func() {
					if recover() != nil {
						_ = a.Manager.Pause(ctx, tick.Worker)
					}
				}()
				handler(ctx, tick, err)
			}
		}
	})},
	{name: "a-panic-in-middleware-goes-unnoticed", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		for i, middleware := range o.Middleware {
			o.Middleware[i] = func(ctx context.Context, next func(context.Context) error) error {
				defer func() { _ = recover() }()
				return middleware(ctx, next)
			}
		}
	})},

	{name: "takes-a-run-that-was-cancelled-for-failed", breaks: []string{"ERR-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if tick, _ := core.TickFrom(ctx); err != nil && tick.Manual == "" && errors.Is(context.Cause(ctx), core.ErrStopping) {
				return &core.PanicError{Value: err}
			}
			return err
		})
	})},
	{name: "takes-every-failure-while-it-stops-for-cancelled", breaks: []string{"ERR-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for _, w := range list {
				if w.Last != nil && w.Last.Outcome == core.Failed && a.stops.Load() > 0 {
					w.Last.Outcome = core.Cancelled
				}
			}
			return list
		}
	})},

	{name: "has-fifty-threads", breaks: []string{"ERR-7"}, open: tweaked(nil, func(o *core.Options) {
		if o.MaxConcurrent == 0 {
			o.MaxConcurrent = 50
		}
	})},
	{name: "lets-one-more-in", breaks: []string{"ERR-7"}, open: tweaked(nil, func(o *core.Options) {
		if o.MaxConcurrent > 1 {
			o.MaxConcurrent++
		}
	})},
	{name: "has-no-limit", breaks: []string{"ERR-7"}, open: tweaked(nil, func(o *core.Options) {
		if o.MaxConcurrent > 1 {
			o.MaxConcurrent = 0
		}
	})},
	{name: "a-crash-takes-a-place-with-it", breaks: []string{"ERR-7"}, open: altering(func(a *altered, opts *core.Options) {
		if opts.MaxConcurrent == 0 {
			return
		}
		places := make(chan struct{}, opts.MaxConcurrent)
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			err := run(ctx) // a panic passes by the next line
			<-places
			return err
		})
	})},
}

// tactful is a log that leaves out the runs that failed.
type tactful struct{ slog.Handler }

func (h tactful) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "tickwork: run failed" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h tactful) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tactful{h.Handler.WithAttrs(attrs)}
}
func (h tactful) WithGroup(name string) slog.Handler { return tactful{h.Handler.WithGroup(name)} }

// errorHandling is an Options.OnError.
type errorHandling = func(context.Context, core.Tick, error)

// handing returns an Open whose error handler is called otherwise.
func handing(call func(h errorHandling, ctx context.Context, tick core.Tick, err error)) func(core.Options) (core.Manager, error) {
	return tweaked(nil, func(o *core.Options) {
		if handler := o.OnError; handler != nil {
			o.OnError = func(ctx context.Context, tick core.Tick, err error) { call(handler, ctx, tick, err) }
		}
	})
}

// recovering returns an Open that makes something else of a worker's panic.
func recovering(become func(p any) error) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = become(p)
				}
			}()
			return run(ctx)
		})
	})
}
