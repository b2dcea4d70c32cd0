package conformance

import (
	"runtime"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
)

// has ends the case, as skipped, if the world does not have a fault of Faults that the case
// needs. It is for the case's own goroutine only.
func (c *cluster) has(fault string, it bool) {
	if it {
		return
	}
	c.trial.mu.Lock()
	c.missing = "the world does not have Faults." + fault
	c.trial.mu.Unlock()
	runtime.Goexit()
}

// loseAnswers has the answers to the node get lost. It ends with heal, or with the case.
func (n *node) loseAnswers() {
	n.suffer("LoseAnswers", n.c.faults.LoseAnswers)
}

// holdWrites keeps back what the node writes.
func (n *node) holdWrites() {
	n.suffer("HoldWrites", n.c.faults.HoldWrites)
}

// suffer begins a fault that lasts and cuts a node off, as far as its runs' ends are
// concerned: it may not be in a position to record them.
func (n *node) suffer(name string, fault func(string, bool)) {
	c := n.c
	c.has(name, fault != nil)
	c.rough = true
	n.watch.Suffer(history.Cut)
	c.note("%s: %s", n.name, name)
	fault(n.name, true)
	n.over = func() {
		c.note("%s: %s is over", n.name, name)
		n.watch.Suffer(history.Healed)
		fault(n.name, false)
	}
	c.cleanup(n.end)
}

// end ends what suffer or suspend began.
func (n *node) end() {
	over := n.over
	n.over = nil
	if over != nil {
		over()
	}
}

// suspend freezes the node, as far as the world can.
func (n *node) suspend() {
	c := n.c
	c.has("Suspend", c.faults.Suspend != nil)
	c.rough = true
	n.watch.Suffer(history.Frozen)
	c.note("%s is suspended", n.name)
	c.faults.Suspend(n.name, true)
	n.over = func() {
		c.note("%s goes on", n.name)
		n.watch.Suffer(history.Thawed)
		c.faults.Suspend(n.name, false)
	}
	c.cleanup(n.end)
}

// failJoins has the node's next attempts to connect fail, and after that its next
// heartbeats.
func (n *node) failJoins(connects, heartbeats int) {
	n.c.has("FailJoins", n.c.faults.FailJoins != nil)
	n.c.faults.FailJoins(n.name, connects, heartbeats)
}
