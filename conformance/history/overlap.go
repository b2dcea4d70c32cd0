package history

import (
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// overlap judges CLU-2.
func (j *judge) overlap() {
	var open []*Run // in progress when the next begins
	calls := j.h.Of(j.w.Name)
	for i := range calls {
		r := &calls[i]
		open = slices.DeleteFunc(open, func(before *Run) bool {
			over := before.Over()
			return !over.IsZero() && !over.After(r.Begin)
		})
		for _, before := range open {
			if before.Node == r.Node || !j.mayOverlap(before, r) && !j.doomed(r) {
				j.breach("CLU-2", r.Begin, "%s on %s began at %s beside %s on %s, which began at %s",
					r.Tick.ID(), r.Node, clock(r.Begin), before.Tick.ID(), before.Node, clock(before.Begin))
			}
		}
		open = append(open, r)
	}
}

// mayOverlap tells whether a run had an excuse for going on beside its successor:
// it ignores that its lease is lost, or its node was frozen and it noticed
// afterwards, or it was cut off and its lease was lost with the broker's data.
func (j *judge) mayOverlap(before, r *Run) bool {
	if !before.Lost.IsZero() && !before.Lost.After(r.Begin) && j.lapsed(before, r.Begin) {
		return true
	}
	for _, f := range j.h.suffered(before.Node, r.Begin.Add(-j.p.Lateness), r.Begin, Frozen) {
		thawed := j.thawed(f)
		if thawed.IsZero() {
			return true
		}
		noticed := thawed.Add(j.p.Lateness)
		if !before.Lost.IsZero() && !before.Lost.After(noticed) || !before.Over().IsZero() && !before.Over().After(noticed) {
			return true
		}
	}
	return j.leaseForgotten(before, r)
}

// lapsed tells whether a run whose context has ended had a reason to have lost its
// lease by some time: its node was frozen or without a broker, or the broker lost
// the lease, no longer before the loss than it can take to notice; or Stop or Remove
// has given it up, which does not hand it back (CLU-11). That the context has ended
// is none by itself: the deadline of a Timeout and a Pause end it too, and leave the
// lease where it is while the run goes on (ERR-4).
func (j *judge) lapsed(r *Run, by time.Time) bool {
	from, to := r.Begin, by
	switch r.Cause {
	case core.ErrLeaseLost.Error(): // and it says when
		from, to = r.Lost.Add(-j.p.Failover), r.Lost
	case core.ErrStopping.Error(), core.ErrRemoved.Error():
		if by.Sub(r.Lost) > j.p.Lateness { // its lease lapses
			return true
		}
	}
	return len(j.h.suffered(r.Node, from, to, Cut, Frozen, BrokerDown, BrokerLost)) > 0
}

// leaseForgotten tells whether the broker has lost the lease of a run whose node
// was cut off from it, and nobody else was there who knew of it. So the next may
// begin, and the run ends when its lease would have.
func (j *judge) leaseForgotten(before, r *Run) bool {
	end := before.Over()
	if !before.Lost.IsZero() {
		end = before.Lost
	}
	return !end.IsZero() && slices.ContainsFunc(j.h.Faults, func(lost Fault) bool {
		return j.forgets(lost, before.Node, before.Begin) &&
			lost.At.After(before.Begin) && lost.At.Before(r.Begin) && end.Sub(lost.At) <= j.p.Failover &&
			len(j.h.suffered(before.Node, lost.At, r.Begin, Cut)) > 0
	})
}

// thawed is when a node that was frozen could notice it: where it was frozen again
// before it had the time, that is after the last of its freezes. It is zero where
// the last is not over.
func (j *judge) thawed(f Fault) time.Time {
	until := f.Until
	for _, again := range j.h.suffered(f.Node, f.Until, j.h.Until, Frozen) { // in the order of their beginning
		if until.IsZero() || again.At.Sub(until) > j.p.Lateness {
			break
		}
		until = again.Until
	}
	return until
}
