package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, foreignMutants) }

var foreignMutants = []mutant{
	{name: "keeps-an-error-whose-methods-panic", breaks: []string{"ERR-2"}, open: altering(func(a *altered, _ *core.Options) {
		var mu sync.Mutex
		raw := map[string]error{}
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			tick, _ := core.TickFrom(ctx)
			mu.Lock()
			defer mu.Unlock()
			if isWild(err) {
				raw[tick.ID()] = err
			}
			return err
		})
		a.workers = func() []core.WorkerStatus {
			mu.Lock()
			defer mu.Unlock()
			list := a.Manager.Workers()
			for _, w := range list {
				if w.Last != nil && raw[w.Last.Tick.ID()] != nil {
					w.Last.Err = raw[w.Last.Tick.ID()]
				}
			}
			return list
		}
	})},
	{name: "does-not-say-which-method-panicked", breaks: []string{"ERR-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if isWild(err) {
				return &core.PanicError{Value: "the error cannot be printed", Stack: debug.Stack()}
			}
			return err
		})
	})},
	{name: "repeats-a-permanent-error-whose-methods-panic", breaks: []string{"ERR-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if text := fmt.Sprintf("%T", err); text == "*core.permanentError" && isWild(err) {
				return errors.Unwrap(err)
			}
			return err
		})
	})},
	{name: "takes-an-error-whose-methods-panic-for-success", breaks: []string{"ERR-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if isWild(err) {
				return nil
			}
			return err
		})
	})},
	{name: "takes-a-hook-whose-error-panics-for-one-that-succeeded", breaks: []string{"ERR-3"}, open: tweaked(func(w *core.Worker) {
		if hook := w.OnStart; hook != nil {
			w.OnStart = func(ctx context.Context) error {
				err := hook(ctx)
				if isWild(err) {
					return nil
				}
				return err
			}
		}
	}, nil)},
}

// isWild returns whether an error's methods do not all return.
func isWild(err error) bool {
	if err == nil {
		return false
	}
	wild := true
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_ = err.Error()
		errors.Is(err, context.DeadlineExceeded) // errBoom may come before what is wild
		var p *core.PanicError
		errors.As(err, &p)
		wild = false
	}()
	<-done
	return wild
}

func init() { mutants = append(mutants, foreignValueMutants) }

var foreignValueMutants = []mutant{
	{name: "does-not-list-a-worker-whose-schedule-does-not-print", breaks: []string{"ERR-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			return slices.DeleteFunc(a.Manager.Workers(), func(w core.WorkerStatus) bool { return w.Schedule == "conformance.unprintable" })
		}
	})},
	{name: "gives-up-at-a-backoff-that-panics", breaks: []string{"ERR-2"}, open: tweaked(func(w *core.Worker) {
		if b, ok := w.Retry.Backoff.(*asking); ok && w.Retry.MaxAttempts == 2 {
			run := w.Run
			w.Run = func(ctx context.Context) error {
				err := run(ctx)
				if err != nil && panics(func() { b.wait(1) }) {
					return core.Permanent(err)
				}
				return err
			}
		}
	}, nil)},
	{name: "asks-a-log-handler-that-has-panicked-no-more", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		o.Logger = slog.New(&offended{Handler: o.Logger.Handler()})
	})},
	{name: "a-log-value-that-panics-costs-its-record", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		o.Logger = slog.New(lossy{o.Logger.Handler()})
	})},
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// offended is a handler that is not called again after a panic.
type offended struct {
	slog.Handler
	gone atomic.Bool
}

func (o *offended) Handle(ctx context.Context, r slog.Record) (err error) {
	if o.gone.Load() {
		return nil
	}
	if panics(func() { err = o.Handler.Handle(ctx, r) }) {
		o.gone.Store(true)
	}
	return err
}

// lossy is a handler that drops a record at which the one inside panics.
type lossy struct{ slog.Handler }

func (l lossy) Handle(ctx context.Context, r slog.Record) (err error) {
	panics(func() { err = l.Handler.Handle(ctx, r) })
	return err
}

func (l lossy) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := l.Handler
	panics(func() { with = l.Handler.WithAttrs(attrs) })
	return lossy{with}
}
