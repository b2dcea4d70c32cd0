package conformance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, startMutants) }

var startMutants = []mutant{
	{name: "run-on-start-is-run-on-add", breaks: []string{"STA-1", "STA-3", "PER-6", "OBS-4"}, open: altering(func(a *altered, opts *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			early := w.RunOnStart && !w.Disabled && !opts.Disabled && !a.starting.Load()
			w.RunOnStart = w.RunOnStart && !early
			err := a.Manager.Add(ctx, w)
			if err == nil && early {
				_ = w.Run(context.Background())
			}
			return err
		}
	})},
	{name: "a-trigger-starts", breaks: []string{"STA-1", "CTL-3"}, open: altering(func(a *altered, _ *core.Options) {
		runs := map[string]func(context.Context) error{}
		a.add = func(ctx context.Context, w core.Worker) error {
			if !a.starting.Load() {
				runs[w.Name] = w.Run
			}
			return a.Manager.Add(ctx, w)
		}
		a.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := a.Manager.Trigger(ctx, name)
			if run := runs[name]; run != nil && errors.Is(err, core.ErrNotStarted) {
				return tick, run(ctx)
			}
			return tick, err
		}
	})},
	{name: "a-second-start-is-a-start", breaks: []string{"STA-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			if err := a.Manager.Start(ctx); !errors.Is(err, core.ErrStarted) {
				return err
			}
			return nil
		}
	})},
	{name: "a-second-start-calls-the-hooks-again", breaks: []string{"STA-2"}, open: altering(func(a *altered, _ *core.Options) {
		var hooks []func(context.Context) error
		a.add = func(ctx context.Context, w core.Worker) error {
			if w.OnStart != nil && !a.starting.Load() {
				hooks = append(hooks, w.OnStart)
			}
			return a.Manager.Add(ctx, w)
		}
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			if errors.Is(err, core.ErrStarted) {
				for _, hook := range hooks {
					_ = hook(ctx)
				}
			}
			return err
		}
	})},
	{name: "does-not-know-started-from-stopped", breaks: []string{"STA-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			if a.stopped.Load() {
				return core.ErrStarted
			}
			return a.Manager.Start(ctx)
		}
	})},
	{name: "a-failed-start-may-be-tried-again", breaks: []string{"STA-2", "STA-3", "STA-4"}, open: altering(func(a *altered, opts *core.Options) {
		var failed atomic.Bool
		a.start = func(ctx context.Context) error {
			if failed.Load() && !a.stopped.Load() {
				return nil
			}
			err := a.Manager.Start(ctx)
			if err != nil && ctx != nil && !errors.Is(err, core.ErrStarted) {
				failed.Store(true)
			}
			return err
		}
	})},

	{name: "does-not-wait-for-the-hooks", breaks: []string{"STA-3", "STA-2", "STA-4", "STP-4", "STP-6", "ERR-3"}, open: hooking(func(h *hooked) {
		h.onStart = func(ctx context.Context, i int) error {
			go func() {
				defer func() { _ = recover() }()
				_ = h.callStart(ctx, i)
			}()
			return nil
		}
	})},
	{name: "calls-the-hooks-in-reverse", breaks: []string{"STA-3", "STP-4"}, open: hooking(func(h *hooked) {
		h.onStart = func(ctx context.Context, i int) error { return h.callStart(ctx, len(h.workers)-1-i) }
	})},
	{name: "calls-the-hooks-all-at-once", breaks: []string{"STA-3", "STP-4", "ERR-3"}, open: hooking(func(h *hooked) {
		var once sync.Once
		var results []chan error
		h.onStart = func(ctx context.Context, i int) error {
			once.Do(func() {
				for i := range h.workers {
					result := make(chan error, 1)
					results = append(results, result)
					go func() {
						err := core.ErrGoexit
						defer func() {
							if p := recover(); p != nil {
								err = &core.PanicError{Value: p}
							}
							result <- err
						}()
						err = h.callStart(ctx, i)
					}()
				}
			})
			err := <-results[i]
			var panicked *core.PanicError
			if errors.As(err, &panicked) {
				panic(panicked.Value)
			}
			return err
		}
	})},
	{name: "starts-without-those-that-failed", breaks: []string{"STA-3", "STA-2", "STA-4", "STP-4", "STP-6", "ERR-3"}, open: hooking(func(h *hooked) {
		h.onStart = func(ctx context.Context, i int) error {
			_ = h.callStart(ctx, i)
			return nil
		}
	})},
	{name: "does-not-name-the-worker-that-failed", breaks: []string{"STA-3", "ERR-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			var named *core.WorkerError
			if errors.As(err, &named) && !errors.Is(err, core.ErrStopped) {
				return named.Err
			}
			return err
		}
	})},
	{name: "does-not-undo-a-failed-start", breaks: []string{"STA-3", "STP-4"}, open: hooking(func(h *hooked) {
		h.onStop = func(ctx context.Context, i int) error {
			if !h.started.Load() && !h.stopping.Load() {
				return nil
			}
			return h.callStop(ctx, i)
		}
	})},
	{name: "undoes-a-failed-start-in-order", breaks: []string{"STA-3"}, open: hooking(func(h *hooked) {
		undone := 0
		h.onStop = func(ctx context.Context, i int) error {
			if !h.started.Load() && !h.stopping.Load() {
				i, undone = undone, undone+1
			}
			return h.callStop(ctx, i)
		}
	})},
	{name: "stops-also-the-one-that-failed", breaks: []string{"STA-3", "STP-4"}, open: hooking(func(h *hooked) {
		h.onStart = func(ctx context.Context, i int) error {
			err := h.callStart(ctx, i)
			if err != nil {
				_ = h.callStop(ctx, i)
			}
			return err
		}
	})},
	{name: "a-failed-start-takes-workers", breaks: []string{"STA-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if errors.Is(err, core.ErrStopped) && !a.stopping.Load() {
				return nil
			}
			return err
		}
	})},
	{name: "runs-before-all-hooks-have-finished", breaks: []string{"STA-3"}, open: hooking(func(h *hooked) {
		h.onStart = func(ctx context.Context, i int) error {
			err := h.callStart(ctx, i)
			if err == nil && h.workers[i].RunOnStart {
				_ = h.workers[i].Run(ctx)
			}
			return err
		}
	})},

	{name: "stops-with-starts-context", breaks: []string{"STA-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = a.Manager.Stop(context.Background()) })
			}
			return err
		}
	})},
	{name: "runs-end-with-starts-context", breaks: []string{"STA-4"}, open: altering(func(a *altered, _ *core.Options) {
		var starts context.Context
		a.add = func(ctx context.Context, w core.Worker) error {
			if run := w.Run; run != nil && !a.starting.Load() {
				w.Run = func(ctx context.Context) error {
					ctx, cancel := context.WithCancelCause(ctx)
					defer cancel(nil)
					defer context.AfterFunc(starts, func() { cancel(context.Canceled) })()
					return run(ctx)
				}
			}
			return a.Manager.Add(ctx, w)
		}
		a.start = func(ctx context.Context) error {
			if starts == nil {
				starts = ctx
			}
			return a.Manager.Start(ctx)
		}
	})},
	{name: "starts-context-bounds-nothing", breaks: []string{"STA-4", "STP-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			if ctx == nil {
				return a.Manager.Start(ctx)
			}
			return a.Manager.Start(context.WithoutCancel(ctx))
		}
	})},

	{name: "ignores-that-it-is-disabled", breaks: []string{"STA-5", "CTL-4"}, open: tweaked(nil, func(o *core.Options) { o.Disabled = false })},
	{name: "ignores-that-a-worker-is-disabled", breaks: []string{"STA-5", "CTL-3"}, open: tweaked(func(w *core.Worker) { w.Disabled = false }, nil)},
	{name: "does-not-list-the-disabled", breaks: []string{"STA-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			return slices.DeleteFunc(a.Manager.Workers(), func(w core.WorkerStatus) bool { return w.State == core.StateDisabled })
		}
	})},
	{name: "a-trigger-runs-the-disabled", breaks: []string{"STA-5", "CTL-3"}, open: altering(func(a *altered, opts *core.Options) {
		runs := map[string]func(context.Context) error{}
		a.add = func(ctx context.Context, w core.Worker) error {
			if w.Disabled {
				runs[w.Name] = w.Run
			}
			return a.Manager.Add(ctx, w)
		}
		a.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if run := runs[name]; run != nil {
				return core.Tick{}, run(ctx)
			}
			return a.Manager.Trigger(ctx, name)
		}
	})},
	{name: "calls-the-hooks-of-the-disabled", breaks: []string{"STA-5"}, open: altering(func(a *altered, opts *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			if w.OnStart != nil && (w.Disabled || opts.Disabled) {
				_ = w.OnStart(ctx)
			}
			return a.Manager.Add(ctx, w)
		}
	})},
}

