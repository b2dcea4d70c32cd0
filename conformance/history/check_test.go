package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A story is a history made by hand, in seconds from a whole minute on.
type story struct {
	events []Event
	calls  uint64
	fence  uint64
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sec(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

func (s *story) at(when float64, kind Kind, node string) *story {
	s.events = append(s.events, Event{At: sec(when), Kind: kind, Node: node})
	return s
}

// a call under construction.
type call struct {
	s *story
	e Event
}

// run begins a run of the slot, under a new fence.
func (s *story) run(begin float64, node string, slot float64) *call {
	s.calls++
	s.fence++
	c := &call{s, Event{At: sec(begin), Kind: Began, Node: node, Call: s.calls, Worker: "w", Slot: sec(slot), Fence: s.fence, Attempt: 1}}
	s.events = append(s.events, c.e)
	return c
}

// with changes what the beginning said.
func (c *call) with(change func(*Event)) *call {
	change(&c.s.events[len(c.s.events)-1])
	change(&c.e)
	return c
}

func everySecond(w *core.Worker) { w.Schedule = core.Every(time.Second) }

func redelivered(e *Event) { e.Redelivered = true }

func handedBack(e *Event) { e.Err, e.HandedBack = "handed back", true }

// sees has something done to the call's node.
func (c *call) sees(at float64, what Kind) *call {
	c.s.at(at, what, c.e.Node)
	return c
}

func (c *call) ends(at float64) *story {
	c.e.At, c.e.Kind = sec(at), Returned
	c.s.events = append(c.s.events, c.e)
	return c.s
}

// late has the run return, and its manager say that this is not recorded.
func (c *call) late(at float64) *story {
	s := c.ends(at)
	e := c.e
	e.Kind, e.Call = Disowned, 0
	s.events = append(s.events, e)
	return s
}

func (c *call) loses(at float64) *call { return c.isCancelled(at, core.ErrLeaseLost) }

func (c *call) isCancelled(at float64, cause error) *call {
	e := c.e
	e.At, e.Kind, e.Err = sec(at), Lost, cause.Error()
	c.s.events = append(c.s.events, e)
	return c
}

// skip has a node report n slots, the last of which is given; begins says which was
// the first.
func (s *story) skip(at float64, node, reason string, slot float64, n int) *story {
	s.events = append(s.events, Event{At: sec(at), Kind: Skipped, Node: node, Worker: "w", Last: sec(slot), Reason: reason, Count: n})
	return s
}

// begins completes the reports of skips: each names as its first slot the one that the
// schedule has for it.
func (s *story) begins(schedule core.Schedule) {
	i, ok := schedule.(core.Interval)
	for n := range s.events {
		if e := &s.events[n]; ok && e.Kind == Skipped && e.Slot.IsZero() {
			e.Slot = e.Last.Add(-time.Duration(e.Count-1) * i.Period())
		}
	}
}

// misnames has a node report n slots as those from first to last.
func (s *story) misnames(at float64, node string, first, last float64, n int) *story {
	s.events = append(s.events, Event{At: sec(at), Kind: Skipped, Node: node, Worker: "w", Slot: sec(first), Last: sec(last), Reason: "missed", Count: n})
	return s
}

// says has a node say what is wrong with the broker, or, with nothing, that it is back.
func (s *story) says(at float64, node, err string) *story {
	s.events = append(s.events, Event{At: sec(at), Kind: Broker, Node: node, Err: err})
	return s
}

// two are nodes a and b, up from the beginning.
func two() *story { return (&story{}).at(0, Started, "a").at(0, Started, "b") }

// nodes, and runs at 10 and 20, before what the story is about.
func begun() *story {
	return two().run(10, "a", 10).ends(11).run(20, "b", 20).ends(21)
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		story *story
		until float64
		want  []string // the rules that are broken
		with  func(*core.Worker)
	}{
		{name: "each-slot-once", story: begun().run(30, "a", 30).ends(31), until: 35},

		{name: "a-slot-twice", story: begun().run(22, "a", 20).ends(23), until: 25, want: []string{"CLU-1"}},
		{name: "a-slot-twice-marked", story: begun().run(22, "a", 20).with(redelivered).ends(23), until: 25, want: []string{"CLU-1"}},
		{
			name:  "run-again-after-a-death",
			story: begun().run(30, "a", 30).s.at(31, Killed, "a").run(40, "b", 30).with(redelivered).ends(41).skip(40, "b", "overlap", 40, 1),
			until: 45,
		},
		{
			name:  "run-again-after-a-death-unmarked",
			story: begun().run(30, "a", 30).s.at(31, Killed, "a").run(40, "b", 30).ends(41).skip(40, "b", "overlap", 40, 1),
			until: 45, want: []string{"CLU-1"},
		},
		{
			name:  "run-again-although-at-most-once",
			story: begun().run(30, "a", 30).s.at(31, Killed, "a").run(40, "b", 30).with(redelivered).ends(41).skip(40, "b", "overlap", 40, 1),
			until: 45, want: []string{"CLU-1"}, with: func(w *core.Worker) { w.AtMostOnce = true },
		},
		{
			name: "run-again-after-a-hand-back",
			story: begun().run(30, "a", 30).with(handedBack).sees(31, Stopping).ends(32).
				run(32.5, "b", 30).with(redelivered).ends(33),
			until: 35,
		},
		{
			name: "run-again-after-a-hand-back-without-a-stop",
			story: begun().run(30, "a", 30).with(handedBack).ends(32).
				run(32.5, "b", 30).with(redelivered).ends(33),
			until: 35, want: []string{"CLU-1"},
		},
		{
			name: "completed-where-it-could-not-be-recorded",
			story: begun().at(25, Cut, "a").run(30, "a", 30).ends(31).
				run(39, "b", 30).with(redelivered).ends(39.5).run(40, "b", 40).ends(41),
			until: 45,
		},
		{
			name: "completed-while-the-broker-has-no-leader",
			story: begun().at(29, BrokerDown, "").at(30, BrokerUp, "").run(29.5, "a", 30).ends(31).
				says(33, "a", "no leader").says(35, "a", "").at(37, Killed, "a").
				run(44, "b", 30).with(redelivered).ends(44.5).skip(44, "b", "overlap", 40, 1),
			until: 45,
		},
		{
			name: "completed-long-before-its-node-died",
			story: begun().at(29, BrokerDown, "").at(30, BrokerUp, "").run(29.5, "a", 30).ends(31).
				says(33, "a", "no leader").says(35, "a", "").at(39, Killed, "a").
				run(44, "b", 30).with(redelivered).ends(44.5).skip(44, "b", "overlap", 40, 1),
			until: 45, want: []string{"CLU-1"},
		},
		{
			name: "a-node-says-without-a-reason-that-it-has-no-broker",
			story: begun().run(30, "a", 30).ends(31).
				says(33, "a", "no leader").says(35, "a", "").at(37, Killed, "a").
				run(44, "b", 30).with(redelivered).ends(44.5).skip(44, "b", "overlap", 40, 1),
			until: 45, want: []string{"CLU-1"},
		},

		{name: "two-at-a-time", story: begun().run(30, "a", 30).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"}},
		{name: "two-at-a-time-after-the-lease-was-lost", story: begun().at(31, Cut, "a").run(30, "a", 30).loses(39).s.run(40, "b", 40).ends(41), until: 45},
		{name: "two-at-a-time-before-the-lease-was-lost", story: begun().at(31, Cut, "a").run(30, "a", 30).loses(41).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"}},
		{name: "two-at-a-time-after-the-lease-was-lost-for-no-reason", story: begun().run(30, "a", 30).loses(39).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"}},
		{
			name:  "two-at-a-time-after-the-lease-was-lost-long-after-a-reason",
			story: begun().at(22, Cut, "a").at(23, Healed, "a").run(30, "a", 30).loses(39).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"},
		},
		{
			name:  "two-at-a-time-after-the-lease-was-lost-when-another-was-cut-off",
			story: begun().at(31, Cut, "b").at(35, Healed, "b").run(30, "a", 30).loses(39).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"},
		},
		{
			name:  "two-at-a-time-after-the-lease-was-lost-while-a-leader-was-elected",
			story: begun().at(31, Hiccup, "").run(30, "a", 30).loses(39).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"},
		},
		{
			name:  "two-at-a-time-after-a-timeout",
			story: begun().run(30, "a", 30).isCancelled(35, context.DeadlineExceeded).s.run(40, "b", 40).ends(41), until: 45, want: []string{"CLU-2"},
		},
		{
			name:  "two-at-a-time-after-a-timeout-and-a-cut",
			story: begun().at(31, Cut, "a").run(30, "a", 30).isCancelled(35, context.DeadlineExceeded).s.run(40, "b", 40).ends(41), until: 45,
		},
		{
			name:  "two-at-a-time-after-stop-has-given-one-up",
			story: begun().at(31, Stopping, "a").run(30, "a", 30).isCancelled(32, core.ErrStopping).s.run(40, "b", 40).ends(41), until: 45,
		},
		{
			name: "two-at-a-time-after-stop-has-handed-one-back-that-goes-on",
			story: begun().at(31, Stopping, "a").run(30, "a", 30).isCancelled(32, core.ErrStopping).s.
				run(32.1, "b", 30).with(redelivered).ends(33), until: 35, want: []string{"CLU-2"},
		},
		{
			name: "two-at-a-time-where-the-lease-was-lost-with-the-data",
			story: begun().at(31, Cut, "a").at(35, BrokerLost, "").at(42, Healed, "a").run(30, "a", 30).loses(41).s.
				run(40, "b", 40).ends(40.5),
			until: 45,
		},
		{
			name: "two-at-a-time-for-longer-than-a-lease-that-was-lost-with-the-data",
			story: begun().at(31, Cut, "a").run(30, "a", 30).s.at(35, BrokerLost, "").run(40, "b", 40).ends(40.5).
				run(50, "b", 50).ends(51),
			until: 55, want: []string{"CLU-2"},
		},
		{
			name: "two-at-a-time-where-the-holder-saw-that-the-data-were-lost",
			story: begun().at(35, BrokerLost, "").run(30, "a", 30).loses(41).s.
				run(40, "b", 40).ends(40.5),
			until: 45, want: []string{"CLU-2"},
		},
		{
			name: "two-at-a-time-where-another-knew-of-the-lease",
			story: begun().at(43, Cut, "a").at(48, BrokerLost, "").run(30, "a", 30).loses(54).s.
				skip(40, "b", "overlap", 40, 1).run(50, "b", 50).ends(50.5),
			until: 55, want: []string{"CLU-2"},
		},
		{
			name: "a-frozen-node-notices",
			story: begun().at(31, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).loses(50.1).s.
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 55,
		},
		{
			name: "a-frozen-node-does-not-notice",
			story: begun().at(31, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).loses(55).s.
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 55, want: []string{"CLU-2"},
		},
		{
			name: "a-node-notices-that-was-frozen-twice-on-end",
			story: begun().at(31, Frozen, "a").at(41, Thawed, "a").at(41.01, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).loses(50.1).s.
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 55,
		},
		{
			name: "a-node-does-not-notice-between-two-freezes",
			story: begun().at(31, Frozen, "a").at(41, Thawed, "a").at(45, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).loses(50.1).s.
				run(43, "b", 30).with(redelivered).ends(44).skip(43, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 55, want: []string{"CLU-2"},
		},
		{
			name: "a-frozen-node-begins-what-it-has-lost-and-is-frozen-again",
			story: begun().at(29.9, Frozen, "a").at(41, Thawed, "a").run(41.01, "a", 30).loses(50.1).s.at(41.02, Frozen, "a").at(50, Thawed, "a").
				run(40.5, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50.2, "b", 50).ends(51),
			until: 55,
		},

		{
			name: "a-frozen-node-completes-what-another-has-run",
			story: begun().at(31, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).ends(50.1).
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(51, "b", 50).ends(52),
			until: 55,
		},
		{
			name: "the-late-result-of-a-frozen-node-is-not-recorded",
			story: begun().at(31, Frozen, "a").at(41, Thawed, "a").run(30, "a", 30).late(41.1).
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 52,
		},
		{
			name: "a-result-is-not-late-where-nothing-has-happened",
			story: begun().run(30, "a", 30).late(31).
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 52, want: []string{"CLU-1", "CLU-3"},
		},
		{
			name: "a-frozen-node-had-completed-before",
			story: begun().at(35, Frozen, "a").at(50, Thawed, "a").run(30, "a", 30).ends(31).
				run(42, "b", 30).with(redelivered).ends(43).skip(42, "b", "overlap", 40, 1).run(50, "b", 50).ends(51),
			until: 55, want: []string{"CLU-1"},
		},
		{
			name:  "the-last-node-takes-its-time-to-stop",
			story: begun().run(30, "a", 30).ends(31).at(35, Stopping, "b").at(35, Stopping, "a").at(75, Killed, "a").at(75, Killed, "b"),
			until: 80,
		},

		{name: "a-slot-is-late", story: begun().run(33, "a", 30).ends(34), until: 35, want: []string{"CLU-3"}},
		{name: "a-worker-stands-still", story: begun(), until: 60, want: []string{"CLU-3", "OBS-2"}},
		{name: "a-gap-after-a-death", story: begun().run(30, "a", 30).s.at(31, Killed, "a").run(44, "b", 30).with(redelivered).ends(44.5).skip(44, "b", "overlap", 40, 1), until: 45},
		{name: "too-long-a-gap-after-a-death", story: begun().run(30, "a", 30).s.at(31, Killed, "a").run(48, "b", 30).with(redelivered).ends(48.5).skip(48, "b", "overlap", 40, 1), until: 49, want: []string{"CLU-3"}},
		{
			name:  "a-gap-without-a-broker",
			story: begun().at(25, BrokerDown, "").at(100, BrokerUp, "").run(105, "a", 100).ends(106).skip(105, "a", "missed", 90, 7), until: 109,
		},
		{
			name:  "too-long-a-gap-after-an-outage",
			story: begun().at(25, BrokerDown, "").at(100, BrokerUp, "").run(118, "a", 110).ends(119).skip(118, "a", "missed", 90, 8), until: 119, want: []string{"CLU-3"},
		},
		{
			name:  "nobody-takes-over-from-a-frozen-node",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).s.at(2.5, Frozen, "a").at(600, Thawed, "a"),
			until: 605, want: []string{"CLU-3", "OBS-2"}, with: everySecond,
		},
		{
			name: "nobody-takes-over-from-a-frozen-node-and-it-goes-on",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).s.at(2.5, Frozen, "a").at(600, Thawed, "a").
				skip(600.1, "a", "overlap", 600, 598),
			until: 600.2, want: []string{"CLU-3"}, with: everySecond,
		},
		{
			name: "nobody-takes-over-from-a-frozen-node-and-it-is-killed",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).s.at(2.5, Frozen, "a").at(600, Killed, "a").
				run(601, "b", 2).with(redelivered).s.skip(601, "b", "overlap", 601, 599),
			until: 601.1, want: []string{"CLU-3"}, with: everySecond,
		},
		{
			name: "a-frozen-node-is-taken-over-from-in-time",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).loses(600.1).late(600.2).at(2.5, Frozen, "a").at(600, Thawed, "a").
				run(17.4, "b", 2).with(redelivered).s.skip(17.4, "b", "overlap", 17, 15).skip(600, "b", "overlap", 600, 583),
			until: 600.3, with: everySecond,
		},
		{
			name: "a-node-is-frozen-for-less-than-its-lease",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).ends(60).at(2.5, Frozen, "a").at(9, Thawed, "a").
				skip(9.1, "a", "overlap", 9, 7).skip(59.1, "a", "overlap", 59, 50).run(60.1, "b", 60).ends(60.2),
			until: 60.3, with: everySecond,
		},
		{
			name:  "a-node-that-is-cut-off-goes-on-until-its-lease-is-lost",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).loses(22).s.at(12, Cut, "a").run(27.4, "b", 2).with(redelivered).s.skip(27.4, "b", "overlap", 27, 25),
			until: 27.5, with: everySecond,
		},
		{
			name:  "too-long-a-gap-after-a-node-was-cut-off",
			story: two().run(1, "b", 1).ends(1.1).run(2, "a", 2).loses(22).s.at(12, Cut, "a").run(28, "b", 2).with(redelivered).s.skip(28, "b", "overlap", 28, 26),
			until: 28.1, want: []string{"CLU-3"}, with: everySecond,
		},
		{
			name: "what-happens-when-it-is-too-late-is-no-excuse",
			story: begun().at(31, Killed, "a").run(30, "a", 30).s.at(31.5, Started, "c").at(47, Stopping, "c").
				run(48, "b", 30).with(redelivered).ends(48.5).skip(48, "b", "overlap", 40, 1),
			until: 49, want: []string{"CLU-3"},
		},
		{
			name: "a-second-fault-in-time-is-an-excuse",
			story: begun().at(31, Killed, "a").run(30, "a", 30).s.at(31.5, Started, "c").at(42, Killed, "c").
				run(56, "b", 30).with(redelivered).ends(56.5).skip(56, "b", "overlap", 50, 2),
			until: 57,
		},
		{
			name: "a-gap-while-there-is-nobody",
			story: begun().at(25, Killed, "a").at(27, Killed, "b").at(300, Started, "c").
				run(314, "c", 310).ends(315).skip(314, "c", "missed", 300, 28),
			until: 316,
		},
		{
			name: "too-long-a-gap-after-there-was-nobody",
			story: begun().at(25, Killed, "a").at(27, Killed, "b").at(300, Started, "c").
				run(318, "c", 310).ends(319).skip(318, "c", "missed", 300, 28),
			until: 319, want: []string{"CLU-3"},
		},

		{name: "a-fence-that-falls", story: begun().run(30, "a", 30).with(func(e *Event) { e.Fence = 1 }).ends(31), until: 35, want: []string{"CLU-9"}},
		{name: "a-fence-that-repeats", story: begun().run(30, "a", 30).with(func(e *Event) { e.Fence = 2 }).ends(31), until: 35, want: []string{"CLU-9"}},
		{name: "no-fence", story: begun().run(30, "a", 30).with(func(e *Event) { e.Fence = 0 }).ends(31), until: 35, want: []string{"CLU-9"}},
		{
			name: "a-second-attempt-has-the-same-fence",
			story: begun().run(30, "a", 30).ends(31).run(32, "a", 30).with(func(e *Event) {
				e.Fence, e.Attempt = 3, 2
			}).ends(33),
			until: 35, with: func(w *core.Worker) { w.Retry.MaxAttempts = 2 },
		},

		{name: "out-of-order", story: begun().run(30, "a", 30).ends(31).run(32, "b", 15).ends(33), until: 35, want: []string{"PER-3"}},

		{name: "a-slot-without-a-reason", story: begun().skip(30, "a", "paused", 30, 1).run(50, "b", 50).ends(51), until: 55, want: []string{"CLU-3", "OBS-2"}},
		{name: "nobody-says-when-a-node-came-up", story: (&story{}).run(10, "a", 10).ends(11).run(20, "b", 20).ends(21), until: 25},
		{
			name: "slots-that-are-run-at-the-very-end",
			story: (&story{}).at(10, Started, "a").run(10.2, "a", 10.2).ends(10.21).run(10.4, "a", 10.4).ends(10.41).
				run(10.6, "a", 10.6).ends(10.61).run(10.8, "a", 10.8).ends(10.81),
			until: 10.85, with: func(w *core.Worker) { w.Schedule = core.Every(200 * time.Millisecond) },
		},
		{
			name:  "who-stops-counts-what-passes-meanwhile",
			story: (&story{}).at(10, Started, "a").at(11.5, Stopping, "a").run(11, "a", 11).ends(15.5).skip(15.5, "a", "overlap", 15, 4),
			until: 16, with: everySecond,
		},
		{
			name:  "who-stops-counts-twice-what-passes-meanwhile",
			story: (&story{}).at(10, Started, "a").at(11.5, Stopping, "a").run(11, "a", 11).ends(15.5).skip(15.4, "a", "overlap", 15, 4).skip(15.5, "a", "overlap", 15, 4),
			until: 16, want: []string{"OBS-2"}, with: everySecond,
		},
		{name: "a-slot-with-two-reasons", story: begun().skip(30, "a", "paused", 30, 1).skip(30, "b", "paused", 30, 1).skip(30, "b", "paused", 30, 1), until: 35, want: []string{"OBS-2"}},
		{name: "a-report-of-three-slots", story: begun().misnames(55, "a", 30, 50, 3).run(60, "a", 60).ends(61), until: 65, want: []string{"CLU-3"}},
		{name: "a-report-that-gives-the-last-slot-as-the-first", story: begun().misnames(55, "a", 50, 50, 3).run(60, "a", 60).ends(61), until: 65, want: []string{"CLU-3", "OBS-2"}},
		{name: "a-report-that-gives-no-last-slot", story: begun().misnames(55, "a", 30, 0, 3).run(60, "a", 60).ends(61), until: 65, want: []string{"CLU-3", "OBS-2"}},
		{name: "a-report-of-a-time-that-is-no-slot", story: begun().misnames(35, "a", 31, 31, 1).run(40, "a", 40).ends(41), until: 45, want: []string{"CLU-3", "OBS-2"}},
		{name: "a-report-of-a-slot-that-ran", story: begun().misnames(25, "a", 20, 20, 1).run(40, "a", 40).ends(41), until: 45, want: []string{"CLU-3", "OBS-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := core.Worker{Name: "w", Schedule: core.Every(10 * time.Second)}
			if c.with != nil {
				c.with(&w)
			}
			c.story.begins(w.Schedule)
			h := New(c.story.events)
			h.Until = sec(c.until)
			breaches := h.Check(Promise{Workers: []core.Worker{w}, Failover: 15 * time.Second, Lateness: 500 * time.Millisecond})
			broken := []string{}
			for _, b := range breaches {
				if len(broken) == 0 || broken[len(broken)-1] != b.Rule {
					broken = append(broken, b.Rule)
				}
			}
			if c.want == nil {
				c.want = []string{}
			}
			assert.ElementsMatch(t, c.want, broken, fmt.Sprint(breaches))
		})
	}
}

