package core

import (
	"context"
	"time"
)

// longRunning is what a job keeps of a worker without a schedule: it is run
// when it starts, and again after a backoff for as long as it fails (LNG-1,
// LNG-2). Job.mu guards it.
type longRunning struct {
	lead     *lead // nil while this instance is not to run it
	failures int   // in a row
	retry    *time.Timer
}

// A lead is one delivery to a long-running worker: this instance runs it, and
// runs it again after failures, until it is done, or is not to run here.
type lead struct {
	ctx     context.Context
	tick    Tick // of the next run
	done    func(Result)
	unwatch func() bool
}

// stayedUp is how long a long-running worker must run for its failures before
// to be forgotten.
const stayedUp = time.Minute

// led tells whether the engine decides which instance runs the worker.
func (j *Job) led() bool { return j.m.cluster != nil && j.worker.Scope == PerCluster }

// lead takes a delivery to a long-running worker, and returns whether it did.
func (j *Job) lead(ctx context.Context, tick Tick, done func(Result)) bool {
	l := &lead{ctx: ctx, tick: tick, done: done}
	var refusal Result
	j.mu.Lock()
	switch {
	case j.phase != live || j.m.isStopping():
		refusal = Result{Outcome: Refused}
	case j.paused:
		refusal = Result{Outcome: Skipped, Reason: ReasonPaused}
	case j.long.lead != nil || j.cur != nil:
		refusal = Result{Outcome: Skipped, Reason: ReasonOverlap}
	default:
		j.long.lead, j.long.failures = l, 0
		j.finished = false
		j.setBroken(nil)
		l.unwatch = context.AfterFunc(ctx, func() { j.leadLost(l) })
	}
	j.mu.Unlock()
	if refusal.Outcome != 0 {
		if done != nil {
			done(refusal)
		}
		return false
	}
	j.startLong()
	return true
}

// leadHere is the lead of a worker that each instance runs for itself.
func (j *Job) leadHere(tick Tick) { j.lead(context.Background(), tick, nil) }

// leadLost ends a lead whose context was cancelled while nothing ran. A run in
// progress is cancelled by the same context, and ends the lead when it returns.
func (j *Job) leadLost(l *lead) {
	j.mu.Lock()
	idle := j.long.lead == l && j.cur == nil
	if idle {
		j.stopRetry()
	}
	j.mu.Unlock()
	if !idle {
		return
	}
	result := Result{Outcome: Cancelled, Err: sound(context.Cause(l.ctx))}
	if is(result.Err, ErrLeaseLost) {
		result.Outcome = LeaseLost
	}
	j.endLead(result)
}

// endLead ends the delivery, if there is one. j.mu is not held.
func (j *Job) endLead(result Result) {
	j.mu.Lock()
	l := j.long.lead
	j.long.lead = nil
	j.mu.Unlock()
	l.end(result)
}

// end answers the delivery. A nil lead is none.
func (l *lead) end(result Result) {
	if l == nil {
		return
	}
	l.unwatch()
	if l.done != nil {
		l.done(result)
	}
}

// startLong runs a long-running worker, unless it runs already or may not.
func (j *Job) startLong() {
	j.mu.Lock()
	l := j.long.lead
	if l == nil || j.paused || j.finished || j.cur != nil {
		j.mu.Unlock()
		return
	}
	r := newRun(j, l.tick, l.ctx, nil)
	l.tick.Manual = unique()
	result, _ := j.claim(r)
	j.mu.Unlock()
	if result.Outcome == 0 {
		j.m.begin(r)
	}
}

// restartLong is Trigger for a long-running worker that each instance runs for
// itself. It ends a backoff, and runs a worker that is done again, after Resume if it
// is paused. A worker that is up stays up. It returns the tick that runs.
func (j *Job) restartLong() (Tick, error) {
	for {
		j.mu.Lock()
		err := j.refusal()
		j.mu.Unlock()
		if err != nil {
			return Tick{}, err
		}
		if tick, ok := j.afterPause(); ok {
			return tick, nil
		}
		if tick, ok := j.Hurry(); ok {
			return tick, nil
		}
		tick := ManualTick(j.worker.Name)
		if j.lead(context.Background(), tick, nil) {
			return tick, nil
		}
	}
}

