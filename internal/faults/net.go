package faults

import (
	"slices"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A Net has the links between the nodes of a cluster and their broker. The zero value
// has none. Its methods may be called from any goroutine. They do nothing for a node
// that has no link.
type Net struct {
	mu      sync.Mutex
	links   map[string]*Link
	down    bool
	workers []string
}

// Link returns a new link of a node, over the node's own store, which is not open yet.
func (n *Net) Link(node string, store ledger.Store) *Link {
	l := &Link{store: store, net: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links == nil {
		n.links = make(map[string]*Link)
	}
	n.links[node] = l
	l.away.set(n.down)
	return l
}

// link returns a node's link, or one that nobody uses.
func (n *Net) link(node string) *Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.links[node]; l != nil {
		return l
	}
	return &Link{net: n}
}

// Cut cuts a node off, or heals that: what it sends does not arrive, and it gets no
// answers.
func (n *Net) Cut(node string, cut bool) { n.link(node).cut.set(cut) }

// Down cuts all nodes off, those to come too, or ends that.
func (n *Net) Down(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, l := range n.links {
		l.away.set(down)
	}
}

// LoseAnswers has a node's next write of a record arrive, and from then on all answers to
// the node get lost, or ends that.
func (n *Net) LoseAnswers(node string, lose bool) {
	l := n.link(node)
	if l.deafens.set(lose); !lose {
		l.deaf.set(false)
	}
}

// HoldWrites keeps back what a node writes to the records. Its reads and its heartbeats
// are answered as usual, its writes are not. When that ends, what was kept back is
// written, in its order, before HoldWrites returns. That of a node whose store was closed
// is lost.
func (n *Net) HoldWrites(node string, hold bool) { n.link(node).holdWrites(hold) }

// Suspend stops a node's operations on the store and the changes that it watches, or has
// them go on. An operation waits whatever its context says, as in a process that is
// frozen: its answer comes when the node goes on, if it had been sent, and else the error
// of its context.
func (n *Net) Suspend(node string, suspend bool) { n.link(node).suspended.set(suspend) }

// FailJoins has a node's next calls of Open fail, and the next heartbeats, each at once.
func (n *Net) FailJoins(node string, opens, beats int) {
	l := n.link(node)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opens, l.beats = opens, beats
}

// Heal ends all faults. What was kept back is lost.
func (n *Net) Heal() {
	n.Down(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.mu.Lock()
		l.hold, l.held, l.opens, l.beats = false, nil, 0, 0
		l.mu.Unlock()
		for _, s := range []*state{&l.cut, &l.deafens, &l.deaf, &l.suspended} {
			s.set(false)
		}
	}
}

// Workers returns the names of the workers of which any node has written a record.
func (n *Net) Workers() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.workers)
}

func (n *Net) wrote(worker string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.workers, worker) {
		n.workers = append(n.workers, worker)
	}
}
