package history

// overlap judges CLU-2.
func (j *judge) overlap() {
	calls := j.h.Of(j.w.Name)
	for b := range calls {
		for a := range calls[:b] {
			before, r := &calls[a], &calls[b]
			if over := before.Over(); !over.IsZero() && !over.After(r.Begin) {
				continue
			}
			if before.Node == r.Node || !j.mayOverlap(before, r) {
				j.breach("CLU-2", "%s on %s began at %s beside %s on %s, which began at %s",
					r.Tick.ID(), r.Node, clock(r.Begin), before.Tick.ID(), before.Node, clock(before.Begin))
			}
		}
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
