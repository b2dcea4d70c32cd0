package backends

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

const (
	shownSlots  = 10 // of each worker
	aroundSlots = 3  // before, and after, a change of the clocks
)

// fill says when a worker will run, from now on.
func (r *WorkerReport) fill(w core.Worker, now time.Time) {
	r.Schedule = core.DescribeSchedule(w.Schedule)
	r.Jitter = w.Jitter
	r.RunOnStart = w.RunOnStart
	r.Zone = zoneOf(w.Schedule)
	_, delay := w.Schedule.(core.AfterRun)
	if r.Disabled || delay || w.Schedule == nil {
		return // no slots that could be told
	}
	f := finder{s: w.Schedule}
	r.Slots = f.after(now, shownSlots)
	if change, ok := nextChange(now, r.Zone); ok {
		if n := len(r.Slots); n > 0 && r.Slots[n-1].Before(change.At) {
			last := r.Slots[n-1]
			change.Slots = append(f.before(change.At, aroundSlots, last), f.after(change.At.Add(-1), aroundSlots)...)
			change.Adjoins = len(change.Slots) > 0 && f.next(last).Equal(change.Slots[0])
		}
		r.Change = &change
	}
	if f.err != nil {
		r.Err = fmt.Errorf("tickwork: worker %q: Schedule: %w", w.Name, f.err)
	}
}

// zoneOf returns the time zone of a schedule, or the host's if it has none or panics.
func zoneOf(s core.Schedule) *time.Location {
	zone, _ := locationOf(s)
	return cmp.Or(zone, time.Local)
}

// nextChange returns when the clocks of a zone are next put forward or back.
func nextChange(now time.Time, zone *time.Location) (Change, bool) {
	for t := now; ; {
		_, end := t.In(zone).ZoneBounds()
		switch {
		case end.IsZero() || end.After(now.AddDate(2, 0, 0)):
			return Change{}, false
		case !end.After(t): // on the last day of a leap year (go.dev/issue/81583)
			t = t.Add(24 * time.Hour)
			continue
		}
		c := Change{At: end.UTC(), From: offset(end.Add(-1), zone), To: offset(end, zone)}
		if c.From != c.To {
			return c, true
		}
		t = end
	}
}

func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// finder finds slots of a schedule, which may be the user's own and misbehave.
type finder struct {
	s   core.Schedule
	err error
}

func (f *finder) next(after time.Time) (slot time.Time) {
	if f.err == nil {
		slot, f.err = core.NextSlot(f.s, after)
	}
	return slot
}

// after returns the next n slots after a time, or fewer where the schedule ends.
func (f *finder) after(t time.Time, n int) []time.Time {
	var slots []time.Time
	for range n {
		if t = f.next(t); t.IsZero() {
			break
		}
		slots = append(slots, t.UTC())
	}
	return slots
}

// before returns the last n slots before a time and after now: it looks back
// from there by twice as much each time, until there are enough.
func (f *finder) before(at time.Time, n int, now time.Time) []time.Time {
	for back := time.Second; ; back *= 2 {
		from := at.Add(-back)
		if from.Before(now) {
			from = now
		}
		var last []time.Time
		for t := f.next(from); !t.IsZero() && t.Before(at); t = f.next(t) {
			if last = append(last, t.UTC()); len(last) > 4096 {
				last = slices.Delete(last, 0, len(last)-n)
			}
		}
		if len(last) >= n || from.Equal(now) {
			return last[max(len(last)-n, 0):]
		}
	}
}
