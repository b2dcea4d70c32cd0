package conformance

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, stopMutants) }

var stopMutants = []mutant{
	{name: "a-stop-after-a-start-that-failed-says-nothing-of-what-is-left", breaks: []string{"STP-6"}, open: altering(func(a *altered, _ *core.Options) {
		failed := false
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			failed = failed || err != nil && !errors.Is(err, core.ErrStarted)
			return err
		}
		a.stop = func(ctx context.Context) error {
			err := a.Manager.Stop(ctx)
			if failed && errors.As(err, new(*core.StopError)) {
				return nil
			}
			return err
		}
	})},
	{name: "a-trigger-that-waits-runs-at-stop", breaks: []string{"STP-1"}, open: altering(func(a *altered, _ *core.Options) {
		runs, waiting := a.remember(), make(chan string, 100)
		a.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := a.Manager.Trigger(ctx, name)
			if err == nil && a.is(name, core.StateRunning) {
				waiting <- name
			}
			return tick, err
		}
		a.stop = func(ctx context.Context) error {
			err := a.Manager.Stop(ctx)
			for ctx != nil && !errors.As(err, new(*core.StopError)) {
				select {
				case name := <-waiting:
					_ = runs.of(name)(ctx)
					continue
				default:
				}
				break
			}
			return err
		}
	})},
	{name: "runs-what-waited-its-turn-at-stop", breaks: []string{"STP-1", "ERR-7"}, open: altering(func(a *altered, _ *core.Options) {
		runs := a.remember()
		a.stop = func(ctx context.Context) error {
			var waiting []string
			for _, w := range a.Manager.Workers() {
				if w.State == core.StateWaiting {
					waiting = append(waiting, w.Name)
				}
			}
			err := a.Manager.Stop(ctx)
			if err == nil {
				for _, name := range waiting {
					_ = runs.of(name)(ctx)
				}
			}
			return err
		}
	})},
	{name: "runs-one-more-slot-after-stop", breaks: []string{"STP-1", "ERR-3"}, open: altering(func(a *altered, opts *core.Options) {
		runs := a.remember()
		a.stop = func(ctx context.Context) error {
			var next string
			atSlot := opts.Now().Truncate(time.Minute).Equal(opts.Now()) // then it is a race
			for _, w := range a.Manager.Workers() {
				if !atSlot && a.busy() > 0 && w.State == core.StateIdle && w.Schedule == "every 1m" {
					next = w.Name
				}
			}
			if next != "" {
				time.AfterFunc(time.Minute, func() { _ = runs.of(next)(context.Background()) })
			}
			return a.Manager.Stop(ctx)
		}
	})},

	{name: "a-hand-back-is-an-error-like-any-other", breaks: []string{"STP-9"}, open: tweaked(insteadOfHandBack(func(err error) error {
		return errors.New(err.Error())
	}), nil)},
	{name: "a-hand-back-is-a-success", breaks: []string{"STP-9"}, open: tweaked(insteadOfHandBack(func(error) error { return nil }), nil)},

	{name: "waits-for-one-run-alone", breaks: []string{"STP-2", "STP-3", "STP-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			n := a.busy()
			if ctx == nil || n < 2 {
				return a.Manager.Stop(ctx)
			}
			result := make(chan error, 1)
			go func() { result <- a.Manager.Stop(ctx) }()
			a.await(ctx, func() bool { return a.busy() < n })
			if ctx.Err() != nil {
				return <-result
			}
			return nil
		}
	})},
	{name: "cancels-several-runs-at-once", breaks: []string{"STP-2", "STP-3", "STP-5", "PER-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			if ctx == nil || a.busy() < 2 {
				return a.Manager.Stop(ctx)
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			return a.Manager.Stop(ended)
		}
	})},
	{name: "reports-every-stop-that-waited", breaks: []string{"STP-2", "PER-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			var waited []string
			for _, w := range a.Manager.Workers() {
				if w.State == core.StateRunning && w.Schedule != "long-running" {
					waited = append(waited, w.Name)
				}
			}
			err := a.Manager.Stop(ctx)
			if err == nil && len(waited) > 1 {
				return &core.StopError{CutOff: waited, Err: context.DeadlineExceeded}
			}
			return err
		}
	})},
	{name: "does-not-wait-for-the-middleware", breaks: []string{"STP-2", "ERR-3", "OBS-4"}, open: altering(func(a *altered, opts *core.Options) {
		stop, once := make(chan struct{}), sync.Once{}
		a.stop = func(ctx context.Context) error {
			once.Do(func() { close(stop) })
			return a.Manager.Stop(ctx)
		}
		for i, middleware := range opts.Middleware {
			opts.Middleware[i] = func(ctx context.Context, next func(context.Context) error) error {
				result, after := make(chan error, 1), make(chan error, 1)
				go func() {
					var err error
					returned := false
					defer func() {
						if p := recover(); p != nil {
							err = &core.PanicError{Value: p}
						} else if !returned {
							err = &core.PanicError{Value: core.ErrGoexit, Stack: debug.Stack()}
						}
						result <- err
					}()
					err = middleware(ctx, func(ctx context.Context) error {
						err := next(ctx)
						after <- err
						return err
					})
					returned = true
				}()
				select {
				case err := <-result:
					return err
				case <-stop:
					select {
					case err := <-result:
						return err
					case err := <-after:
						return err
					}
				}
			}
		}
	})},

	{name: "does-not-say-why-it-cancels", breaks: []string{"STP-3", "STP-4", "LNG-1", "OBS-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error { return run(taciturn{ctx}) })
	})},
	{name: "never-cancels", breaks: []string{"STP-3", "STP-4", "STP-5", "STP-6", "ERR-6", "ERR-7", "CTL-1", "CTL-5", "LNG-1", "OBS-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			if _, ok := ctx.Deadline(); ok {
				return run(ctx)
			}
			return run(context.WithoutCancel(ctx))
		})
	})},
	{name: "makes-no-report", breaks: []string{"STP-3", "STP-6", "ERR-6", "ERR-7", "LNG-1"}, open: reporting(func(r *core.StopError) error { return r.Err })},
	{name: "does-not-unwrap-to-the-contexts-error", breaks: []string{"STP-3", "ERR-6", "ERR-7", "LNG-1"}, open: reporting(func(r *core.StopError) error {
		r.Err = errors.New("cut short")
		return r
	})},
	{name: "says-of-all-that-they-returned", breaks: []string{"STP-3", "STP-6", "LNG-1"}, open: reporting(func(r *core.StopError) error {
		return &core.StopError{CutOff: append(r.CutOff, r.Abandoned...), Err: r.Err}
	})},
	{name: "says-of-all-that-they-did-not-return", breaks: []string{"STP-3", "STP-6", "ERR-7"}, open: reporting(func(r *core.StopError) error {
		return &core.StopError{Abandoned: append(r.Abandoned, r.CutOff...), Err: r.Err}
	})},
	{name: "does-not-report-those-that-returned", breaks: []string{"STP-3", "ERR-6", "ERR-7"}, open: reporting(func(r *core.StopError) error {
		if len(r.Abandoned) == 0 {
			return nil
		}
		r.CutOff = nil
		return r
	})},
	{name: "gives-hardly-any-grace", breaks: []string{"STP-3", "LNG-1"}, open: tweaked(nil, func(o *core.Options) { o.StopGrace = 1 })},
	{name: "gives-a-grace-without-end", breaks: []string{"STP-3", "STP-5", "STP-6", "STA-4", "CTL-1", "LNG-1"}, open: tweaked(nil, func(o *core.Options) { o.StopGrace = 24 * time.Hour })},

	{name: "wants-a-start-before-a-stop", breaks: []string{"STP-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			err := a.Manager.Stop(ctx)
			if !a.starting.Load() {
				return core.ErrNotStarted
			}
			return err
		}
	})},
	{name: "a-second-stop-is-an-error", breaks: []string{"STP-4", "CTL-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			if a.stopped.Load() {
				return core.ErrStopped
			}
			return a.Manager.Stop(ctx)
		}
	})},
	{name: "a-second-stop-does-not-wait", breaks: []string{"STP-4"}, open: altering(func(a *altered, _ *core.Options) {
		var first bool
		a.stop = func(ctx context.Context) error {
			if ctx != nil && first && !a.stopped.Load() {
				return nil
			}
			first = first || ctx != nil
			return a.Manager.Stop(ctx)
		}
	})},
	{name: "only-the-first-stops-context-counts", breaks: []string{"STP-4"}, open: altering(func(a *altered, _ *core.Options) {
		var first context.Context
		a.stop = func(ctx context.Context) error {
			if ctx == nil || first == nil {
				first = ctx
				return a.Manager.Stop(ctx)
			}
			return a.Manager.Stop(context.WithoutCancel(ctx))
		}
	})},
	{name: "a-stop-waits-for-start", breaks: []string{"STP-4", "STA-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			a.await(ctx, func() bool { return !a.starting.Load() || a.started.Load() })
			return a.Manager.Stop(ctx)
		}
	})},
	{name: "a-stop-from-inside-waits-for-itself", breaks: []string{"STP-4", "CTL-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			if ctx == nil {
				return a.Manager.Stop(ctx)
			}
			return a.Manager.Stop(forgetful{ctx})
		}
	})},
}

// forgetful is a context without values: whose run it is of, nobody can tell.
type forgetful struct{ context.Context }

func (forgetful) Value(any) any { return nil }

// taciturn is a context that does not say that its cause is ErrStopping.
type taciturn struct{ context.Context }

func (t taciturn) Value(key any) any {
	v := t.Context.Value(key)
	if _, asksForCause := v.(context.Context); asksForCause && errors.Is(context.Cause(t.Context), core.ErrStopping) {
		return nil
	}
	return v
}

// reporting returns an Open whose Stop makes something else of its report.
func reporting(change func(*core.StopError) error) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			err := a.Manager.Stop(ctx)
			var report *core.StopError
			if errors.As(err, &report) {
				same := *report // each Stop returns the one report
				return change(&same)
			}
			return err
		}
	})
}

// insteadOfHandBack changes what a run returns that hands its tick back.
func insteadOfHandBack(change func(error) error) func(*core.Worker) {
	return func(w *core.Worker) {
		run := w.Run
		if run == nil {
			return
		}
		w.Run = func(ctx context.Context) error {
			err := run(ctx)
			if !isWild(err) && errors.Is(err, core.ErrHandedBack) {
				return change(err)
			}
			return err
		}
	}
}
