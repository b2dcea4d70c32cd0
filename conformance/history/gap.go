package history

import (
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// gaps judges CLU-3: whenever nothing runs, the next thing happens when the
// schedule says, or within the failover time after the last fault.
func (j *judge) gaps() {
	type span struct{ from, to time.Time }
	var spans []span
	first := j.h.firstNode()
	if first.IsZero() {
		first = j.h.From
	}
	spans = append(spans, span{first, first})
	for _, r := range j.h.Of(j.w.Name) {
		to := r.Over()
		if to.IsZero() || !r.Lost.IsZero() && r.Lost.Before(to) {
			to = r.Lost
		}
		if to.IsZero() {
			to = j.h.Until
		}
		spans = append(spans, span{r.Begin, to})
	}
	for _, s := range j.h.Skips {
		if s.Worker == j.w.Name {
			spans = append(spans, span{s.At, s.At})
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	spans = append(spans, span{j.h.Until, j.h.Until})
	at := spans[0].to
	for _, s := range spans[1:] {
		if s.from.After(at) {
			if by := j.nextBy(at, s.from); !by.IsZero() && s.from.After(by) {
				j.breach("CLU-3", "nothing happened from %s to %s, and something was due by %s", clock(at), clock(s.from), clock(by))
			}
		}
		if s.to.After(at) {
			at = s.to
		}
	}
}

// nextBy returns by when something is due after a time at which the worker was
// idle, where something does not happen until another; zero for never, or for in time.
func (j *judge) nextBy(idle, until time.Time) time.Time {
	due, err := core.NextSlot(j.w.Schedule, idle.Add(-j.w.Jitter)) // one that is due may wait out its jitter
	if err != nil || due.IsZero() {
		return time.Time{}
	}
	by := due.Add(j.w.Jitter)
	if !until.After(by.Add(j.p.Lateness)) {
		return time.Time{} // it has happened in time
	}
	if f := j.lastFault(idle.Add(-j.p.Failover), until).Add(j.p.Failover); f.After(by) {
		by = f
	}
	return by.Add(j.p.Lateness)
}

// lastFault returns when, between two times, a fault last began that others must
// make up for, or one was over that nobody could.
func (j *judge) lastFault(from, to time.Time) (last time.Time) {
	mark := func(t time.Time) {
		if !t.Before(from) && !t.After(to) && t.After(last) {
			last = t
		}
	}
	for _, f := range j.h.Faults {
		mark(f.At)
		if f.What == BrokerDown || f.What == Cut || f.What == Frozen {
			until := f.Until
			if until.IsZero() {
				until = to
			}
			if f.Node == "" || !j.h.served(f.At, until) {
				if until.After(to) {
					until = to
				}
				mark(until)
			}
		}
	}
	for _, t := range j.h.Nodes {
		if !j.h.served(t.Add(-time.Nanosecond), t.Add(-time.Nanosecond)) {
			mark(t)
		}
	}
	for _, r := range j.h.Of(j.w.Name) { // cut off by Stop or Remove
		if r.Cause != core.ErrLeaseLost.Error() {
			mark(r.Lost)
		}
	}
	if !j.h.served(to, to) {
		mark(to)
	}
	return last
}

// served tells whether some node was up, and had a broker, from one time to
// another throughout.
func (h *History) served(from, to time.Time) bool {
	for node, up := range h.Nodes {
		if !up.After(from) && h.connected(node, from, to) {
			return true
		}
	}
	return len(h.Nodes) == 0
}

// sufferedAfter is suffered with what has ended a node before, too.
func (h *History) sufferedAfter(node string, from, to time.Time) []Fault {
	list := h.suffered(node, from, to, Killed, Cut, Frozen, Stopping, BrokerDown)
	for _, f := range h.Faults {
		if f.Node == node && (f.What == Killed || f.What == Stopping) && f.At.Before(from) {
			list = append(list, f)
		}
	}
	return list
}

func (h *History) firstNode() (first time.Time) {
	for _, t := range h.Nodes {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}
