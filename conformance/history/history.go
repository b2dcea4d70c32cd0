package history

import (
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Recorder hears of the events of all nodes. The zero value is ready to use.
type Recorder struct {
	mu     sync.Mutex
	events []Event
}

// NewRecorder returns an empty one.
func NewRecorder() *Recorder { return &Recorder{} }

// Take is a sink for Nodes.
func (r *Recorder) Take(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Happened records what was done to the broker.
func (r *Recorder) Happened(what Kind) { r.Take(Event{At: time.Now(), Kind: what}) }

// History returns what was heard so far.
func (r *Recorder) History() *History {
	r.mu.Lock()
	events := slices.Clone(r.events)
	r.mu.Unlock()
	return New(events)
}

// A History is what happened in a cluster.
type History struct {
	Runs   []Run   // in the order in which they began
	Skips  []Skip  // in the order in which they were told
	Faults []Fault // in the order in which they began
	// Unreached is when nodes say that they did not reach the broker (Broker).
	Unreached []Fault
	// Nodes are when each came up.
	Nodes map[string]time.Time
	// From and Until are when the first and the last thing happened.
	From, Until time.Time
}

// A Run is one call of a worker's function: one attempt.
type Run struct {
	Node string
	Tick core.Tick // of the call, with its attempt
	// Begin is when it was called, End when it returned, and Lost when its
	// context ended before that; zero where that did not happen.
	Begin, End, Lost time.Time
	Cause            string    // why the context ended
	Err              string    // what the function returned
	Died             time.Time // when its node was killed before it returned
	HandedBack       bool      // the function returned core.HandBack
	Disowned         bool      // its manager says that its result is not recorded
}

// Over is when the run came to an end, by itself or with its node; zero where it
// goes on.
func (r *Run) Over() time.Time {
	if r.End.IsZero() {
		return r.Died
	}
	return r.End
}

// A Skip is slots that were reported as not run.
type Skip struct {
	At     time.Time
	Node   string
	Worker string
	Slot   time.Time // the first; zero for a manual tick
	Last   time.Time
	Reason string
	Count  int
}

// A Fault is what was done to a node, or, where Node is empty, to the broker.
type Fault struct {
	Node string
	What Kind // Killed, Cut, Frozen, Stopping, BrokerDown, BrokerLost or Hiccup
	// At is when it began, and Until when it was over; the same for what has no
	// length, and zero for what is not over.
	At, Until time.Time
}

// New makes a history of events.
func New(events []Event) *History {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	h := &History{Nodes: map[string]time.Time{}}
	type call struct {
		node string
		n    uint64
	}
	runs := map[call]int{}
	for _, e := range events {
		if h.From.IsZero() {
			h.From = e.At
		}
		h.Until = e.At
		i, known := runs[call{e.Node, e.Call}]
		switch e.Kind {
		case Began:
			runs[call{e.Node, e.Call}] = len(h.Runs)
			h.Runs = append(h.Runs, Run{Node: e.Node, Begin: e.At, Tick: core.Tick{
				Worker: e.Worker, Slot: e.Slot, Manual: e.Manual,
				Fence: e.Fence, Attempt: e.Attempt, Redelivered: e.Redelivered,
			}})
		case Lost:
			if known {
				h.Runs[i].Lost, h.Runs[i].Cause = e.At, e.Err
			}
		case Returned:
			if known {
				h.Runs[i].End, h.Runs[i].Err, h.Runs[i].HandedBack = e.At, e.Err, e.HandedBack
			}
		case Disowned:
			for i := range h.Runs {
				if r := &h.Runs[i]; r.Node == e.Node && r.Tick.Worker == e.Worker && r.Tick.Fence == e.Fence {
					r.Disowned = true
				}
			}
		case Started:
			h.Nodes[e.Node] = e.At
		case Skipped:
			h.Skips = append(h.Skips, Skip{At: e.At, Node: e.Node, Worker: e.Worker, Slot: e.Slot, Last: e.Last, Reason: e.Reason, Count: e.Count})
		case Cut, Frozen, BrokerDown:
			h.Faults = append(h.Faults, Fault{Node: e.Node, What: e.Kind, At: e.At})
		case Broker:
			if over(h.Unreached, e); e.Err != "" {
				h.Unreached = append(h.Unreached, Fault{Node: e.Node, What: Broker, At: e.At})
			}
		case Healed, Thawed, BrokerUp:
			over(h.Faults, e)
		case Killed, Stopping, BrokerLost, Hiccup:
			h.Faults = append(h.Faults, Fault{Node: e.Node, What: e.Kind, At: e.At, Until: e.At})
			if e.Kind == Killed {
				h.killed(e)
			}
		}
	}
	return h
}

// ends is the fault that an event ends.
var ends = map[Kind]Kind{Healed: Cut, Thawed: Frozen, BrokerUp: BrokerDown, Broker: Broker}

// over ends the fault that an event ends.
func over(faults []Fault, e Event) {
	for i := range faults {
		if f := &faults[i]; f.Node == e.Node && f.What == ends[e.Kind] && f.Until.IsZero() {
			f.Until = e.At
		}
	}
}

func (h *History) killed(e Event) {
	for i := range h.Runs {
		if r := &h.Runs[i]; r.Node == e.Node && r.End.IsZero() {
			r.Died = e.At
		}
	}
}

// Of returns the runs of one worker.
func (h *History) Of(worker string) []Run {
	return slices.DeleteFunc(slices.Clone(h.Runs), func(r Run) bool { return r.Tick.Worker != worker })
}

// Skipped sums the skips of a worker by reason, over all nodes.
func (h *History) Skipped(worker string) (sum core.Skips) {
	for _, s := range h.Skips {
		if s.Worker != worker {
			continue
		}
		switch n := uint64(s.Count); s.Reason {
		case core.ReasonOverlap.String():
			sum.Overlap += n
		case core.ReasonPaused.String():
			sum.Paused += n
		case core.ReasonMissed.String():
			sum.Missed += n
		case core.ReasonRefused.String():
			sum.Refused += n
		}
	}
	return sum
}
