package conformance

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() {
	mutants = append(mutants, longRunningMutants)
}

var longRunningMutants = []mutant{
	{name: "a-long-running-worker-that-is-added-late-sleeps", breaks: []string{"LNG-1", "REG-2", "ERR-7", "REG-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.add = func(ctx context.Context, w core.Worker) error {
			if !m.started.Load() || w.Schedule != nil || w.Run == nil {
				return m.Manager.Add(ctx, w)
			}
			w.Schedule = otherNext{core.Every(time.Hour), func(time.Time) time.Time { return time.Time{} }}
			return m.Manager.Add(ctx, w)
		}
	})},
	{name: "a-long-running-worker-that-is-up-is-run-again", breaks: []string{"LNG-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.start = func(ctx context.Context) error {
			err := m.Manager.Start(ctx)
			time.AfterFunc(2*time.Minute, func() {
				for _, w := range m.Manager.Workers() {
					if w.State == core.StateRunning && w.Schedule == "long-running" && err == nil {
						ended, cancel := context.WithCancel(context.Background())
						cancel()
						go func() { _ = m.worker(w.Name).Run(ended) }()
					}
				}
			})
			return err
		}
	})},
	{name: "a-long-running-worker-is-cancelled-when-stop-has-no-more-time", breaks: []string{"LNG-1", "OBS-2"}, open: stubbornly(func(cause error) bool { return errors.Is(cause, core.ErrStopping) })},
	{name: "a-long-running-worker-that-is-removed-goes-on-for-a-while", breaks: []string{"LNG-1"}, open: stubbornly(func(cause error) bool { return errors.Is(cause, core.ErrRemoved) })},
	{name: "a-long-running-worker-that-is-paused-goes-on-for-a-while", breaks: []string{"LNG-1"}, open: stubbornly(func(cause error) bool { return errors.Is(cause, core.ErrPaused) })},
	{name: "a-long-running-worker-is-not-told-why", breaks: []string{"LNG-1", "OBS-2"}, open: lingering(func(ctx context.Context, run func(context.Context) error) error {
		inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return run(inner)
	})},
	{name: "the-end-of-a-long-running-worker-is-a-failure", breaks: []string{"LNG-1", "OBS-2"}, open: lingering(func(ctx context.Context, run func(context.Context) error) error {
		err := run(ctx)
		if err != nil && ctx.Err() != nil {
			return &core.PanicError{Value: err}
		}
		return err
	})},
	{name: "the-end-of-a-long-running-worker-is-a-cut-off", breaks: []string{"LNG-1", "OBS-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		cutOff := func(err error, name string) error {
			if w := m.worker(name); err == nil && name != "" && w.Schedule == nil {
				return &core.StopError{CutOff: []string{name}, Err: context.DeadlineExceeded}
			}
			return err
		}
		m.remove = func(ctx context.Context, name string) error {
			up := m.is(name, core.StateRunning)
			err := m.Manager.Remove(ctx, name)
			if _, inside := core.TickFrom(ctx); up && !inside {
				err = cutOff(err, name)
			}
			return err
		}
		m.stop = func(ctx context.Context) error {
			if ctx == nil {
				return m.Manager.Stop(ctx)
			}
			if _, inside := core.TickFrom(ctx); inside {
				return m.Manager.Stop(ctx)
			}
			up := ""
			for _, w := range m.Manager.Workers() {
				if w.State == core.StateRunning && w.Schedule == "long-running" && m.started.Load() {
					up = w.Name
				}
			}
			return cutOff(m.Manager.Stop(ctx), up)
		}
	})},
	{name: "a-resume-does-not-wake-a-long-running-worker", breaks: []string{"LNG-1", "CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.resume = func(ctx context.Context, name string) error {
			if m.is(name, core.StatePaused) && m.worker(name).Schedule == nil {
				return nil
			}
			return m.Manager.Resume(ctx, name)
		}
	})},
	{name: "a-pause-does-not-end-a-backoff", breaks: []string{"LNG-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.pause = func(ctx context.Context, name string) error {
			if m.is(name, core.StateBackoff) {
				return nil
			}
			return m.Manager.Pause(ctx, name)
		}
	})},

	{name: "a-long-running-worker-that-fails-is-done", breaks: []string{"LNG-2", "LNG-1", "ERR-2", "OBS-1", "OBS-2"}, open: tweaked(func(w *core.Worker) { // LNG-1: it has no backoff to be paused in
		if w.Schedule == nil && w.Timeout == 0 {
			w.Retry.MaxAttempts = 1
		}
	}, nil)},
	{name: "a-long-running-worker-that-gives-up-is-not-reported", breaks: []string{"LNG-2"}, open: altering(func(_ *altered, opts *core.Options) {
		for i, observer := range opts.Observers {
			opts.Observers[i] = func(e core.Event) {
				if e.Kind != core.EventBroken || e.Tick.Manual == "" {
					observer(e)
				}
			}
		}
	})},
	{name: "the-backoff-of-a-long-running-worker-is-asked-after-a-success", breaks: []string{"LNG-2"}, open: tweaked(func(w *core.Worker) {
		if run, b := w.Run, w.Retry.Backoff; run != nil && w.Schedule == nil && b != nil {
			w.Run = func(ctx context.Context) error {
				err := run(ctx)
				if err == nil {
					b.Wait(1)
				}
				return err
			}
		}
	}, nil)},
	{name: "a-long-running-worker-that-returns-nil-is-run-again", breaks: []string{"LNG-2"}, open: tweaked(func(w *core.Worker) {
		if run := w.Run; run != nil && w.Schedule == nil && w.Retry.Backoff != nil {
			w.Run = func(ctx context.Context) error {
				err := run(ctx)
				if err == nil && ctx.Err() == nil {
					return errBoom
				}
				return err
			}
		}
	}, nil)},
	{name: "the-backoff-of-a-long-running-worker-does-not-grow", breaks: []string{"LNG-2"}, open: backingOffLong(func(b core.Backoff, _ int) time.Duration { return b.Wait(1) })},
	{name: "the-backoff-of-a-long-running-worker-is-not-kept-to", breaks: []string{"LNG-2"}, open: backingOffLong(func(b core.Backoff, failures int) time.Duration {
		return b.Wait(failures) / 2
	})},
	{name: "the-backoff-of-a-long-running-worker-never-resets", breaks: []string{"LNG-2"}, open: func(opts core.Options) (core.Manager, error) {
		failures := 0
		return backingOffLong(func(b core.Backoff, _ int) time.Duration {
			failures++
			return b.Wait(failures)
		})(opts)
	}},
	{name: "the-backoff-of-a-long-running-worker-resets-after-a-long-wait", breaks: []string{"LNG-2"}, open: func(opts core.Options) (core.Manager, error) {
		failures := 0
		return backingOffLong(func(b core.Backoff, n int) time.Duration {
			if failures++; n == 1 {
				failures = 1
			}
			d := b.Wait(failures)
			if d > 3*time.Hour {
				failures = 0
			}
			return d
		})(opts)
	}},
	{name: "a-long-running-worker-does-not-know-what-is-permanent", breaks: []string{"LNG-2"}, open: lingering(func(ctx context.Context, run func(context.Context) error) error {
		err := run(ctx)
		if err != nil && !isWild(err) {
			return opaque{err}
		}
		return err
	})},
	{name: "a-long-running-worker-never-gives-up", breaks: []string{"LNG-2"}, open: tweaked(func(w *core.Worker) {
		if w.Schedule == nil && w.Retry.MaxAttempts > 1 {
			w.Retry.MaxAttempts = math.MaxInt
		}
	}, nil)},
}

