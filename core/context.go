package core

import (
	"context"
	"log/slog"
	"time"
)

// TickFrom returns the tick of the run whose context ctx is, or is derived
// from, with the number of the attempt (OBS-3); false outside of a run.
func TickFrom(ctx context.Context) (Tick, bool) {
	t, ok := ctx.Value(tickKey{}).(ticking)
	if !ok {
		return Tick{}, false
	}
	return t.current(), true
}

// Logger returns the manager's logger with the run's worker, tick and attempt
// on every record (OBS-3); in a hook, with the worker. Outside of a run it is
// slog.Default().
func Logger(ctx context.Context) *slog.Logger {
	l, ok := ctx.Value(loggerKey{}).(*slog.Logger)
	if !ok {
		return slog.Default()
	}
	if t, ok := TickFrom(ctx); ok {
		return l.With("worker", t.Worker, "tick", t.ID(), "attempt", t.Attempt)
	}
	if j, ok := ctx.Value(jobKey{}).(*Job); ok {
		return l.With("worker", j.worker.Name)
	}
	return l
}

// Stopping returns a channel that is closed when Stop is called on the manager of
// the run or hook that has ctx. That is well before ctx is cancelled, so that a long
// run can finish in order (STP-8). A run that stops early because of it returns
// HandBack(err), and another instance runs the tick again (STP-9). A run that returns
// any other error has failed, and its tick is not run again. Outside of a run and a
// hook the channel is nil, which is never closed.
func Stopping(ctx context.Context) <-chan struct{} {
	stopping, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return stopping
}

// WithRun returns a context for a run of a manager that is written from
// scratch, without NewManager: TickFrom, Logger and Stopping answer from it.
// The logger is the manager's, to which Logger adds the tick. What Logger returns
// contains a panic and a runtime.Goexit in the logger's handler (ERR-3), so the manager
// logs what becomes of the run with it, too. Stopping is closed when the manager's Stop
// is called.
func WithRun(parent context.Context, tick Tick, logger *slog.Logger, stopping <-chan struct{}) context.Context {
	safe, _ := safeLoggers(logger)
	return &foreignRun{parent, tick, safe, stopping}
}

type foreignRun struct {
	context.Context
	tick     Tick
	logger   *slog.Logger
	stopping <-chan struct{}
}

func (f *foreignRun) current() Tick { return f.tick }

func (f *foreignRun) Value(key any) any {
	switch key.(type) {
	case tickKey:
		return f
	case loggerKey:
		return f.logger
	case stoppingKey:
		return f.stopping
	}
	return f.Context.Value(key)
}

// ticking is a context that knows its tick.
type ticking interface{ current() Tick }

type (
	tickKey     struct{} // ticking
	loggerKey   struct{} // *slog.Logger
	stoppingKey struct{} // <-chan struct{}
	runKey      struct{} // *run
	attemptKey  struct{} // *attemptContext
	jobKey      struct{} // *Job: what a run, or a hook, is inside of
)

// value answers for a run or a hook of the job.
func (j *Job) value(key any) (any, bool) {
	switch key.(type) {
	case jobKey:
		return j, true
	case loggerKey:
		return j.m.runLogger, true
	case stoppingKey:
		return (<-chan struct{})(j.m.stopping), true
	}
	return nil, false
}

// A run is a context.Context that costs nothing until it is used: most ticks
// are over before anybody asks theirs. What it delegates to is a real cancel
// context, so that context.Cause and derived contexts work without a goroutine.

func (r *run) Deadline() (time.Time, bool) { return r.context().Deadline() }
func (r *run) Done() <-chan struct{}       { return r.context().Done() }

// Err asks the parent first: a lease may find out only now that it is lost, and
// then cancels what is derived from it.
func (r *run) Err() error {
	ctx := r.context()
	if parent := r.peek().parent; parent != nil {
		_ = parent.Err()
	}
	return ctx.Err()
}

func (r *run) Value(key any) any {
	switch key.(type) {
	case tickKey, runKey:
		return r
	}
	if v, ok := r.job.value(key); ok {
		return v
	}
	return r.context().Value(key)
}

func (r *run) current() Tick { return r.tickOf(int(r.attempts.Load())) }

// String keeps fmt from printing a run's insides while they change.
func (r *run) String() string { return "tickwork run " + r.tick().ID() }

func (r *run) context() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.moreLocked()
	if x.inner == nil {
		parent := x.parent
		if parent == nil {
			parent = context.Background()
		}
		x.inner, x.cancel = context.WithCancelCause(parent)
		switch {
		case x.cause != nil:
			x.cancel(x.cause)
		case r.closed:
			x.cancel(context.Canceled)
		}
	}
	return x.inner
}

// stop cancels the run's context with a cause, and a wait between attempts.
func (r *run) stop(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interruptLocked()
	if r.closed {
		return
	}
	x := r.moreLocked()
	if x.cause == nil {
		x.cause = cause
	}
	if x.cancel != nil {
		x.cancel(cause)
	}
}

// close releases the context after the run, and tells whether it was cancelled.
func (r *run) close() (cancelled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cancelled = r.cancelledLocked() != nil
	r.closed = true
	if x := r.extra; x != nil && x.cancel != nil {
		x.cancel(context.Canceled)
	}
	return cancelled
}

// noMore ends a wait between two attempts, and keeps further ones from being
// made, without cancelling the context (STP-7).
func (r *run) noMore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interruptLocked()
}

func (r *run) interruptLocked() {
	if !r.interrupt {
		r.interrupt = true
		if x := r.extra; x != nil && x.wake != nil {
			close(x.wake)
		}
	}
}

// cancelled returns why the run was cancelled, or nil.
func (r *run) cancelled() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cancelledLocked()
}

func (r *run) cancelledLocked() error {
	switch x := r.extra; {
	case x == nil:
	case x.cause != nil:
		return x.cause
	case x.parent != nil && x.parent.Err() != nil: // asked first: a lease may find out only now that it is lost
		return context.Cause(x.parent)
	case x.inner != nil && x.inner.Err() != nil:
		return context.Cause(x.inner)
	}
	return nil
}

// sleep waits before another attempt, and tells whether to make it.
func (r *run) sleep(d time.Duration) bool {
	r.mu.Lock()
	if r.interrupt {
		r.mu.Unlock()
		return false
	}
	wake := make(chan struct{})
	r.moreLocked().wake = wake
	r.mu.Unlock()
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.extra.wake = nil
		return !r.interrupt
	case <-wake:
		return false
	case <-r.Done():
		return false
	}
}

// attemptContext is a run's context in one attempt. A run that makes only one attempt
// does without it.
type attemptContext struct {
	context.Context
	tick Tick
}

func (a *attemptContext) current() Tick { return a.tick }

func (a *attemptContext) Value(key any) any {
	switch key.(type) {
	case tickKey, attemptKey:
		return a
	}
	return a.Context.Value(key)
}
