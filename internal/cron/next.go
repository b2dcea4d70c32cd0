package cron

import "time"

const (
	// firstSlot and lastSlot bound the schedule, in Unix seconds: slots lie
	// after the zero time, which is kept for "none", and within a million years.
	firstSlot = -62135596800 + 1
	lastSlot  = 1 << 45

	// horizon is how far a schedule that follows real time is searched, in
	// seconds: a thousand years, within which any calendar and any rule of
	// daylight saving has repeated itself.
	horizon = 1000 * 366 * daySeconds
)

// Next returns the first slot that is strictly after the given time, in the
// time zone of e. It returns the zero time if there is none: a million years
// from now, or where an expression that follows real time names only local
// times that the zone skips for a thousand years.
func (e *Expr) Next(after time.Time) time.Time {
	if after.Before(time.Time{}) {
		after = time.Time{}
	}
	if !after.Before(time.Unix(lastSlot, 0)) {
		return time.Time{}
	}
	if e.realTime {
		return e.slot(e.nextReal(after.Unix()))
	}
	return e.slot(e.nextFixed(after.Unix()))
}

// Prev returns the last slot that is at the given time or before it, in the
// time zone of e. It returns the zero time if there is none: none since the
// year 1, or, where the expression follows real time, for a thousand years.
func (e *Expr) Prev(at time.Time) time.Time {
	if !at.After(time.Time{}) {
		return time.Time{}
	}
	if last := time.Unix(lastSlot, 0); at.After(last) {
		at = last
	}
	if e.realTime {
		return e.slot(e.prevReal(at.Unix()))
	}
	return e.slot(e.prevFixed(at.Unix()))
}

// slot returns the slot at the instant t, if there is one.
func (e *Expr) slot(t int64, ok bool) time.Time {
	if !ok || t < firstSlot || t > lastSlot {
		return time.Time{}
	}
	return time.Unix(t, 0).In(e.loc)
}

// A fixed time w is due at due(w), which does not decrease as w increases. It
// is later than t if and only if the clock has shown nothing as late as w by t:
// that is, if w > latest(t).

func (e *Expr) nextFixed(t int64) (int64, bool) {
	wall, offset, end := e.latest(t)
	w, ok := e.ceil(wall + 1)
	switch {
	case !ok:
		return 0, false
	case w-offset < end: // as mostly: the clock shows w before it is changed
		return w - offset, true
	}
	return e.due(w), true
}

func (e *Expr) prevFixed(t int64) (int64, bool) {
	wall, _, _ := e.latest(t)
	w, ok := e.floor(wall)
	if !ok {
		return 0, false
	}
	return e.due(w), true
}

// A schedule that follows real time is searched period by period. Where one has
// no match, those to come are leapt over as far as no match can be in them
// whatever their offsets.

func (e *Expr) nextReal(t int64) (int64, bool) {
	for from := t + 1; from < t+horizon; {
		offset, end := e.period(from)
		w, ok := e.ceil(from + offset)
		if !ok {
			return 0, false
		}
		if w-offset < end {
			return w - offset, true
		}
		// From end on the clock shows end-reach or later.
		if w, ok = e.ceil(end - e.reach); !ok {
			return 0, false
		}
		from = max(end, w-e.reach)
	}
	return 0, false
}

func (e *Expr) prevReal(t int64) (int64, bool) {
	for to := t; to > t-horizon; {
		var slot int64
		var found bool
		start := to - 2*e.reach
		for from := start; from <= to; {
			offset, end := e.period(from)
			w, ok := e.floor(min(end-1, to) + offset)
			if !ok {
				return 0, false
			}
			if w-offset >= from {
				slot, found = w-offset, true
			}
			from = end
		}
		if found {
			return slot, true
		}
		// Before start the clock showed less than start+reach.
		w, ok := e.floor(start - 1 + e.reach)
		if !ok {
			return 0, false
		}
		to = min(start-1, w+e.reach)
	}
	return 0, false
}
