package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

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
		errors.Is(err, errBoom)
		var p *core.PanicError
		errors.As(err, &p)
		wild = false
	}()
	<-done
	return wild
}
