package ledger

import (
	"context"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Dispatcher carries ticks from the instance on which they fall due to one
// that runs them, for engines that have a queue of their own between the two. Each
// obligation that is stated here has cases in ledgertest.RunDispatcher.
//
// The ledger alone decides that a tick runs once: a tick may be delivered twice if an
// instance dies, and one that is never delivered is claimed without the Dispatcher within
// the re-route time. A Dispatcher that breaks its promises makes runs late.
type Dispatcher interface {
	// Start begins to receive. If host.Disabled is set, this instance runs nothing:
	// the Dispatcher must only dispatch, and must not ask the Inbox. It returns soon after
	// its context has ended. After an error Stop is not called, nothing may be left behind,
	// and with host.Disabled Start may be called again.
	Start(ctx context.Context, host core.Host, in Inbox) error

	// Dispatch has a tick delivered once, on any instance: on one that has room if the
	// Dispatcher knows of the manager's MaxConcurrent, and in the end on any. A tick that
	// was dispatched already, by this instance or another, is no error and is not delivered
	// again. If no instance can receive it, it waits. While an earlier slot of the worker
	// waits in the queue, a later one may be left out: the instance that gets the earlier one
	// runs the latest that is due. Dispatch returns an error soon after its context has ended
	// if the broker did not take the tick; the caller tries again.
	Dispatch(ctx context.Context, tick core.Tick) error

	// Stop takes nothing more out of the queue, and waits for the deliveries in progress
	// until its context ends. Then it ends the contexts of the deliveries, waits for them to
	// return, and lets other instances have their ticks. It returns soon after its context has
	// ended even if the broker does not answer. No goroutine is left when it has returned.
	Stop(ctx context.Context) error
}

// An Inbox is where a Dispatcher brings the ticks that it has received. Its methods may be
// called from any goroutine.
type Inbox interface {
	// Open returns whether this instance can run ticks now. An instance that is starting or
	// stopping, or whose clock is wrong (CLU-8), cannot: a tick that it takes must go to
	// another instance, and is late. So a Dispatcher asks before it takes anything out of
	// the queue, and again soon if the answer is false: nothing notifies it of a change.
	Open() bool

	// Deliver blocks until the tick has come to its end, here or elsewhere; that can take as
	// long as a run. No delivery may wait for another. The end of the context ends the wait,
	// not the run: only Stop may end it. If Deliver returns an error, or Delivery.Absent, the
	// tick goes to another instance, or to this one again. Otherwise it has ended, and the
	// Dispatcher must not deliver it again.
	Deliver(ctx context.Context, tick core.Tick) (Delivery, error)
}

// A Witness is a Dispatcher that is notified of a run which has failed and was not
// delivered to the instance that ran it: the run of a tick that was taken over from an
// instance which died, for example. Its delivery, if it comes, may come to another instance
// and after other runs of the worker, and is then answered with Delivery.Past.
type Witness interface {
	Dispatcher

	// Failed is called before another run of the worker can begin, unless the broker's
	// answer was lost. It returns soon after its context has ended.
	Failed(ctx context.Context, tick core.Tick, err error)
}
