package core

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A run is one execution of a tick, from the claim to the outcome: start, the
// middleware, the attempts, end. It is also the context that the worker's
// function gets, see context.go.
type run struct {
	job    *Job
	tick   Tick // with attempt 1
	parent context.Context
	done   func(Result)

	// Guarded by job.mu.
	begun     bool // start has let it pass
	abandoned bool // Stop or Remove gave it up
	isOver    bool
	over      chan struct{} // closed at the end; made when somebody waits
	last      []func()      // what is left to do when it is over

	place  place // under MaxConcurrent; guarded by the limit's mutex
	awaits *run  // whose end it waits for inside of Remove; guarded by m.mu

	// Of the run's own goroutine.
	started  time.Time
	duration time.Duration
	attempts int
	ended    bool
	final    bool // the error was marked Permanent
	cutShort bool // Stop or Remove ended a wait between two attempts

	runContext
}

// runContext is the part of a run that is made when it is needed.
type runContext struct {
	mu        sync.Mutex
	inner     context.Context // nil until the context is asked for anything
	cancel    context.CancelCauseFunc
	cause     error         // why it was cancelled, before inner was there
	wake      chan struct{} // closed by interrupt; made when a backoff waits
	interrupt bool          // no further attempt
}

// main is the run's goroutine.
func (r *run) main() {
	defer r.exit()
	if r.start() {
		r.end(r.execute())
	}
}

// exit ends the run if its goroutine is about to end before the run did, by a
// runtime.Goexit outside of an attempt that contains it.
func (r *run) exit() {
	if !r.ended {
		r.end(newGoexit())
	}
}

// start is where a run begins, or, because its manager stops or its worker was
// removed since it was claimed, does not (STP-1, CTL-1).
func (r *run) start() bool {
	j := r.job
	now := j.m.opts.Now()
	j.mu.Lock()
	if j.m.isStopping() || j.phase != live {
		j.mu.Unlock()
		r.ended = true
		r.release(Result{Outcome: Refused})
		return false
	}
	r.begun, r.started = true, now
	j.mu.Unlock()
	j.m.logBegan(r)
	if len(j.m.opts.Observers) > 0 {
		j.m.observe(Event{Kind: EventBegan, Time: now, Tick: r.tick})
	}
	return true
}

// execute runs the middleware around the attempts.
func (r *run) execute() error {
	if len(r.job.m.opts.Middleware) == 0 {
		return r.attempt(r)
	}
	c := chain{run: r}
	return c.execute()
}

// end records the outcome, tells the world, and releases the worker: in this
// order, so that who is told sees the status, and Stop waits for the telling.
func (r *run) end(err error) {
	r.ended = true
	j := r.job
	result := r.result(err)
	now := j.m.opts.Now()
	r.duration = now.Sub(r.started)
	defer r.release(result) // also if an observer or a handler ends the goroutine
	if !r.record(result, now) {
		j.m.opts.Logger.Warn("tickwork: abandoned run returned", "worker", r.tick.Worker, "tick", r.tick.ID(), "outcome", result.String())
		return
	}
	j.m.logEnded(r, result)
	if len(j.m.opts.Observers) > 0 {
		j.m.observe(Event{Kind: EventEnded, Time: now, Tick: r.tickOf(r.attempts), Result: result, Duration: r.duration})
	}
	if result.Outcome == Failed && j.m.opts.OnError != nil {
		j.m.safely("OnError", func() {
			j.m.opts.OnError(attemptContext{context.WithoutCancel(r), r.tickOf(r.attempts)}, r.tickOf(r.attempts), result.Err)
		})
	}
}

// result judges the run by its error and by what cancelled it (ERR-6, CLU-10).
func (r *run) result(err error) Result {
	cause := r.cancelled()
	switch {
	case errors.Is(cause, ErrLeaseLost):
		return Result{Outcome: LeaseLost, Err: err}
	case err == nil:
		return Result{Outcome: Succeeded}
	case (cause != nil || r.cutShort) && !isPanic(err):
		return Result{Outcome: Cancelled, Err: err}
	default:
		return Result{Outcome: Failed, Err: err}
	}
}

func isPanic(err error) bool {
	var p *PanicError
	return errors.As(err, &p)
}

// record keeps the outcome in the worker's status; not that of a run that was
// given up.
func (r *run) record(result Result, now time.Time) bool {
	j := r.job
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.abandoned {
		return false
	}
	if result.Outcome == LeaseLost {
		return true
	}
	j.runs++
	switch result.Outcome {
	case Failed:
		j.more().failures++
	case Cancelled:
		j.more().cancels++
	}
	if slot, plain := j.plainSlot(&r.tick); !plain || result.Outcome != Succeeded || r.attempts > 1 ||
		!j.setPlain(slot, r.started, r.duration) {
		j.more().last = &LastRun{
			Tick:     r.tickOf(r.attempts),
			Start:    r.started,
			Duration: r.duration,
			Outcome:  result.Outcome,
			Err:      result.Err,
			Instance: j.m.opts.Instance,
		}
	}
	if isDelay(j.worker.Schedule) {
		j.base = now.UnixNano()
	}
	return true
}

// release makes the worker free for its next run, and ends the delivery.
func (r *run) release(result Result) {
	j, m := r.job, r.job.m
	m.limit.leave(r)
	cancelled := r.cancelled() != nil
	r.close()
	j.mu.Lock()
	j.cur = nil
	abandoned := r.abandoned
	triggered := j.pending && j.phase == live
	j.pending = false
	rearm := isDelay(j.worker.Schedule) && j.phase == live && result.Outcome != Refused
	j.mu.Unlock()

	if r.done != nil && !abandoned {
		r.done(result)
	}
	switch {
	case j.long != nil:
		j.longEnded(r, result, cancelled)
	case triggered:
		j.trigger()
	}
	if rearm {
		m.reschedule(j)
	}
	r.finish()
}

// finish does what is left to do after the run, and lets go those who wait.
func (r *run) finish() {
	r.job.mu.Lock()
	for len(r.last) > 0 {
		f := r.last[0]
		r.last = r.last[1:]
		r.job.mu.Unlock()
		f()
		r.job.mu.Lock()
	}
	r.isOver = true
	if r.over != nil {
		close(r.over)
	}
	r.job.mu.Unlock()
}

// atEnd has f called when the run is over, before those are let go who wait for
// it: at once where it is over.
func (r *run) atEnd(f func()) {
	r.job.mu.Lock()
	if !r.isOver {
		r.last = append(r.last, f)
		r.job.mu.Unlock()
		return
	}
	r.job.mu.Unlock()
	f()
}

// abandon gives the run up: its delivery ends now, its result will not count,
// and f is called when the function returns after all. It returns false where
// the run has ended meanwhile.
func (r *run) abandon(f func()) bool {
	r.job.mu.Lock()
	if r.job.cur != r {
		r.job.mu.Unlock()
		return false
	}
	again := r.abandoned
	r.abandoned = true
	r.last = append(r.last, f)
	r.job.mu.Unlock()
	if r.done != nil && !again {
		r.done(Result{Outcome: Abandoned})
	}
	return true
}

// waitable returns a channel that is closed when the run is over.
func (r *run) waitable() <-chan struct{} {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	if r.over == nil {
		r.over = make(chan struct{})
		if r.isOver {
			close(r.over)
		}
	}
	return r.over
}

func (r *run) tickOf(attempt int) Tick {
	t := r.tick
	t.Attempt = max(attempt, 1)
	return t
}
