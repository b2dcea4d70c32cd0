package history

import "slices"

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
			if before.Node == r.Node || !j.mayOverlap(before, r) {
				j.breach("CLU-2", "%s on %s began at %s beside %s on %s, which began at %s",
					r.Tick.ID(), r.Node, clock(r.Begin), before.Tick.ID(), before.Node, clock(before.Begin))
			}
		}
		open = append(open, r)
	}
}

// mayOverlap tells whether a run had an excuse for going on beside its successor:
// its context had ended, or its node was frozen and it noticed afterwards.
func (j *judge) mayOverlap(before, r *Run) bool {
	if !before.Lost.IsZero() && !before.Lost.After(r.Begin) {
		return true
	}
	for _, f := range j.h.suffered(before.Node, r.Begin.Add(-j.p.Lateness), r.Begin, Frozen) {
		if f.Until.IsZero() {
			return true
		}
		noticed := f.Until.Add(j.p.Lateness)
		if !before.Lost.IsZero() && !before.Lost.After(noticed) || !before.Over().IsZero() && !before.Over().After(noticed) {
			return true
		}
	}
	return false
}
