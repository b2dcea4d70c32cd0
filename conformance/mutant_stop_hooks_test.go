package conformance

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, stopHookMutants) }

var stopHookMutants = []mutant{
	{name: "stops-the-hooks-in-order", breaks: []string{"STP-5", "STP-3", "ERR-3"}, open: hooking(func(h *hooked) {
		stopped := 0
		h.onStop = func(ctx context.Context, i int) error {
			if h.started.Load() {
				i, stopped = stopped, stopped+1
			}
			return h.callStop(ctx, i)
		}
	})},
	{name: "calls-on-stop-while-the-run-is-in-progress", breaks: []string{"STP-5"}, open: hooking(func(h *hooked) {
		early := map[int]bool{}
		h.onStop = func(ctx context.Context, i int) error {
			if early[i] {
				return nil
			}
			return h.callStop(ctx, i)
		}
		h.stop = func(ctx context.Context) error {
			for i := len(h.workers) - 1; i >= 0 && ctx != nil && !h.stopped.Load(); i-- {
				if h.is(h.workers[i].Name, core.StateRunning) && !early[i] {
					early[i] = true
					_ = h.callStop(ctx, i)
				}
			}
			return h.Manager.Stop(ctx)
		}
	})},
	{name: "calls-no-on-stop-when-cut-short", breaks: []string{"STP-5", "STP-4"}, open: hooking(func(h *hooked) {
		var stop context.Context
		h.onStop = func(ctx context.Context, i int) error {
			if stop != nil && stop.Err() != nil {
				return nil
			}
			return h.callStop(ctx, i)
		}
		h.stop = func(ctx context.Context) error {
			if stop == nil {
				stop = ctx
			}
			return h.Manager.Stop(ctx)
		}
	})},
	{name: "calls-on-stop-again-at-a-second-stop", breaks: []string{"STP-5", "STP-4"}, open: hooking(func(h *hooked) {
		h.stop = func(ctx context.Context) error {
			for i := len(h.workers) - 1; i >= 0 && h.started.Load() && h.stopped.Load() && h.stops.Load() == 2; i-- {
				over := make(chan struct{})
				go func() {
					defer close(over)
					defer func() { _ = recover() }()
					_ = h.callStop(ctx, i)
				}()
				<-over
			}
			return h.Manager.Stop(ctx)
		}
	})},
	{name: "an-on-stop-that-fails-is-the-last", breaks: []string{"STP-5", "ERR-3"}, open: hooking(func(h *hooked) {
		var failed atomic.Bool
		h.onStop = func(ctx context.Context, i int) error {
			if failed.Load() {
				return nil
			}
			err := h.callStop(ctx, i)
			failed.Store(err != nil)
			return err
		}
	})},

	{name: "leaves-a-timer", breaks: []string{"STP-6"}, open: altering(func(a *altered, opts *core.Options) {
		a.stop = func(ctx context.Context) error {
			err := a.Manager.Stop(ctx)
			var again func()
			again = func() {
				_ = opts.Now()
				time.AfterFunc(time.Minute, again)
			}
			if ctx != nil && !a.stopped.Load() {
				time.AfterFunc(time.Minute, again)
			}
			return err
		}
	})},
	{name: "leaves-a-goroutine-when-runs-waited-their-turn", breaks: []string{"STP-6", "STP-1", "ERR-7"}, open: altering(func(a *altered, opts *core.Options) {
		quit, once := make(chan struct{}), sync.Once{}
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			if err == nil {
				go func() { <-quit }()
			}
			return err
		}
		a.stop = func(ctx context.Context) error {
			once.Do(func() {
				if opts.MaxConcurrent == 0 || !a.has(core.StateWaiting) {
					close(quit)
				}
			})
			return a.Manager.Stop(ctx)
		}
	})},

	{name: "waits-out-a-backoff", breaks: []string{"STP-7", "ERR-7"}, open: tweaked(func(w *core.Worker) {
		if w.Retry.Backoff != nil && w.Schedule != nil {
			w.Retry.Backoff = slowBackoff{w.Retry.Backoff}
		}
	}, nil)},
	{name: "waits-out-the-backoff-of-a-long-running-worker", breaks: []string{"STP-7", "STP-1", "LNG-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			a.await(ctx, func() bool { return !a.has(core.StateBackoff) })
			return a.Manager.Stop(ctx)
		}
	})},

	{name: "keeps-a-stop-to-itself", breaks: []string{"STP-8", "STP-9"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error { return run(deaf{ctx}) })
	})},
}

// slowBackoff waits by itself, where nobody can end it.
type slowBackoff struct{ inner core.Backoff }

func (s slowBackoff) Wait(failures int) time.Duration {
	time.Sleep(s.inner.Wait(failures))
	return 0
}

// deaf is a context that has everything but an answer for core.Stopping.
type deaf struct{ context.Context }

func (d deaf) Value(key any) any {
	var callers [16]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/core.Stopping") {
			return nil
		}
		if !more {
			return d.Context.Value(key)
		}
	}
}

// memory is what a mutant knows of its workers' functions.
type memory struct {
	mu   sync.Mutex
	runs map[string]func(context.Context) error
}

func (r *memory) of(name string) func(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[name]
}

// remember keeps the functions of the workers that are added.
func (a *altered) remember() *memory {
	r := &memory{runs: map[string]func(context.Context) error{}}
	a.add = func(ctx context.Context, w core.Worker) error {
		err := a.Manager.Add(ctx, w)
		if err == nil {
			r.mu.Lock()
			r.runs[w.Name] = w.Run
			r.mu.Unlock()
		}
		return err
	}
	return r
}

// around calls the workers' functions otherwise.
func (a *altered) around(call func(ctx context.Context, run func(context.Context) error) error) {
	a.add = func(ctx context.Context, w core.Worker) error {
		if run := w.Run; run != nil {
			w.Run = func(ctx context.Context) error { return call(ctx, run) }
		}
		return a.Manager.Add(ctx, w)
	}
}

// is tells whether a worker is in a state.
func (a *altered) is(name string, s core.State) bool {
	for _, w := range a.Manager.Workers() {
		if w.Name == name {
			return w.State == s
		}
	}
	return false
}
