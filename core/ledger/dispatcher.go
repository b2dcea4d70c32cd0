package ledger

import (
	"context"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Dispatcher carries ticks from the instance on which they fall due to one
// that runs them, for engines that have a queue of their own between the two.
type Dispatcher interface {
	// Start begins to receive. If host.Disabled is set, this instance runs nothing:
	// the Dispatcher must only dispatch, and the Inbox never opens. After an error Stop is
	// not called, and with host.Disabled Start may be called again.
	Start(ctx context.Context, host core.Host, in Inbox) error

	// Dispatch has a tick delivered once, on any instance. One that was
	// dispatched already is no error.
	Dispatch(ctx context.Context, tick core.Tick) error

	// Stop receives nothing more, and waits for deliveries until its context
	// ends.
	Stop(ctx context.Context) error
}

// An Inbox is where a Dispatcher brings the ticks that it has received. It may be
// called from any goroutine.
type Inbox interface {
	// Open tells whether this instance can run ticks now. One that is starting or
	// stopping, or whose clock is wrong (CLU-8), cannot, and what it received would
	// have to go to another, and be late: it is to be asked before anything is taken
	// out of a queue.
	Open() bool

	// Deliver blocks until the tick has come to its end, here or elsewhere. The
	// context does not cancel the run.
	Deliver(ctx context.Context, tick core.Tick) (Delivery, error)
}

// A Witness is a Dispatcher that is told of a run which has failed and was not
// delivered to the instance that ran it: a tick that was taken over from an instance
// which died, say. Its delivery, if it comes, may come to another instance, and
// after other runs of the worker.
type Witness interface {
	Dispatcher

	// Failed is told before another run of the worker can begin, unless the broker's
	// answer was lost. Its context ends.
	Failed(ctx context.Context, tick core.Tick, err error)
}