func TestLongRunning(t *testing.T) {
	long := core.Worker{Name: "w"}
	restart := func(fence uint64) func(*Event) {
		return func(e *Event) { e.Slot, e.Manual, e.Fence = time.Time{}, fmt.Sprint(e.Call), fence }
	}
	check := func(s *story) []Breach {
		return New(s.events).Check(Promise{Workers: []core.Worker{long}, Failover: 15 * time.Second, Lateness: time.Second})
	}
	assert.Empty(t, check(two().run(1, "a", 0).with(restart(1)).ends(2).run(3, "a", 0).with(restart(1)).ends(4)), "run again under one lease")
	assert.Len(t, check(two().run(1, "a", 0).with(restart(1)).ends(2).run(3, "b", 0).with(restart(1)).ends(4)), 1, "by another under the same fence")
	assert.Len(t, check(two().run(1, "a", 0).with(restart(1)).s.run(3, "b", 0).with(restart(2)).ends(4)), 1, "by two at a time")
}

func TestNode(t *testing.T) {
	rec := NewRecorder()
	n := NewNode("a", rec.Take)
	n.Suffer(Started)
	n.Observe(core.Event{Kind: core.EventSkipped, Tick: core.Tick{Worker: "w"}, Reason: core.ReasonPaused, Count: 3})
	n.Observe(core.Event{Kind: core.EventSkipped, Tick: core.Tick{Worker: "v"}, Reason: core.ReasonPaused, Count: 1})
	n.Suffer(Killed)
	n.Observe(core.Event{Kind: core.EventSkipped, Tick: core.Tick{Worker: "w"}, Reason: core.ReasonPaused, Count: 5})
	h := rec.History()
	assert.Equal(t, core.Skips{Paused: 3}, h.Skipped("w"), "what a dead node says does not count")
	assert.Contains(t, h.Nodes, "a")
}
