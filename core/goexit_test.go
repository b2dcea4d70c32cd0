package core

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goroutine returns what identifies the calling goroutine.
func goroutine() string {
	var b [64]byte
	id, _, _ := strings.Cut(string(b[:runtime.Stack(b[:], false)]), "[")
	return id
}

// exiting is a manager's observed run, in which one part calls Goexit.
type exiting struct {
	in       string // "began", "ended", "OnError", "first attempt", "middleware", …
	attempts int    // allowed
	calls    []string
	on       map[string]bool // the goroutines
}

func (x *exiting) happens(what string) {
	x.calls = append(x.calls, what)
	x.on[goroutine()] = true
	if x.in == what {
		runtime.Goexit()
	}
}

func (x *exiting) run(t *testing.T, opts Options, w Worker) (result Result, log string) {
	var logged bytes.Buffer
	x.on = map[string]bool{}
	opts.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	opts.OnError = func(context.Context, Tick, error) { x.happens("OnError") }
	for _, name := range []string{"", "2nd "} {
		opts.Observers = append(opts.Observers, func(e Event) {
			if e.Kind == EventBegan || e.Kind == EventEnded {
				x.happens(name + e.Kind.String())
			}
		})
	}
	w.Name, w.Schedule = "w", Every(time.Hour)
	w.Retry = Retry{MaxAttempts: x.attempts, Backoff: Constant(time.Second)}
	m := NewManager(noEngine{}, opts).(*manager)
	j := newJob(m, w, 1)
	j.phase = live
	result = j.Run(context.Background(), j.Tick(time.Now()))
	m.runners.stop()
	synctest.Wait()
	return result, logged.String()
}

// Whatever part of a run calls Goexit, the run goes on with the next part, and all of
// it on one goroutine (ERR-3).
func TestAGoexitDoesNotEndTheRun(t *testing.T) {
	failing := func(x *exiting) func(context.Context) error {
		return func(context.Context) error { x.happens("run"); return errors.New("no") }
	}
	all := []string{"began", "2nd began", "run", "ended", "2nd ended", "OnError"}
	for _, in := range []string{"began", "2nd began", "ended", "2nd ended", "OnError"} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &exiting{in: in}
				result, log := x.run(t, Options{}, Worker{Run: failing(x)})
				assert.Equal(t, all, x.calls)
				assert.EqualError(t, result.Err, "no", "the run's own error")
				assert.Len(t, x.on, 1, "goroutines")
				assert.Contains(t, log, "panic contained")
				assert.Contains(t, log, "happens", "the stack is where Goexit was called")
			})
		})
	}
}

// An attempt that calls Goexit has failed, and the next is made (ERR-2, ERR-5).
func TestAGoexitInAnAttemptIsRetried(t *testing.T) {
	for name, middleware := range map[string][]Middleware{
		"alone":            nil,
		"under middleware": {func(ctx context.Context, next func(context.Context) error) error { return next(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &exiting{attempts: 3}
				n := 0
				result, _ := x.run(t, Options{Middleware: middleware}, Worker{Run: func(context.Context) error {
					x.calls = append(x.calls, "run")
					if n++; n < 3 {
						runtime.Goexit()
					}
					return nil
				}})
				assert.Equal(t, []string{"began", "2nd began", "run", "run", "run", "ended", "2nd ended"}, x.calls)
				assert.Equal(t, Succeeded, result.Outcome)
				assert.Equal(t, 3, result.Attempts)
			})
		})
	}
}

// A Goexit in the function, in middleware or in the last attempt fails the run.
func TestAGoexitFailsTheRun(t *testing.T) {
	for _, in := range []string{"into", "run", "out"} {
		t.Run(in, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &exiting{in: in}
				released := false
				result, _ := x.run(t, Options{Middleware: []Middleware{func(ctx context.Context, next func(context.Context) error) error {
					defer func() { released = true }()
					x.happens("into")
					err := next(ctx)
					x.happens("out")
					return err
				}}}, Worker{Run: func(context.Context) error { x.happens("run"); return nil }})
				assert.Equal(t, Failed, result.Outcome)
				var p *PanicError
				require.ErrorAs(t, result.Err, &p)
				assert.Equal(t, any(ErrGoexit), p.Value)
				assert.True(t, released, "what middleware defers is done")
				assert.Equal(t, []string{"ended", "2nd ended", "OnError"}, x.calls[len(x.calls)-3:])
				assert.Len(t, x.on, 1, "goroutines")
			})
		})
	}
}

// A Goexit fails the run also if the middleware that called next on another goroutine
// does not notice.
func TestAGoexitFailsTheRunOnAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exiting{}
		result, _ := x.run(t, Options{Middleware: []Middleware{func(ctx context.Context, next func(context.Context) error) error {
			var err error
			var done sync.WaitGroup
			done.Go(func() { err = next(ctx) })
			done.Wait()
			return err
		}}}, Worker{Run: func(context.Context) error { runtime.Goexit(); return nil }})
		assert.Equal(t, Failed, result.Outcome)
		assert.ErrorContains(t, result.Err, ErrGoexit.Error())
	})
}

// A Backoff that calls Goexit ends the run: the failure is not looked at again and again.
func TestAGoexitInTheBackoffEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exiting{}
		m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
		j := newJob(m, Worker{Name: "w", Schedule: Every(time.Hour), Run: func(context.Context) error {
			x.calls = append(x.calls, "run")
			return errors.New("no")
		}, Retry: Retry{MaxAttempts: 2, Backoff: goexitBackoff{}}}, 1)
		j.phase = live
		result := j.Run(context.Background(), j.Tick(time.Now()))
		assert.Equal(t, Failed, result.Outcome)
		assert.NotEmpty(t, x.calls)
		m.runners.stop()
	})
}

type goexitBackoff struct{}

func (goexitBackoff) Wait(int) time.Duration { runtime.Goexit(); return 0 }
