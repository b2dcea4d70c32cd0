// Package ledger is what distributed engines share: who runs which worker, under
// which lease and fencing token, and what was asked for.
//
// A distributed engine is NewEngine over a Store, which keeps the records on a
// broker; the rules of the cluster (CLU-1 to CLU-13) are the engine's, written
// once. The store does compare-and-set, and where it can it tells of changes:
//
//	engine, err := ledger.NewEngine(ledger.Config{Name: "mine", Store: store})
//	m := core.NewManager(engine, core.Options{})
//
// The package ledgertest tests a Store, and the package conformance the engine on
// it. Memory is a broker in this process, for tests.
//
// # How a slot is run once
//
// Each instance computes the same slots. When one is due each instance that has
// the worker writes its claim into the worker's lease record, if the record is
// still what the instance has seen. The broker lets one of these writes in, and
// that instance runs the slot. It renews the lease while the run goes on, and
// writes how it ended: the slot will never be due again. An instance that sees a
// lease stand still for a whole lease's time, by its own monotonic clock, takes
// the run over. It compares no clocks, so that none can mislead it.
//
// A worker whose records a newer version of this library has written, so that this
// one does not know all that they say, is not run by this one, and its records are
// left as they are: the newer instances run it.
//
// What an instance knows it goes by only until the broker says otherwise: every
// write names the revision that it is based on.
//
// # What becomes of a slot that is not run
//
// The instance whose write passes a slot over reports it, once (OBS-2): the holder of
// the lease what falls due while its run goes on, also in a Stop that waits for it;
// who takes a run over, or runs it again, what fell due meanwhile; who claims the
// latest slot of several, those before it. It does so too where it gets no answer to
// the write, and learns that it has happened when others have written since: the record
// names who has passed over slots (Lease.Told). Until it knows, its Stop waits. What
// falls due while no instance is left nobody can report; the record has the last slot
// that was accounted for, and the next instance that starts reports what came after it
// as missed (PER-7). Nor does anybody report what an instance had passed over and not
// told when it was killed, or when it stopped and could not ask the broker.
//
// # What may be trusted, and until when
//
// A run may trust that it is alone until its context ends: it is cancelled, with
// ErrLeaseLost, a tenth of the lease before another instance can take over, and
// an instance that was frozen meanwhile finds out when it asks its context with
// Err. A context that is derived from it with a deadline or a cancel of its own, as
// that of a worker with a Timeout is, learns of it a moment later. What a run does
// without asking, a frozen one that is thawed may do beside its successor: hand the
// tick's Fence to what it writes to, and have that refuse a lower one than it has
// seen.
//
// Leases are reckoned by the monotonic clock. While a machine is suspended that one
// stands still, and only the wall clock tells of it, which may as well have been set:
// where it says that a lease has expired, the broker is asked at once, and the run
// goes on only if it answers that the lease is still this instance's.
//
// # What remains of a worker
//
// If no instance has a worker any more, its records remain on the broker for ever, some
// hundred bytes each. The broker cannot know whether the worker was removed for good or
// all its instances are down; in that case it makes up the slot that it missed. So do not
// invent a new name for each worker that comes and goes. An operator may delete the
// records if no instance has the worker or is about to start with it, and no run of it is
// in progress. The documentation of the backend says how. This also forgets a pause: if
// the worker is added again, it is a new worker.
package ledger