// lingering returns an Open that calls long-running workers otherwise.
func lingering(call func(ctx context.Context, run func(context.Context) error) error) func(core.Options) (core.Manager, error) {
	return tweaked(func(w *core.Worker) {
		if run := w.Run; run != nil && w.Schedule == nil && w.Timeout == 0 {
			w.Run = func(ctx context.Context) error { return call(ctx, run) }
		}
	}, nil)
}

// stubbornly returns an Open whose long-running workers hear of the end of their
// context half a second late, for some causes.
func stubbornly(late func(cause error) bool) func(core.Options) (core.Manager, error) {
	return lingering(func(ctx context.Context, run func(context.Context) error) error {
		inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() {
			if cause := context.Cause(ctx); late(cause) {
				time.AfterFunc(time.Second/2, func() { cancel(cause) })
			} else {
				cancel(cause)
			}
		})()
		return run(inner)
	})
}

// backingOffLong returns an Open that waits otherwise before it runs a
// long-running worker again.
func backingOffLong(wait func(b core.Backoff, failures int) time.Duration) func(core.Options) (core.Manager, error) {
	return tweaked(func(w *core.Worker) {
		if b := w.Retry.Backoff; b != nil && w.Schedule == nil {
			w.Retry.Backoff = waiting(func(failures int) time.Duration { return wait(b, failures) })
		}
	}, nil)
}
