package core

import "time"

// history is what a job keeps of its runs. Job.mu guards it. Of a plain run, of
// a slot and a success at the first attempt, three numbers are enough; what
// else there may be is apart, in an object that most jobs never need.
type history struct {
	runs  uint64
	plain plainRun // the last run, unless rare has it
	rare  *rare    // made when it is needed
}

// plainRun is a LastRun in short, in Unix nanoseconds; its start is never zero.
type plainRun struct{ slot, start, duration int64 }

// rare is the part of a history that few jobs need, such as a trigger that waits.
type rare struct {
	failures, cancels uint64
	skips             Skips
	last              *LastRun // nil where it was plain
	broken            error    // why the worker is StateBroken
	pause             *Pause   // nil unless the job is paused
	rearms            uint8    // calls of rearm that are not done yet; 2 means two or more
	success, failure  int64    // when the last success and the last failure ended, in Unix nanoseconds; a plain run may be a later success
	streak            uint64   // failures in a row
	pending           Tick     // the trigger that waits for the run in progress to end; zero for none
}

func (h *history) more() *rare {
	if h.rare == nil {
		h.rare = new(rare)
	}
	return h.rare
}

// succeeded keeps when a run that succeeded has ended; plain says that setPlain may
// keep it too.
func (h *history) succeeded(plain bool, at time.Time) {
	if !plain || h.rare != nil {
		h.more().success, h.rare.streak = at.UnixNano(), 0
	}
}

// failed keeps when a run that failed has ended.
func (h *history) failed(at time.Time) {
	h.more().failure = at.UnixNano()
	h.rare.streak++
}

// lastSuccess returns when the last run that succeeded has ended, in Unix nanoseconds;
// zero for never.
func (h *history) lastSuccess() int64 {
	success := int64(0)
	if h.plain.start != 0 {
		success = h.plain.start + h.plain.duration
	}
	if h.rare != nil {
		success = max(success, h.rare.success)
	}
	return success
}

// setBroken keeps why the worker broke, or, with nil, that it did not.
func (h *history) setBroken(err error) {
	if err != nil || h.rare != nil {
		h.more().broken = err
	}
}

// takePending removes and returns the trigger that waits, if there is one.
func (h *history) takePending() (tick Tick, ok bool) {
	if h.rare == nil || h.rare.pending.Manual == "" {
		return Tick{}, false
	}
	tick, h.rare.pending = h.rare.pending, Tick{}
	return tick, true
}

// setPlain keeps a plain run, and tells whether it can.
func (h *history) setPlain(slot int64, start time.Time, duration time.Duration) bool {
	ns, ok := exactNanos(start)
	if !ok || ns == 0 {
		return false
	}
	h.plain = plainRun{slot, ns, int64(duration)}
	if h.rare != nil {
		h.rare.last = nil
	}
	return true
}

// lastRun returns the last run, if there was one; now is the instance's, and
// says in which location its times are.
func (j *Job) lastRun(now time.Time) (LastRun, bool) {
	switch p := &j.plain; {
	case j.rare != nil && j.rare.last != nil:
		return *j.rare.last, true
	case p.start == 0:
		return LastRun{}, false
	default:
		return LastRun{
			Tick:     j.Tick(time.Unix(0, p.slot)),
			Start:    time.Unix(0, p.start).In(now.Location()),
			Duration: time.Duration(p.duration),
			Outcome:  Succeeded,
			Instance: j.m.opts.Instance,
		}, true
	}
}

// plainSlot returns the slot of a tick in Unix nanoseconds, if that is all there
// is to the tick.
func (j *Job) plainSlot(t *Tick) (slot int64, ok bool) {
	slot, ok = exactNanos(t.Slot)
	return slot, ok && *t == j.Tick(time.Unix(0, slot))
}