// afterPause returns the tick that a paused worker runs at Resume; false if the worker is
// not paused.
func (j *Job) afterPause() (tick Tick, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.paused {
		return Tick{}, false
	}
	x := j.more()
	if x.pending.Manual == "" {
		x.pending = ManualTick(j.worker.Name)
	}
	return x.pending, true
}

// Hurry ends the backoff of a long-running worker that this instance leads. A Trigger
// of such a worker calls it. It returns the tick in progress or, after a backoff, the
// tick that begins now. It returns false if this instance does not lead the worker.
func (j *Job) Hurry() (tick Tick, ok bool) {
	if j.long == nil {
		return Tick{}, false
	}
	j.mu.Lock()
	switch {
	case j.cur != nil:
		tick = j.cur.tick()
		j.mu.Unlock()
		return tick, true
	case j.long.lead == nil:
		j.mu.Unlock()
		return Tick{}, false
	}
	tick = j.long.lead.tick
	j.stopRetry()
	j.long.failures = 0
	j.mu.Unlock()
	j.startLong()
	return tick, true
}

// longEnded decides what follows a run of a long-running worker. Until then the run
// counts as in progress, so that a Trigger does not begin another.
func (j *Job) longEnded(r *run, result Result, cancelled bool) {
	var wait time.Duration
	n, most := j.failuresAfter(r), j.worker.Retry.MaxAttempts
	if again := result.Outcome != Succeeded && !cancelled && !r.final && (most <= 0 || n < most); again {
		wait = j.backoff(n) // foreign code, so without the lock
	}
	over, broke := true, false
	j.mu.Lock()
	j.cur = nil
	switch {
	case j.phase != live || result.Outcome == Refused || j.m.isStopping():
	case cancelled || j.paused: // by Pause, or because the lead is lost
		j.long.failures = 0
	case result.Outcome == Succeeded:
		j.finished = true
	default:
		over = j.longFailed(r, result.Err, wait)
		broke = over
	}
	var l *lead
	if over {
		l, j.long.lead = j.long.lead, nil
	}
	j.mu.Unlock()
	if !over {
		return
	}
	if broke {
		j.reportBroken(r.current(), failedForGood, result.Err)
	}
	l.end(result)
	if !broke {
		j.resumeLong()
	}
}

// resumeLong runs a worker again that was paused, where that is not the engine's
// to decide.
func (j *Job) resumeLong() {
	j.mu.Lock()
	if j.paused || j.cur != nil || j.led() || j.worker.Disabled || j.m.opts.Disabled {
		j.mu.Unlock() // a run that the pause has cancelled comes here when it has ended
		return
	}
	tick, triggered := j.takePending()
	if !triggered {
		tick = ManualTick(j.worker.Name)
	}
	wanted := triggered || !j.finished
	j.mu.Unlock()
	if wanted {
		j.leadHere(tick)
	}
}

// SetOver sets what the status shows of a long-running worker of the cluster that this
// instance does not run: not over, done if err is nil, or broken because of err. While
// this instance runs the worker it does nothing. The engine calls it when the cluster's
// records change (LNG-3).
func (j *Job) SetOver(over bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	wasBroken := j.rare != nil && j.rare.broken != nil
	if j.long == nil || j.long.lead != nil || j.cur != nil || over && j.finished && wasBroken == (err != nil) {
		return // it has ended here, and the error is the one that was returned
	}
	j.finished = over
	j.setBroken(err)
}

// failuresAfter returns how many failures in a row there are if r has failed.
func (j *Job) failuresAfter(r *run) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.duration >= stayedUp {
		return 1
	}
	return j.long.failures + 1
}

// longFailed sets the timer for the next run, or gives up. j.mu is held.
func (j *Job) longFailed(r *run, err error, wait time.Duration) (over bool) {
	l, w := j.long, &j.worker
	if r.duration >= stayedUp {
		l.failures = 0
	}
	l.failures++
	if r.final || w.Retry.MaxAttempts > 0 && l.failures >= w.Retry.MaxAttempts {
		j.finished = true
		j.setBroken(err)
		return true
	}
	l.retry = time.AfterFunc(max(wait, 0), j.startLong)
	return false
}

// stopRetry ends a backoff. j.mu is held.
func (j *Job) stopRetry() {
	if j.long != nil && j.long.retry != nil {
		j.long.retry.Stop()
		j.long.retry = nil
	}
}
