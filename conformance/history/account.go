package history

import (
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// account judges OBS-2: as many slots were run or skipped as there were.
func (j *judge) account() {
	if _, delay := j.w.Schedule.(core.AfterRun); delay {
		return // its slots depend on its runs
	}
	run := map[time.Time]bool{}
	for i := range j.all {
		if t := j.all[i].tick(); t.Manual == "" {
			run[t.Slot.UTC()] = true
		}
	}
	skips := 0
	for _, s := range j.h.Skips {
		if s.Worker != j.w.Name || s.Reason == core.ReasonRefused.String() && run[s.Slot.UTC()] {
			continue
		}
		skips += s.Count
		if !s.Slot.IsZero() {
			j.named(s, run)
		}
	}
	last := j.h.lastNode()
	// The last may not have been reached, and who stops counts until its run has ended.
	least, most := j.due(last.Add(-j.w.Jitter-j.p.Lateness)), j.due(j.over(last))+1
	switch n := len(run) + skips; {
	case n < least && !j.h.amnesia():
		j.breach("OBS-2", time.Time{}, "%d slots were due; %d ran and %d were skipped, so nobody knows of %d", least, len(run), skips, least-n)
	case n > most && !j.h.rough():
		j.breach("OBS-2", time.Time{}, "at most %d slots were due; %d ran and %d were skipped: more than there were", most, len(run), skips)
	}
}

// named judges what a report of skipped slots says: its first slot, its last and
// their number agree, and none of them was run.
func (j *judge) named(s Skip, run map[time.Time]bool) {
	n, at := 0, s.Slot.Add(-1)
	for n <= s.Count && at.Before(s.Last) {
		slot, err := core.NextSlot(j.w.Schedule, at)
		if err != nil || slot.IsZero() {
			break
		}
		if n == 0 && !slot.Equal(s.Slot) {
			break // the first is no slot
		}
		if run[slot.UTC()] && !j.h.rough() {
			j.breach("OBS-2", s.At, "%s reports at %s that the slot %s is skipped (%s), and it ran", s.Node, clock(s.At), clock(slot), s.Reason)
		}
		n, at = n+1, slot
	}
	if n != s.Count || !at.Equal(s.Last) {
		j.breach("OBS-2", s.At, "%s reports at %s that %d slots from %s to %s are skipped (%s), which are not those of the schedule",
			s.Node, clock(s.At), s.Count, clock(s.Slot), clock(s.Last), s.Reason)
	}
}

// over is when the last run ended, if that is after a time.
func (j *judge) over(last time.Time) time.Time {
	for i := range j.all {
		if over := j.all[i].last().Over(); over.After(last) {
			last = over
		}
	}
	return last
}

// due counts the slots that came while there were nodes, before a time.
func (j *judge) due(until time.Time) (n int) {
	for at := j.h.began(); ; n++ {
		next, err := core.NextSlot(j.w.Schedule, at)
		if err != nil || next.IsZero() || !next.Before(until) {
			return n
		}
		at = next
	}
}

// amnesia tells whether data were lost of which nobody may have known any more.
func (h *History) amnesia() (amnesia bool) {
	lost := false
	for _, f := range h.Faults {
		lost = lost || f.What == BrokerLost
		amnesia = amnesia || f.What != BrokerLost && f.What != Hiccup
	}
	return lost && amnesia
}

// lastNode is when the last node ceased to take new ticks; the end of the history
// where one still does.
func (h *History) lastNode() (last time.Time) {
	over := map[string]time.Time{}
	for _, f := range h.Faults {
		if f.What != Killed && f.What != Stopping {
			continue
		}
		if at, ok := over[f.Node]; !ok || at.Before(h.Nodes[f.Node]) { // else it is the end of one that was stopping
			over[f.Node] = f.At
		}
	}
	for node, up := range h.Nodes {
		at, ok := over[node]
		if !ok || at.Before(up) {
			return h.Until
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// rough tells whether anything was done to a node that makes it forget what it
// has reported, so that another reports it too.
func (h *History) rough() bool {
	for _, f := range h.Faults {
		if f.What != Stopping && f.What != Hiccup {
			return true
		}
	}
	return false
}
