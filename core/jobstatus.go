package core

import (
	"fmt"
	"time"
)

// status returns what Workers reports.
func (j *Job) status(now time.Time) WorkerStatus {
	slot, err := j.upcoming(now)
	schedule := DescribeSchedule(j.Schedule())
	j.mu.Lock()
	defer j.mu.Unlock()
	s := WorkerStatus{
		Name:     j.worker.Name,
		Schedule: schedule,
		Scope:    j.worker.Scope,
		State:    j.state(),
		Runs:     j.runs,
	}
	if r := j.rare; r != nil {
		s.Failures, s.Cancelled, s.Skips, s.Err = r.failures, r.cancels, r.skips, r.broken
	}
	if at := j.lastSuccess(); at != 0 {
		s.LastSuccess = time.Unix(0, at).In(now.Location())
	}
	if r := j.rare; r != nil && r.failure != 0 {
		s.LastFailure, s.ConsecutiveFailures = time.Unix(0, r.failure).In(now.Location()), r.streak
	}
	s.Running = j.cur != nil && j.cur.begun
	if j.paused && j.more().pause != nil {
		p := *j.rare.pause
		s.Paused = &p
	}
	if err == nil && !j.finished && s.State != StateDisabled {
		s.Next = slot
	}
	if last, ok := j.lastRun(now); ok {
		s.Last = &last
	}
	return s
}

// state derives the worker's state. j.mu is held.
func (j *Job) state() State {
	switch {
	case j.worker.Disabled || j.m.opts.Disabled:
		return StateDisabled
	case j.paused:
		return StatePaused
	case j.cur != nil && !j.cur.begun:
		return StateWaiting
	case j.cur != nil:
		return StateRunning
	case j.rare != nil && j.rare.broken != nil:
		return StateBroken
	case j.finished:
		return StateDone
	case j.long != nil && j.long.lead != nil && j.long.failures > 0:
		return StateBackoff
	default:
		return StateIdle
	}
}

// DescribeSchedule returns a schedule as WorkerStatus.Schedule shows it: what its String
// method returns, or the name of its type if it has none or String panics.
func DescribeSchedule(s Schedule) (text string) {
	if s == nil {
		return "long-running"
	}
	text = fmt.Sprintf("%T", s)
	if named, ok := s.(fmt.Stringer); ok {
		_ = askSchedule(s, func() { text = named.String() })
	}
	return text
}

// upcoming returns the slot whose run is the next to begin after now: one that
// was due already may still wait out the jitter, unless the worker was not
// there yet when it was due.
func (j *Job) upcoming(now time.Time) (time.Time, error) {
	after := now.Add(-time.Duration(j.jitter))
	j.mu.Lock()
	if base := time.Unix(0, min(j.base, now.UnixNano())); base.After(after) {
		after = base
	}
	if last, ok := j.lastRun(now); ok && last.Tick.Slot.After(after) && last.Tick.Slot.Sub(now) <= time.Duration(rewind) {
		after = last.Tick.Slot // the clock was set back (PER-11)
	}
	j.mu.Unlock()
	return j.Next(after)
}
