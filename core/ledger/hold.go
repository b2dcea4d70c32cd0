package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A hold is a lease that this instance holds, for the run of a tick. It is
// renewed every third of the lease until the run ends; where that does not
// succeed in time the run is cancelled with ErrLeaseLost (CLU-10).
type hold struct {
	c      *candidate
	tick   core.Tick
	ctx    context.Context // of the delivery
	cancel context.CancelCauseFunc

	// Guarded by c.mu.
	lease   Lease
	rev     uint64
	over    bool // the run has ended: release
	result  core.Result
	stop    func()    // the next renewal
	unwatch func()    // what ends the run when the lease does
	passed  time.Time // the latest slot that fell due meanwhile
	unseen  *skipping // what fell due after that; nil before the first release

	mu      sync.Mutex
	renewed moment // when the last renewal that succeeded was sent
	asking  bool   // a renewal is to tell whether the lease is still this instance's
}

// A moment is a time by both clocks: the monotonic one, which stands still while the
// machine is suspended, and the wall clock, which may be set.
type moment struct{ mono, wall time.Time }

func (e *engine) moment() moment { return moment{time.Now(), e.host.Now().Round(0)} }

func newHold(c *candidate, lease Lease, rev uint64, tick core.Tick, sent moment) *hold {
	h := &hold{c: c, tick: tick, lease: lease, rev: rev, renewed: sent}
	ctx, cancel := context.WithCancelCause(context.Background())
	h.ctx, h.cancel = leaseContext{ctx, h}, cancel
	return h
}

// leaseContext is a context that ends when its lease may be another's, and finds
// that out when it is asked, too: after the process was frozen, its timer may
// not have been yet.
type leaseContext struct {
	context.Context
	hold *hold
}

func (l leaseContext) Err() error {
	l.hold.check()
	return l.Context.Err()
}

// check cancels the run if its lease has expired. Where only the wall clock says so,
// it was set, or the machine was suspended: the broker is asked at once, by a
// renewal, and its answer decides.
func (h *hold) check() {
	if h.expired() {
		h.lose()
		return
	}
	if !h.inDoubt() {
		return
	}
	h.mu.Lock()
	asking := h.asking
	h.asking = true
	h.mu.Unlock()
	if !asking {
		h.c.e.renewer.add(h.renew)
	}
}

// age is how long ago the lease was renewed.
func (h *hold) age() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.renewed.mono)
}

