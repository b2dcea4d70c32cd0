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

// loseAnswers has the answers to the node get lost, until end or the end of the case.
func (n *node) loseAnswers() {
	n.suffer("LoseAnswers", n.c.faults.LoseAnswers, history.Cut, history.Healed)
}

// holdWrites keeps back what the node writes.
func (n *node) holdWrites() {
	n.suffer("HoldWrites", n.c.faults.HoldWrites, history.Cut, history.Healed)
}

// suspend freezes the node, as far as the world can.
func (n *node) suspend() {
	n.suffer("Suspend", n.c.faults.Suspend, history.Frozen, history.Thawed)
}

// suffer begins a fault that lasts until end, or the end of the case. For the history the
// node is cut off or frozen during it, since it may not be able to record its runs' ends.
func (n *node) suffer(name string, fault func(string, bool), begins, ends history.Kind) {
	c := n.c
	c.has(name, fault != nil)
	c.rough = true
	n.watch.Suffer(begins)
	c.note("%s: %s", n.name, name)
	fault(n.name, true)
	n.over = func() {
		c.note("%s: %s is over", n.name, name)
		n.watch.Suffer(ends)
		fault(n.name, false)
	}
	c.cleanup(n.end)
}

// end ends what suffer began.
func (n *node) end() {
	over := n.over
	n.over = nil
	if over != nil {
		over()
	}
}

// failJoins has the node's next attempts to connect fail, and after that its next
// heartbeats.
func (n *node) failJoins(connects, heartbeats int) {
	n.c.has("FailJoins", n.c.faults.FailJoins != nil)
	n.c.faults.FailJoins(n.name, connects, heartbeats)
}
