package core

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A run is one execution of a tick, from the claim to the outcome: start, the
// middleware, the attempts, end. It is also the context that the worker's
// function gets, see context.go.
//
// The function may keep its context for as long as it likes, so each run is an
// object of its own, and a small one: what garbage there is decides how often a
// million workers are marked. What most runs do without is apart.
type run struct {
	job   *Job
	done  func(Result)
	slot  int64 // of a plain tick, see plainSlot; another is in extra
	extra *extra
	*progress

	mu        sync.Mutex // guards extra, and what extra says
	plain     bool
	interrupt bool // no further attempt
	closed    bool // it is over, and so is its context

	// Guarded by job.mu.
	begun     bool // start has let it pass
	abandoned bool // Stop or Remove gave it up
	awaited   bool // extra has over or last
	isOver    bool

	place place // under MaxConcurrent; guarded by the limit's mutex

	attempts atomic.Uint32 // how many were made, the current one included
}

// progress is of the run's own goroutine, which uses it again for its next run.
type progress struct {
	stage    stage
	started  time.Time
	duration time.Duration
	outcome  Result
	final    bool // the error was marked Permanent
	cutShort bool // Stop or Remove ended a wait between two attempts

	event  Event  // the event for the observers
	told   int    // how many observers have had it
	within string // the foreign code that is being called, if the run continues after a Goexit in it

	inner, innerAttempt context.Context // the contexts that the middleware around the run and the attempt made; nil for none

	inside bool  // the worker's function is being called on this goroutine
	exited error // the Goexit in an attempt, or in the middleware
}

// extra is the part of a run that is made when it is needed.
type extra struct {
	tick   Tick            // with attempt 1, unless it is plain; never changed
	parent context.Context // nil for context.Background(); never changed

	// Guarded by job.mu.
	over   chan struct{} // closed at the end; made when somebody waits
	last   []func()      // what is left to do when it is over
	since  time.Time     // when Stop or Remove began to wait for it
	passed time.Time     // the last slot that was skipped during it; zero for none

	awaits *run // whose end it waits for inside of Remove; guarded by m.mu

	// Guarded by the run's mutex.
	inner  context.Context // nil until the context is asked for anything
	cancel context.CancelCauseFunc
	cause  error         // why it was cancelled, before inner was there
	wake   chan struct{} // closed by interrupt; made when a backoff waits
}

func newRun(j *Job, tick Tick, parent context.Context, done func(Result)) *run {
	r := &run{job: j, done: done}
	slot, plain := j.plainSlot(&tick)
	r.slot, r.plain = slot, plain
	if background := parent == context.Background(); !plain || !background {
		r.extra = &extra{}
		if !plain {
			r.extra.tick = tick
		}
		if !background {
			r.extra.parent = parent
		}
	}
	return r
}

// more returns the run's extra. It locks r.mu.
func (r *run) more() *extra {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moreLocked()
}

func (r *run) moreLocked() *extra {
	if r.extra == nil {
		r.extra = &extra{}
	}
	return r.extra
}

// peek returns the run's extra, or nil. It locks r.mu.
func (r *run) peek() *extra {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.extra
}

// tick returns the run's tick, with attempt 1.
func (r *run) tick() Tick {
	if r.plain {
		return r.job.Tick(time.Unix(0, r.slot))
	}
	return r.extra.tick
}

// tickOf returns the tick with the number of the attempt.
func (r *run) tickOf(attempt int) Tick {
	t := r.tick()
	t.Attempt = max(attempt, 1)
	return t
}

// manual tells whether no slot stands for the tick.
func (r *run) manual() bool { return !r.plain && r.extra.tick.Manual != "" }

// start is where a run begins, or, because its manager stops or its worker was
// removed since it was claimed, does not (STP-1, CTL-1).
func (r *run) start() {
	j := r.job
	now := j.m.opts.Now()
	j.mu.Lock()
	if j.m.isStopping() || j.phase != live {
		j.mu.Unlock()
		r.stage, r.outcome = handled, Result{Outcome: Refused}
		return
	}
	r.begun, r.started = true, now
	j.mu.Unlock()
	r.stage = began
	if len(j.m.opts.Observers) > 0 {
		r.event = j.event(EventBegan, r.tick())
		r.event.Time, r.event.Context = now, r
	}
	j.m.logBegan(r)
}

// execute runs the middleware around the attempts.
func (r *run) execute() error {
	c := r.runChain()
	switch {
	case c == nil:
		return r.attempt(r)
	case r.exited != nil: // the Goexit has ended the middleware too
		return r.exited
	}
	return sound(c.execute(r))
}

// innermost returns the innermost context around the run's attempts.
func (r *run) innermost() context.Context {
	if r.inner != nil {
		return r.inner
	}
	return r
}

