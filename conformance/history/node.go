package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Node sees what one instance does, and tells a sink.
type Node struct {
	name  string
	sink  func(Event)
	calls atomic.Uint64

	mu   sync.Mutex
	dead bool
}

// NewNode returns the Node of an instance. Sink is called from any goroutine, and
// the instance waits for it.
func NewNode(name string, sink func(Event)) *Node { return &Node{name: name, sink: sink} }

type nodeKey struct{}

// On returns the name of the node on which the run is whose context ctx is.
func On(ctx context.Context) string {
	name, _ := ctx.Value(nodeKey{}).(string)
	return name
}

// Worker returns the worker with its function wrapped, so that each call of it,
// its end, and the end of its context are told of. In the context On answers.
func (n *Node) Worker(w core.Worker) core.Worker {
	run := w.Run
	w.Run = func(ctx context.Context) (err error) {
		tick, _ := core.TickFrom(ctx)
		call := Event{
			Call: n.calls.Add(1), Worker: w.Name, Slot: tick.Slot, Manual: tick.Manual,
			Fence: tick.Fence, Attempt: tick.Attempt, Redelivered: tick.Redelivered,
		}
		n.tell(Began, call)
		lost := sync.OnceFunc(func() {
			e := call
			e.Err = context.Cause(ctx).Error()
			n.tell(Lost, e)
		})
		forget := context.AfterFunc(ctx, lost)
		returned := false
		defer func() {
			forget()
			if ctx.Err() != nil { // asked: it may find out only now
				lost()
			}
			e := call
			switch {
			case !returned:
				e.Err = "panic or exit"
			case err != nil:
				e.Err, e.HandedBack = fmt.Sprint(err), isHandedBack(err) // fmt contains a panic in its Error
			}
			n.tell(Returned, e)
		}()
		err = run(context.WithValue(ctx, nodeKey{}, n.name))
		returned = true
		return err
	}
	return w
}

// isHandedBack returns whether an error is core.HandBack's. One whose methods panic is not.
func isHandedBack(err error) (is bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, core.ErrHandedBack)
}

// Observe is the node's core.Observer: it tells of runs whose result is not
// recorded, of skips and of the broker.
func (n *Node) Observe(e core.Event) {
	switch e.Kind {
	case core.EventEnded:
		if e.Result.Outcome == core.LeaseLost {
			n.tell(Disowned, Event{Worker: e.Tick.Worker, Slot: e.Tick.Slot, Manual: e.Tick.Manual, Fence: e.Tick.Fence})
		}
	case core.EventSkipped:
		n.tell(Skipped, Event{Worker: e.Tick.Worker, Slot: e.Tick.Slot, Manual: e.Tick.Manual, Last: e.Last, Reason: e.Reason.String(), Count: e.Count})
	case core.EventBroker:
		broker := Event{}
		if e.Err != nil {
			broker.Err = e.Err.Error()
		}
		n.tell(Broker, broker)
	}
}

// Suffer tells of what is done to the node: Started, Cut, Healed, Frozen, Thawed,
// Stopping, or Killed, after which it tells nothing more.
func (n *Node) Suffer(what Kind) {
	n.tell(what, Event{})
	if what == Killed {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dead = true
	}
}

// tell is called one at a time, so that a node's events come in order.
func (n *Node) tell(kind Kind, e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return
	}
	e.At, e.Kind, e.Node = time.Now(), kind, n.name
	n.sink(e)
}
