package history

import (
	"slices"
	"time"
)

// twice judges CLU-1: each tick completes once, and begins again only if it did
// not.
func (j *judge) twice() {
	if j.w.Schedule == nil {
		return // each run of a long-running worker is a tick of its own
	}
	byTick := map[string][]*delivery{}
	for i := range j.all {
		d := &j.all[i]
		id := d.tick().ID()
		for _, before := range byTick[id] {
			j.again(before, d)
		}
		byTick[id] = append(byTick[id], d)
	}
}

// again judges that a tick began a second time.
func (j *judge) again(before, d *delivery) {
	switch {
	case j.forgotten(before.first().Node, before.last().Begin):
	case j.w.AtMostOnce:
		j.breach("CLU-1", d.first().Begin, "%s began again, as %s, and is to run at most once", before, d)
	case j.overslept(before, d) && d.tick().Redelivered:
		// CLU-2 says how long it may go on beside the other.
	case j.recorded(before) && j.recorded(d):
		j.breach("CLU-1", d.first().Begin, "%s was completed, and a second time as %s", before, d)
	case j.recorded(before) && !before.last().End.After(d.first().Begin):
		j.breach("CLU-1", d.first().Begin, "%s was completed, and began again as %s", before, d)
	case !d.tick().Redelivered && !j.doomed(d.first()):
		j.breach("CLU-1", d.first().Begin, "%s began again, as %s, which is not marked as redelivered", before, d)
	}
}

// overslept tells whether a delivery went on beyond the beginning of another
// because its node was frozen in it: what it completed by then was not taken.
func (j *judge) overslept(before, d *delivery) bool {
	end, began := before.last().End, d.first().Begin
	return (end.IsZero() || end.After(began)) && len(j.h.suffered(before.first().Node, before.first().Begin, began, Frozen)) > 0
}

// recorded tells whether a delivery was completed and its node was in a position
// to say so: by the contract it will not run again.
func (j *judge) recorded(d *delivery) bool {
	r := d.last()
	if r.End.IsZero() || !r.Lost.IsZero() {
		return false
	}
	if r.HandedBack && len(j.h.suffered(r.Node, r.Begin, r.End, Stopping)) > 0 {
		return false // STP-9
	}
	if r.Err != "" && r.Tick.Attempt < j.w.Retry.MaxAttempts {
		return false // Stop has ended the wait for the next attempt
	}
	if r.Disowned && len(j.h.suffered(r.Node, d.first().Begin, r.End, Cut, Frozen, BrokerDown)) > 0 {
		return false // a late result (CLU-10)
	}
	return len(j.h.suffered(r.Node, r.End, r.End.Add(j.p.Lateness), Killed, Cut, Frozen, BrokerDown)) == 0 && !j.unwritten(r)
}

// unwritten tells whether a run ended while its node had no broker, as it says, and
// the node was killed before it could write that down: a broker that is up again may
// have to elect a leader first, and what was asked of it meanwhile has to come to
// nothing before it is asked again. That takes a fifth of the failover at most.
func (j *judge) unwritten(r *Run) bool {
	while := j.p.Failover / 5
	for _, said := range during(j.h.Unreached, r.Node, r.End, r.End.Add(while)) {
		if len(j.h.suffered(r.Node, said.At.Add(-j.p.Failover), said.At, Cut, BrokerDown, Hiccup)) == 0 {
			continue // it has no reason to say so
		}
		until := said.Until
		if until.IsZero() {
			until = j.h.Until
		}
		if len(j.h.suffered(r.Node, r.End, until.Add(while+j.p.Lateness), Killed)) > 0 {
			return true
		}
	}
	return false
}

// forgotten tells whether the broker has lost what a node wrote at some time, and
// nobody was there who could write it back: the node itself was gone or cut off,
// and so was at some time each other node, or it may not have heard of it yet.
func (j *judge) forgotten(node string, written time.Time) bool {
	return slices.ContainsFunc(j.h.Faults, func(f Fault) bool { return j.forgets(f, node, written) })
}

// forgets tells whether it is in this fault that the broker has.
func (j *judge) forgets(lost Fault, node string, written time.Time) bool {
	if lost.What != BrokerLost || lost.At.Before(written) {
		return false
	}
	until := lost.At.Add(j.p.Failover)
	return !j.h.connected(node, written, until) &&
		(lost.At.Sub(written) <= j.p.Failover || !j.h.witnessed(written, until))
}

// connected tells whether a node was up and had its broker throughout.
func (h *History) connected(node string, from, to time.Time) bool {
	return len(h.sufferedAfter(node, from, to)) == 0
}

// witnessed tells whether some node was.
func (h *History) witnessed(from, to time.Time) bool {
	for node, up := range h.Nodes {
		if !up.After(from) && h.connected(node, from, to) {
			return true
		}
	}
	return false
}