// end records the outcome and logs it. The observers and OnError are called after it, so
// that they see the new status. The worker is released last, so that Stop waits for them.
func (r *run) end(err error) {
	j := r.job
	r.stage, r.outcome = handled, Result{Outcome: Failed, Err: err} // if the clock calls Goexit
	now := j.m.opts.Now()
	r.duration = now.Sub(r.started)
	attempts := int(r.attempts.Load())
	result := r.result(err)
	result.Started, result.Duration, result.Attempts = r.started, r.duration, max(attempts, 1)
	r.outcome = result
	if !r.record(result, now) {
		r.stage = handled
		j.m.opts.Logger.Warn("tickwork: abandoned run returned", "worker", j.worker.Name, "tick", r.tick().ID(), "outcome", result.String())
		return
	}
	r.stage = recorded
	if len(j.m.opts.Observers) > 0 {
		r.event = j.event(EventEnded, r.tickOf(attempts))
		r.event.Time, r.event.Context, r.event.Result, r.event.Duration = now, r.innermost(), result, r.duration
	}
	j.m.logEnded(r, result)
}

// result judges the run by its error and by what cancelled it (ERR-6, STP-9, CLU-10).
func (r *run) result(err error) Result {
	cause := r.cancelled()
	switch {
	case is(cause, ErrLeaseLost):
		return Result{Outcome: LeaseLost, Err: err}
	case err == nil:
		return Result{Outcome: Succeeded}
	case asPanic(err) != nil:
		return Result{Outcome: Failed, Err: err}
	case cause != nil || r.cutShort || r.handsBack(err):
		return Result{Outcome: Cancelled, Err: err}
	case is(err, ErrHandedBack):
		return Result{Outcome: Failed, Err: fmt.Errorf("HandBack was returned although the manager is not stopping: %w", err)}
	default:
		return Result{Outcome: Failed, Err: err}
	}
}

// handsBack returns whether the run stopped early because its manager is stopping
// (STP-9).
func (r *run) handsBack(err error) bool {
	return r.job.m.isStopping() && is(err, ErrHandedBack)
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
	case Succeeded:
		j.succeeded(r.plain && result.Attempts <= 1, now)
	case Failed:
		j.more().failures++
		j.failed(now)
	case Cancelled:
		j.more().cancels++
	}
	plain := r.plain && result.Outcome == Succeeded && result.Attempts <= 1
	if !plain || !j.setPlain(r.slot, r.started, r.duration) {
		j.more().last = &LastRun{
			Tick:     r.tickOf(result.Attempts),
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
	cancelled := r.close()
	j.mu.Lock()
	abandoned := r.abandoned
	var next *run      // the run of the trigger that waited; it claims the worker now, before another trigger or a slot can
	if j.long == nil { // for a long-running worker longEnded does it
		j.cur = nil
		if tick, ok := j.takePending(); ok && j.phase == live {
			next = newRun(j, tick, context.Background(), nil)
			j.cur = next
		}
	}
	rearm := isDelay(j.worker.Schedule) && j.phase == live && result.Outcome != Refused
	var since time.Time
	if r.awaited && !abandoned {
		since = r.more().since
	}
	if r.done == nil && j.long == nil && next == nil && !rearm && !r.awaited {
		r.isOver = true // nobody is to be told, and nothing follows
		j.mu.Unlock()
		return
	}
	j.mu.Unlock()

	if !since.IsZero() {
		j.passed(r, since)
	}
	if r.done != nil && !abandoned {
		r.done(result)
	}
	switch {
	case j.long != nil:
		j.longEnded(r, result, cancelled)
	case next != nil:
		m.begin(next)
	}
	if rearm {
		m.reschedule(j)
	}
	r.finish()
}

// finish does what is left to do after the run, and lets go those who wait.
func (r *run) finish() {
	r.job.mu.Lock()
	if r.awaited {
		x := r.more()
		for len(x.last) > 0 {
			f := x.last[0]
			x.last = x.last[1:]
			r.job.mu.Unlock()
			f()
			r.job.mu.Lock()
		}
		if x.over != nil {
			close(x.over)
		}
	}
	r.isOver = true
	r.job.mu.Unlock()
}

// await returns the run's extra for who adds to what is done when it is over.
// job.mu is held.
func (r *run) await() *extra {
	r.awaited = true
	return r.more()
}

// atEnd has f called when the run is over, before those are let go who wait for
// it: at once where it is over.
func (r *run) atEnd(f func()) {
	r.job.mu.Lock()
	if !r.isOver {
		x := r.await()
		x.last = append(x.last, f)
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
	x := r.await()
	x.last = append(x.last, f)
	r.job.mu.Unlock()
	switch {
	case again:
	case r.job.long != nil:
		r.job.endLead(Result{Outcome: Abandoned})
	case r.done != nil:
		r.done(Result{Outcome: Abandoned})
	}
	return true
}

// waitable returns a channel that is closed when the run is over.
func (r *run) waitable() <-chan struct{} {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	x := r.await()
	if x.over == nil {
		x.over = make(chan struct{})
		if r.isOver {
			close(x.over)
		}
	}
	return x.over
}
