package core

import (
	"context"
	"time"
)

// longRunning is what a job keeps of a worker without a schedule: it is run
// when it starts, and again after a backoff for as long as it fails (LNG-1,
// LNG-2). Job.mu guards it.
type longRunning struct {
	failures int // in a row
	retry    *time.Timer
}

// stayedUp is how long a long-running worker must run for its failures before
// to be forgotten.
const stayedUp = time.Minute

// startLong runs a long-running worker, unless it runs already or may not.
func (j *Job) startLong() {
	r := newRun(j, ManualTick(j.worker.Name), context.Background(), nil)
	j.mu.Lock()
	if j.paused || j.finished || j.cur != nil {
		j.mu.Unlock()
		return
	}
	result, _ := j.claim(r)
	j.mu.Unlock()
	if result.Outcome == 0 {
		j.m.begin(r)
	}
}

// restartLong is Trigger for a long-running worker: it ends a backoff, and runs
// again one that was done. One that is up stays up.
func (j *Job) restartLong() {
	j.mu.Lock()
	if j.cur == nil {
		j.stopRetry()
		j.finished, j.long.failures = false, 0
		j.setBroken(nil)
	}
	j.mu.Unlock()
	j.startLong()
}

// longEnded decides what comes after a run of a long-running worker.
func (j *Job) longEnded(r *run, result Result, cancelled bool) {
	wait := backoff(j.worker.Retry, j.failuresAfter(r)) // foreign code, so without the lock
	j.mu.Lock()
	again := false
	switch {
	case j.phase != live || result.Outcome == Refused || j.m.isStopping():
	case cancelled: // by Pause, and maybe resumed since
		j.long.failures = 0
		again = true
	case result.Outcome == Succeeded:
		j.finished = true
	default:
		j.longFailed(r, result.Err, wait)
	}
	j.mu.Unlock()
	if again {
		j.startLong()
	}
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
func (j *Job) longFailed(r *run, err error, wait time.Duration) {
	l, w := j.long, &j.worker
	if r.duration >= stayedUp {
		l.failures = 0
	}
	l.failures++
	if r.final || w.Retry.MaxAttempts > 0 && l.failures >= w.Retry.MaxAttempts {
		j.finished = true
		j.setBroken(err)
		return
	}
	l.retry = time.AfterFunc(max(wait, 0), j.startLong)
}

// stopRetry ends a backoff. j.mu is held.
func (j *Job) stopRetry() {
	if j.long != nil && j.long.retry != nil {
		j.long.retry.Stop()
		j.long.retry = nil
	}
}
