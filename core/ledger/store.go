package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Store keeps the records of one namespace on a broker. It is what an author
// of a distributed engine writes, some hundred lines of it; the rules are the
// Engine's. The package ledgertest tests a Store.
//
// The obligations of a store:
//
//   - A write is a compare-and-set: it happens if the record's revision is
//     still the one given, and not at all otherwise. All instances see the
//     writes of a record in one order.
//   - A revision is never zero, which stands for a record that is not there. It
//     rises with each write of the record, and never comes back: a record that
//     was lost and made anew has a revision that it never had before, or
//     Pulse.Born has changed.
//   - Names are of letters, digits and . _ - / :, up to 128 bytes, and differ in
//     each of them. The name of an instance is any text. A value is kept byte by
//     byte.
//   - ErrConflict says that the write did not happen, and comes with the present
//     state. After any other error it may have happened or not.
//   - Methods are called from any goroutine, each with a context that ends, which
//     they keep to. Open is called first. If it fails it leaves nothing open, and only
//     Open may be called after it. Close is called last, and once for each Open that
//     succeeded. On a disabled manager Open may be called again after it failed, or
//     after Close: then it begins as if for the first time.
type Store interface {
	// Open connects. It tries until its context ends, and then says what it
	// tried to reach and why that failed, without any password (STA-6).
	Open(ctx context.Context, host core.Host) error

	// Load reads the states of workers, in the order of the names. A record
	// that is not there has revision zero.
	Load(ctx context.Context, workers []string) ([]State, error)

	// WriteLease writes a worker's lease record, and returns the state after it.
	// A Watcher may leave out the record that was not written, but not from the
	// state that comes with ErrConflict.
	WriteLease(ctx context.Context, w Write) (State, error)

	// WriteControl writes a worker's control record if its revision is w.Rev.
	// w.Control does not matter.
	WriteControl(ctx context.Context, w Write) (State, error)

	// Beat tells that an instance is alive. Roster is its present list of
	// workers; nil is as before.
	Beat(ctx context.Context, instance string, roster []byte) (Pulse, error)

	// Leave takes an instance out of the registry.
	Leave(ctx context.Context, instance string) error

	// Instances lists those that are in the registry.
	Instances(ctx context.Context) ([]Member, error)

	// Close lets go of everything.
	Close(ctx context.Context) error
}

// A Watcher is a Store that tells of changes as they happen. The engine then goes by
// what it was told: it calls Load to pause, resume and trigger, after a write without an
// answer, after a lease was lost, and now and then for a record that it could not read.
type Watcher interface {
	Store

	// Watch calls changed with the state of each worker there is, then ready,
	// and then changed whenever a state changes, until its context ends, from
	// one goroutine at a time. It begins anew by itself after a disconnection.
	Watch(ctx context.Context, changed func(State), ready func()) error
}

// An Entry is a record as it is stored.
type Entry struct {
	Value []byte
	Rev   uint64 // zero where there is no record
}

// A State is what is stored of a worker: who runs it, and, in a record of its
// own so that a pause never disturbs a running lease, what was asked for.
type State struct {
	Worker  string
	Lease   Entry
	Control Entry
}

// A Write is a record to be written if its revision is still Rev; zero is to
// make it.
type Write struct {
	Worker string
	Value  []byte
	Rev    uint64
	// Control, where Guarded is set, is the revision that the worker's control
	// record must still have. A Watcher may ignore it: it is told of a change
	// soon enough.
	Control uint64
	Guarded bool
}

// A Pulse is what a beat tells of the broker.
type Pulse struct {
	Now  time.Time // by the broker's clock
	Born time.Time // when the namespace's data began, which changes when they were lost
}

// A Member is an instance in the registry.
type Member struct {
	Instance string
	Roster   []byte
	Seen     time.Time // by the broker's clock
}

// ErrConflict says that a write did not happen: the record was at another
// revision.
var ErrConflict = errors.New("the record has changed")
