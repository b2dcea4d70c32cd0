package history

import "time"

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
	case j.w.AtMostOnce:
		j.breach("CLU-1", "%s began again, as %s, and is to run at most once", before, d)
	case j.recorded(before) && j.recorded(d):
		j.breach("CLU-1", "%s was completed, and a second time as %s", before, d)
	case j.recorded(before) && !before.last().End.After(d.first().Begin):
		j.breach("CLU-1", "%s was completed, and began again as %s", before, d)
	case !d.tick().Redelivered && !d.doomed(j):
		j.breach("CLU-1", "%s began again, as %s, which is not marked as redelivered", before, d)
	}
}

// recorded tells whether a delivery was completed and its node was in a position
// to say so: by the contract it will not run again.
func (j *judge) recorded(d *delivery) bool {
	r := d.last()
	if r.End.IsZero() || !r.Lost.IsZero() {
		return false
	}
	if r.Err != "" && r.Tick.Attempt < j.w.Retry.MaxAttempts {
		return false // Stop has ended the wait for the next attempt
	}
	until := r.End.Add(j.p.Lateness)
	if len(j.h.suffered(r.Node, r.End, until, Killed, Cut, Frozen, BrokerDown)) > 0 {
		return false
	}
	return !j.forgotten(r.Node, r.End)
}

// forgotten tells whether the broker has lost what a node recorded, and the node
// was gone before it could tell, nor had the others heard of it long before.
func (j *judge) forgotten(node string, recorded time.Time) bool {
	for _, lost := range j.h.Faults {
		if lost.What != BrokerLost || lost.At.Before(recorded) {
			continue
		}
		for _, gone := range j.h.suffered(node, recorded, lost.At.Add(j.p.Failover), Killed, Stopping, Cut, Frozen) {
			first := gone.At
			if lost.At.Before(first) {
				first = lost.At
			}
			if first.Sub(recorded) <= j.p.Failover {
				return true
			}
		}
	}
	return false
}