// inDoubt tells whether the lease has expired by the wall clock.
func (h *hold) inDoubt() bool {
	now := h.c.e.host.Now().Round(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Sub(h.renewed.wall) >= h.c.e.cfg.Lease-h.c.e.margin()
}

// expired tells whether the run must end, lapsed whether the lease has.
func (h *hold) expired() bool { return h.age() >= h.c.e.cfg.Lease-h.c.e.margin() }
func (h *hold) lapsed() bool  { return h.age() >= h.c.e.cfg.Lease }

// lose cancels the run.
func (h *hold) lose() { h.cancel(core.ErrLeaseLost) }

// keep renews the lease from now on, and watches that it is.
func (h *hold) keep() {
	e := h.c.e
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if h.over {
		return
	}
	// A run that is over before its first renewal needs no watch. What was claimed is
	// as old as the claim, which may have taken long.
	h.stop = e.timers.after(max(e.cfg.Lease/3-h.age(), 0), func() {
		h.watch()
		e.renewer.add(h.renew)
	})
}

// watch ends the run when its lease has not been renewed in time, whatever the
// renewal waits for.
func (h *hold) watch() {
	if h.expired() {
		h.lose()
		return
	}
	c := h.c
	left := c.e.cfg.Lease - c.e.margin() - h.age()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !h.over {
		h.unwatch = c.e.timers.after(max(left, 0), h.watch)
	}
}

// renewAfter sets the timer for the next renewal. c.mu is held.
func (h *hold) renewAfter(d time.Duration) {
	if h.over {
		return
	}
	if h.stop != nil {
		h.stop() // a loss of data has it renewed out of turn
	}
	e := h.c.e
	h.stop = e.timers.after(d, func() { e.renewer.add(h.renew) })
}

// renew writes the lease again, and sets the timer for the next time.
func (h *hold) renew() {
	c := h.c
	last := h.lastOfLong()
	c.mu.Lock()
	h.lease.Last = last
	lease, rev, over, watched := h.lease, h.rev, h.over, h.unwatch != nil
	c.mu.Unlock()
	if over {
		return
	}
	if h.expired() {
		h.lose()
		return
	}
	if !watched {
		h.watch() // this renewal is out of turn, and the first
	}
	inDoubt, sent := h.inDoubt(), c.e.moment()
	ctx, cancel := c.e.op(c.e.life)
	value, done := c.encode(lease)
	defer done()
	state, err := c.e.store.WriteLease(ctx, Write{Worker: c.name, Value: value, Rev: rev})
	cancel()
	c.e.contacted(err)
	next := c.e.cfg.Lease / 3
	switch {
	case err == nil:
		h.mu.Lock()
		h.renewed, h.asking = sent, false
		h.mu.Unlock()
		c.mu.Lock()
		h.rev = state.Lease.Rev
		c.mu.Unlock()
		c.take(state)
	case errors.Is(err, ErrConflict) && h.adopt(state):
		next = 0
		if state.Lease.Rev == rev { // a conflict with nothing
			next = c.e.pace() / 20
		}
	case errors.Is(err, ErrConflict):
		c.take(state)
		h.lose()
		return
	case inDoubt: // and nobody says that it is not lost
		h.lose()
		return
	default:
		next = c.e.pace() / 20
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h.renewAfter(next)
}

// adopt makes the state that a write met the one that the next is to meet, where
// the lease is still this one: an earlier write's answer was lost, or the broker
// has lost the record, or has got back an older one.
func (h *hold) adopt(s State) bool {
	var now Lease
	if decode("lease", s.Worker, s.Lease, &now) != nil {
		return false
	}
	c := h.c
	c.mu.Lock()
	mine := now.Owner == h.lease.Owner && now.Fence == h.lease.Fence && now.Running
	older := now.Fence < h.lease.Fence
	if mine || older {
		h.rev = s.Lease.Rev
	}
	c.owes = c.owes || older // a pause may be lost with it
	c.mu.Unlock()
	if older {
		c.e.suspect()
		c.e.submit(c)
	}
	return mine || older
}

// end is told how the delivery ended, and has the lease released.
func (h *hold) end(r core.Result) {
	c := h.c
	if r.Err != nil {
		r.Err = remoteError(textOf(r.Err)) // Error is called once, without the lock
	}
	c.mu.Lock()
	if h.over {
		c.mu.Unlock()
		return
	}
	h.over, h.result = true, r
	switch r.Outcome {
	case core.Refused: // it would be refused again, here
		c.ended = true
	case core.Cancelled:
		c.ended = c.ended || !c.job.LongRunning()
	}
	for _, stop := range []func(){h.stop, h.unwatch} {
		if stop != nil {
			stop()
		}
	}
	c.mu.Unlock()
	h.cancel(context.Canceled)
	switch r.Outcome {
	case core.Succeeded, core.Failed, core.Cancelled:
		if !c.job.LongRunning() {
			c.job.DelayFrom(endOf(r))
		}
	}
	c.e.submit(c)
}

// endOf is when a run ended, as every instance is to know it.
func endOf(r core.Result) time.Time {
	return r.Started.Add(r.Duration).UTC().Round(0)
}

func (h *hold) isOver() bool {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	return h.over
}

// record is the lease record after the run.
func (h *hold) record() (lease Lease, rev uint64, result core.Result) {
	c := h.c
	last := h.lastOfLong()
	c.mu.Lock()
	defer c.mu.Unlock()
	lease, rev, result = h.lease, h.rev, h.result
	long := c.job.LongRunning()
	lease.Running, lease.For = false, 0
	if h.passed.After(lease.Slot) {
		lease.Slot = h.passed
	}
	lease.Last = last
	switch result.Outcome {
	case core.Succeeded, core.Failed:
		lease.Crashes, lease.Cut = 0, false
		if !long {
			lease.Last = h.last()
		}
		lease.Base = endOf(result)
		if long {
			lease.Done = c.e.pulse.brokerNow().UTC()
			if lease.Done.Before(c.joined) { // the reckoning was mended since
				lease.Done = c.joined.UTC()
			}
		}
	case core.Cancelled:
		lease.Base = endOf(result)
		if c.atMostOnce() {
			lease.Last = h.last()
		} else if !long {
			lease.Again, lease.Cut = true, true
		}
	case core.Refused:
		lease.Again = !long
	case core.Skipped:
		lease.Reason = result.Reason.String()
		lease.Base = c.e.host.Now().UTC().Round(0)
	}
	return lease, rev, result
}

// last is the record of the run. c.mu is held.
func (h *hold) last() *Run {
	r, tick := h.result, h.tick
	tick.Attempt = r.Attempts
	return runOf(core.LastRun{Tick: tick, Start: r.Started, Duration: r.Duration, Outcome: r.Outcome, Err: r.Err, Instance: h.c.e.host.Instance})
}

// lastOfLong is the record of the last run of a long-running worker, which may have many
// runs under one lease. For any other worker it is the last run in the lease. It reads
// the text of a user's error, so c.mu is not held.
func (h *hold) lastOfLong() *Run {
	h.c.mu.Lock()
	known := h.lease.Last
	h.c.mu.Unlock()
	if !h.c.job.LongRunning() {
		return known
	}
	l, ok := h.c.job.LastRun()
	if !ok || l.Tick.Fence != h.tick.Fence {
		return known // none has ended under this lease
	}
	return runOf(l)
}

func (c *candidate) atMostOnce() bool { return c.job.Worker().AtMostOnce }
