package history

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Promise is what a history is judged by.
type Promise struct {
	// Workers are those to judge, as every node has them.
	Workers []core.Worker
	// Failover is how long a worker stands still at most when a node or the
	// broker fails: core.Features.Failover.
	Failover time.Duration
	// Lateness is how late a run may begin, and how long an instance may take to
	// record a run's end or to notice that its lease is lost.
	Lateness time.Duration
}

// A Breach is a rule of the contract that a history breaks.
type Breach struct {
	Rule   string // "CLU-2"
	Worker string
	At     time.Time // when it was broken; zero if that is not one moment
	Text   string    // what is wrong, where and when
}

func (b Breach) String() string { return fmt.Sprintf("%s: %s: %s", b.Rule, b.Worker, b.Text) }

// Check returns what is wrong with the history: nothing, it is to be hoped.
//
//   - CLU-1: a tick that was completed twice; one that was begun again and not
//     marked as redelivered, or although it had been completed, or although its
//     worker is AtMostOnce.
//   - CLU-2: runs that overlap, but for one that ignores the loss of its lease,
//     where a fault of its node accounts for that, and one whose node was frozen
//     and which noticed when it was thawed.
//   - CLU-3: a worker that stood still longer than its schedule says, and longer
//     than the failover time after what kept it: a fault that came before that was
//     over, or a time in which there was nobody. A run on a node that is frozen is
//     a worker that stands still.
//   - CLU-9: a fencing token that is not greater than that of every claim before.
//   - OBS-2: slots that were neither run nor reported as skipped, or both; a report
//     whose first slot, last slot and number do not agree.
//   - PER-3: slots out of order.
//
// Long-running workers have no slots, and so no gaps. A completion counts where
// the node could record it: not where it was cut off, frozen or killed at that
// moment, or the broker was away.
func (h *History) Check(p Promise) []Breach {
	var all []Breach
	unserved := h.unserved()
	for _, w := range p.Workers {
		j := judge{h: h, p: p, w: w, all: deliveries(h.Of(w.Name)), unserved: unserved}
		j.twice()
		j.overlap()
		j.fences()
		j.order()
		if w.Schedule != nil {
			j.gaps()
			j.account()
		}
		all = append(all, j.breaches...)
	}
	return all
}

// judge judges one worker.
type judge struct {
	h        *History
	p        Promise
	w        core.Worker
	all      []delivery
	unserved []span // when no node was up and had a broker
	breaches []Breach
}

func (j *judge) breach(rule string, at time.Time, format string, args ...any) {
	j.breaches = append(j.breaches, Breach{Rule: rule, Worker: j.w.Name, At: at, Text: fmt.Sprintf(format, args...)})
}

// A delivery is a run with all its attempts: a tick under one claim.
type delivery struct {
	calls []Run
}

func (d *delivery) first() *Run { return &d.calls[0] }
func (d *delivery) last() *Run  { return &d.calls[len(d.calls)-1] }
func (d *delivery) tick() core.Tick {
	return d.calls[0].Tick
}

func (d *delivery) String() string {
	r := d.first()
	return fmt.Sprintf("%s on %s at %s under fence %d", r.Tick.ID(), r.Node, clock(r.Begin), r.Tick.Fence)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// deliveries groups calls, in the order in which they began.
func deliveries(calls []Run) []delivery {
	type key struct {
		node, tick string
		fence      uint64
	}
	index := map[key]int{}
	var all []delivery
	for _, r := range calls {
		k := key{r.Node, r.Tick.ID(), r.Tick.Fence}
		i, again := index[k]
		// A first attempt is a delivery of its own: that its claim was had before is
		// for the judge to see.
		if again && r.Tick.Attempt > 1 {
			all[i].calls = append(all[i].calls, r)
			continue
		}
		index[k] = len(all)
		all = append(all, delivery{calls: []Run{r}})
	}
	return all
}

// order judges PER-3.
func (j *judge) order() {
	var latest *delivery
	for i := range j.all {
		d := &j.all[i]
		if d.tick().Manual != "" {
			continue
		}
		if latest != nil && d.tick().Slot.Before(latest.tick().Slot) && !j.doomed(d.first()) && !j.forgotten(latest.first().Node, latest.last().Begin) {
			j.breach("PER-3", d.first().Begin, "%s came after %s", d, latest)
			continue
		}
		latest = d
	}
}

// doomed tells whether a run began with a lease that was lost already, on a node
// that had been frozen between the two, and ended as soon as that could notice.
func (j *judge) doomed(r *Run) bool {
	if r.Lost.IsZero() {
		return false
	}
	for _, f := range j.h.suffered(r.Node, r.Begin.Add(-j.p.Lateness), r.Begin, Frozen) {
		from := j.thawed(f)
		if from.Before(r.Begin) {
			from = r.Begin
		}
		if r.Lost.Sub(from) <= j.p.Lateness {
			return true
		}
	}
	return false
}

// fences judges CLU-9.
func (j *judge) fences() {
	var before *delivery
	for i := range j.all {
		d := &j.all[i]
		if j.doomed(d.first()) {
			continue
		}
		switch {
		case d.tick().Fence == 0:
			j.breach("CLU-9", d.first().Begin, "%s has no fencing token", d)
		case before == nil:
		case d.tick().Fence < before.tick().Fence,
			d.tick().Fence == before.tick().Fence && !sameLead(d, before, j.w):
			j.breach("CLU-9", d.first().Begin, "%s came after %s", d, before)
		}
		before = d
	}
}

// sameLead tells whether a long-running worker was run again under one lease.
func sameLead(a, b *delivery, w core.Worker) bool {
	return w.Schedule == nil && a.first().Node == b.first().Node
}

// suffered returns the faults of the kinds given (none: all) which a node, or the
// broker under it, had at some time between two.
func (h *History) suffered(node string, from, to time.Time, kinds ...Kind) []Fault {
	return during(h.Faults, node, from, to, kinds...)
}

// during returns those of a list of faults.
func during(faults []Fault, node string, from, to time.Time, kinds ...Kind) (list []Fault) {
	for _, f := range faults {
		if f.Node != node && f.Node != "" || len(kinds) > 0 && !slices.Contains(kinds, f.What) {
			continue
		}
		if !f.At.After(to) && (f.Until.IsZero() || !f.Until.Before(from)) {
			list = append(list, f)
		}
	}
	return list
}
