package history

import (
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A span is a time from one instant to another.
type span struct{ from, to time.Time }

// gaps judges CLU-3: whenever nothing runs, the next thing happens when the
// schedule says, or within the failover time after what kept it from happening.
func (j *judge) gaps() {
	var spans []span
	first := j.h.began()
	spans = append(spans, span{first, first})
	for _, r := range j.h.Of(j.w.Name) {
		spans = append(spans, j.active(&r)...)
	}
	for _, s := range j.h.Skips {
		if s.Worker == j.w.Name {
			spans = append(spans, span{s.At, s.At})
		}
	}
	byFrom(spans)
	spans = append(spans, span{j.h.Until, j.h.Until})
	excuses := j.excuses()
	at := spans[0].to
	for _, s := range spans[1:] {
		if s.from.After(at) {
			if by := j.nextBy(at, s.from, excuses); !by.IsZero() && s.from.After(by) {
				j.breach("CLU-3", by, "nothing happened from %s to %s, and something was due by %s", clock(at), clock(s.from), clock(by))
			}
		}
		if s.to.After(at) {
			at = s.to
		}
	}
}

func byFrom(spans []span) {
	slices.SortStableFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
}

// active returns when something went on in a run: until it ended or its context
// did, and not while its node was frozen. A run on a node that is cut off goes on
// until its lease is lost, and that is the end of its context; in one that is
// frozen nothing goes on, and others are to take it over in time.
func (j *judge) active(r *Run) (spans []span) {
	from, to := r.Begin, r.Over()
	if to.IsZero() || !r.Lost.IsZero() && r.Lost.Before(to) {
		to = r.Lost
	}
	if to.IsZero() {
		to = j.h.Until
	}
	for _, f := range j.h.suffered(r.Node, from, to, Frozen) {
		stood := f.At
		if stood.Before(from) {
			stood = from
		}
		spans = append(spans, span{from, stood})
		if f.Until.IsZero() || f.Until.After(to) {
			return spans
		}
		from = f.Until
	}
	return append(spans, span{from, to})
}

// nextBy returns by when something is due after a time at which the worker was
// idle, where something does not happen until another; zero for never, or for in
// time. What comes when it is overdue already is no excuse.
func (j *judge) nextBy(idle, until time.Time, excuses []span) time.Time {
	due, err := core.NextSlot(j.w.Schedule, idle.Add(-j.w.Jitter)) // one that is due may wait out its jitter
	if err != nil || due.IsZero() {
		return time.Time{}
	}
	by := due.Add(j.w.Jitter)
	if !until.After(by.Add(j.p.Lateness)) {
		return time.Time{} // it has happened in time
	}
	for _, e := range excuses {
		if e.from.After(by.Add(j.p.Lateness)) {
			break
		}
		if after := e.to.Add(j.p.Failover); after.After(by) {
			by = after
		}
	}
	return by.Add(j.p.Lateness)
}

// excuses returns what others must make up for, within the failover time after
// its end, in the order of its beginning: the faults, which have no length where
// somebody else was there, the times at which nobody was, and the ends of runs
// that Stop or Remove has cut off.
func (j *judge) excuses() []span {
	excuses := slices.Clone(j.unserved)
	for _, f := range j.h.Faults {
		excuses = append(excuses, span{f.At, f.At})
	}
	for _, r := range j.h.Of(j.w.Name) {
		if !r.Lost.IsZero() && r.Cause != core.ErrLeaseLost.Error() {
			excuses = append(excuses, span{r.Lost, r.Lost})
		}
	}
	byFrom(excuses)
	return excuses
}

// unserved returns when no node was up and had a broker.
func (h *History) unserved() (spans []span) {
	times := []time.Time{h.Until}
	for _, up := range h.Nodes {
		times = append(times, up)
	}
	for _, f := range h.Faults {
		times = append(times, f.At)
		if !f.Until.IsZero() {
			times = append(times, f.Until)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	first := h.firstNode()
	spans = append(spans, span{time.Time{}, first})
	for i, to := range times[1:] {
		from := times[i]
		between := from.Add(to.Sub(from) / 2)
		switch last := &spans[len(spans)-1]; {
		case !from.After(first) && !to.After(first), !to.After(from), h.served(between, between):
		case last.to.Equal(from):
			last.to = to
		default:
			spans = append(spans, span{from, to})
		}
	}
	return spans
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

// began is when the first node came up, or else the first thing happened.
func (h *History) began() time.Time {
	if first := h.firstNode(); !first.IsZero() {
		return first
	}
	return h.From
}

func (h *History) firstNode() (first time.Time) {
	for _, t := range h.Nodes {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}