// hooked is a native manager that calls the hooks of its workers otherwise:
// those of the workers that were added before Start.
type hooked struct {
	*altered
	workers []core.Worker
	onStart func(ctx context.Context, i int) error // calls, or not, some worker's OnStart
	onStop  func(ctx context.Context, i int) error
}

func hooking(change func(*hooked)) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		h := &hooked{altered: a}
		change(h)
		a.add = func(ctx context.Context, w core.Worker) error {
			if a.starting.Load() {
				return a.Manager.Add(ctx, w)
			}
			i, original := len(h.workers), w
			if w.OnStart != nil && h.onStart != nil {
				w.OnStart = func(ctx context.Context) error { return h.onStart(ctx, i) }
			}
			if w.OnStop != nil && h.onStop != nil {
				w.OnStop = func(ctx context.Context) error { return h.onStop(ctx, i) }
			}
			err := a.Manager.Add(ctx, w)
			if err == nil {
				h.workers = append(h.workers, original)
			}
			return err
		}
	})
}

func (h *hooked) callStart(ctx context.Context, i int) error {
	if hook := h.workers[i].OnStart; hook != nil {
		return hook(ctx)
	}
	return nil
}

func (h *hooked) callStop(ctx context.Context, i int) error {
	if hook := h.workers[i].OnStop; hook != nil {
		return hook(ctx)
	}
	return nil
}
