package conformance

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, retryMutants) }

var retryMutants = []mutant{
	{name: "has-no-timeouts", breaks: []string{"ERR-4"}, open: tweaked(func(w *core.Worker) { w.Timeout = min(w.Timeout, 0) }, nil)},
	{name: "a-timeout-says-nothing", breaks: []string{"ERR-4"}, open: timing(func(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(timeout, cancel)
		return ctx, func() { timer.Stop(); cancel() }
	})},
	{name: "a-timeout-is-half-as-long", breaks: []string{"ERR-4"}, open: tweaked(func(w *core.Worker) {
		if w.Timeout > 0 {
			w.Timeout /= 2
		}
	}, nil)},
	{name: "everybody-has-a-timeout", breaks: []string{"ERR-4"}, open: tweaked(func(w *core.Worker) {
		if w.Timeout == 0 && w.Schedule != nil {
			w.Timeout = 10000 * time.Hour
		}
	}, nil)},
	{name: "one-timeout-for-all-attempts", breaks: []string{"ERR-4"}, open: func(opts core.Options) (core.Manager, error) {
		timeouts := map[string]time.Duration{}
		inner := func(ctx context.Context, next func(context.Context) error) error {
			tick, _ := core.TickFrom(ctx)
			if d := timeouts[tick.Worker]; d > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, d, core.ErrTimeout)
				defer cancel()
			}
			return next(ctx)
		}
		opts.Middleware = append(opts.Middleware, inner)
		return tweaked(func(w *core.Worker) {
			if w.Timeout > 0 {
				timeouts[w.Name], w.Timeout = w.Timeout, 0
			}
		}, nil)(opts)
	}},
	{name: "a-run-that-ignores-its-deadline-is-given-up", breaks: []string{"ERR-4"}, open: tweaked(func(w *core.Worker) {
		if run := w.Run; run != nil && w.Timeout > 0 {
			w.Run = func(ctx context.Context) error {
				result := make(chan error, 1)
				go func() { result <- contained(func() error { return run(ctx) }) }()
				select {
				case err := <-result:
					return err
				case <-ctx.Done():
				}
				select {
				case err := <-result:
					return err
				case <-time.After(time.Millisecond):
					return ctx.Err()
				}
			}
		}
	}, nil)},

	{name: "attempts-once-more", breaks: []string{"ERR-5"}, open: tweaked(func(w *core.Worker) {
		if w.Retry.MaxAttempts == 4 { // other rules' cases make two or three
			w.Retry.MaxAttempts++
		}
	}, nil)},
	{name: "attempts-twice-where-one-is-asked-for", breaks: []string{"ERR-5"}, open: tweaked(func(w *core.Worker) {
		if w.Retry.MaxAttempts == 1 && w.Schedule != nil { // other rules' cases leave it at zero
			w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(0)}
		}
	}, nil)},
	{name: "does-not-know-what-is-permanent", breaks: []string{"ERR-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if tick, _ := core.TickFrom(ctx); err != nil && !isWild(err) && tick.Manual == "" {
				return opaque{err}
			}
			return err
		})
	})},
	{name: "waits-half-as-long", breaks: []string{"ERR-5"}, open: backingOff(func(b core.Backoff, failures int) time.Duration { return b.Wait(failures) / 2 })},
	{name: "waits-the-same-every-time", breaks: []string{"ERR-5"}, open: backingOff(func(b core.Backoff, _ int) time.Duration { return b.Wait(1) })},
	{name: "counts-the-first-failure-as-none", breaks: []string{"ERR-5"}, open: backingOff(func(b core.Backoff, failures int) time.Duration { return b.Wait(failures - 1) })},
	{name: "waits-at-least-a-second", breaks: []string{"ERR-5"}, open: backingOff(func(b core.Backoff, failures int) time.Duration {
		return max(b.Wait(failures), time.Second)
	})},
	{name: "by-default-it-waits-a-minute", breaks: []string{"ERR-5"}, open: tweaked(func(w *core.Worker) {
		if w.Retry.Backoff == nil && w.Schedule != nil {
			w.Retry.Backoff = core.Constant(time.Minute)
		}
	}, nil)},
	{name: "does-not-number-attempts", breaks: []string{"ERR-5"}, open: tweaked(func(w *core.Worker) {
		if run := w.Run; w.Retry.MaxAttempts == 4 { // other rules' cases make two or three, and go by the number
			w.Run = func(ctx context.Context) error {
				tick, _ := core.TickFrom(ctx)
				tick.Attempt = 1
				return run(core.WithRun(ctx, tick, core.Logger(ctx), core.Stopping(ctx)))
			}
		}
	}, nil)},
	{name: "an-attempt-is-a-tick-of-its-own", breaks: []string{"ERR-5"}, open: retelling(func(t *core.Tick) {
		if t.Attempt > 1 {
			t.Slot = t.Slot.Add(time.Duration(t.Attempt))
		}
	})},
}

// opaque is an error that says what it is and not what is in it.
type opaque struct{ err error }

func (o opaque) Error() string        { return o.err.Error() }
func (o opaque) Is(target error) bool { return errors.Is(o.err, target) }

// contained calls f on a goroutine of its own and returns a crash as an error.
func contained(f func() error) error {
	result := make(chan error, 1)
	go func() {
		var err error
		returned := false
		defer func() {
			switch p := recover(); {
			case p != nil:
				err = &core.PanicError{Value: p, Stack: debug.Stack()}
			case !returned:
				err = &core.PanicError{Value: core.ErrGoexit, Stack: debug.Stack()}
			}
			result <- err
		}()
		err = f()
		returned = true
	}()
	return <-result
}

// timing returns an Open whose attempts have another context under a Timeout.
func timing(limit func(context.Context, time.Duration) (context.Context, context.CancelFunc)) func(core.Options) (core.Manager, error) {
	return tweaked(func(w *core.Worker) {
		if run, timeout := w.Run, w.Timeout; run != nil && timeout > 0 {
			w.Timeout = 0
			w.Run = func(ctx context.Context) error {
				ctx, cancel := limit(ctx, timeout)
				defer cancel()
				return run(ctx)
			}
		}
	}, nil)
}

// backingOff returns an Open that waits otherwise before it tries again what has
// a schedule.
func backingOff(wait func(b core.Backoff, failures int) time.Duration) func(core.Options) (core.Manager, error) {
	return tweaked(func(w *core.Worker) {
		if b := w.Retry.Backoff; b != nil && w.Schedule != nil {
			w.Retry.Backoff = waiting(func(failures int) time.Duration { return wait(b, failures) })
		}
	}, nil)
}

// waiting is a Backoff that is a function.
type waiting func(failures int) time.Duration

func (w waiting) Wait(failures int) time.Duration { return w(failures) }

// retelling returns an Open whose runs see another tick than theirs.
func retelling(change func(*core.Tick)) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			tick, _ := core.TickFrom(ctx)
			change(&tick)
			return run(core.WithRun(ctx, tick, core.Logger(ctx), core.Stopping(ctx)))
		})
	})
}
