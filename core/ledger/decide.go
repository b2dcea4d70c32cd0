package ledger

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// process looks at a candidate, and does what there is to do, step by step,
// until there is nothing more.
func (e *engine) process(c *candidate) {
	c.mu.Lock()
	c.queued = false
	if c.working {
		c.anew = true
		c.mu.Unlock()
		return
	}
	c.working = true
	for {
		c.anew = false
		c.mu.Unlock()
		var err error
		step := c.decide()
		if step != nil {
			err = step()
		}
		c.mu.Lock()
		if err == nil {
			c.fails = 0 // also where nothing is to be done any more, and so nothing is tried again
			if step != nil || c.anew {
				continue
			}
		}
		c.working = false
		if err != nil {
			c.again()
		}
		c.mu.Unlock()
		break
	}
	c.answer()
	c.mu.Lock()
	left, unread := c.gone && c.hold == nil, c.unread
	c.mu.Unlock()
	switch {
	case left:
		c.refuse(true) // nobody will read the records to answer them
	case unread:
		c.refuse(false) // another may be able to
	}
}

// again has the candidate looked at after a while, because something failed. c.mu is held.
func (c *candidate) again() {
	c.fails++
	wait := min(c.e.pace()/100<<min(c.fails, 6), c.e.pace()/8)
	if c.unread {
		wait = c.e.cfg.Lease
	}
	c.lookAfter(wait)
}

// lookAfter has the candidate looked at after a time, in place of what an earlier call
// asked for. c.mu is held.
func (c *candidate) lookAfter(wait time.Duration) {
	if c.retry != nil {
		c.retry()
	}
	c.retry = c.e.timers.after(wait, func() { c.e.submit(c) })
}

// hopeAnew has what fails once more be tried again soon, and what could not be
// dispatched now: the broker is back.
func (c *candidate) hopeAnew() {
	c.mu.Lock()
	c.fails = min(c.fails, 1)
	c.undelivered = 0
	stop := c.redispatch
	c.mu.Unlock()
	if stop != nil {
		stop()
		c.dispatchAgain()
	}
}

// A view is what was known of a worker when something was decided about it. The
// deed is written against its revisions: what was learned in between, as by a
// Watcher, makes it a conflict and not a deed upon what nobody has looked at.
type view struct {
	Lease
	revs [2]uint64
}

// decide returns what is to be done next for a worker, or nil. Only process
// calls it, so that nothing but what the broker says comes between the decision
// and the deed; and there the view's revision decides.
func (c *candidate) decide() func() error {
	c.mu.Lock()
	lease, h := view{c.lease, c.revs}, c.hold
	known, gone, lost, ended, inDoubt := c.known && !c.stale, c.gone, c.lost, c.ended, c.doubt != nil
	owes := c.owes
	paused, triggered, done := c.control.Paused, c.triggered(), c.isDone()
	seen, missing, trigger := c.seen, c.missing, c.control.Trigger
	changed := len(c.pending) > 0 && c.pending[0].rev != c.revs[0]
	c.mu.Unlock()

	switch {
	case h != nil && h.isOver():
		return func() error { return c.release(h) }
	case inDoubt:
		return c.clearDoubt
	case h != nil && owes:
		return c.writeControlBack
	case h != nil, gone:
		return nil
	case !known:
		return c.load
	case lost && !missing.IsZero() && !c.e.pulse.since(missing.Add(-1)):
		// What is written back says which life of the data it was written in, so that
		// others learn of the loss by it: first that is to be known here.
		return func() error { return c.e.beat(c.e.life) }
	case lost || lease.revs[0] == 0 && !lease.isNew(): // before anybody may claim
		return c.writeBack
	case changed:
		return c.settlePending
	case c.local, ended, c.e.isStopping(), !c.e.mayClaim():
		return nil
	case lease.Life.After(c.e.pulse.life()) && !c.e.pulse.since(seen): // others have noticed a loss
		return func() error { return c.e.beat(c.e.life) }
	case lease.revs[0] == 0:
		return c.found(lease)
	case lease.Running:
		if left := max(c.e.cfg.Lease, lease.For) - time.Since(seen); left > 0 {
			c.sleepUntil(time.Now().Add(left))
			return nil
		}
		return c.takeOver(lease)
	case lease.Again:
		return c.ifRoom(c.claim(lease, c.repeat(lease.Lease)))
	case triggered && (!c.job.LongRunning() || !paused):
		return c.ifRoom(c.claimTrigger(lease, trigger))
	case c.job.LongRunning():
		if paused || done {
			return nil
		}
		return c.claim(lease, plan{tick: core.ManualTick(c.name)})
	}
	return c.decideSlot(lease, paused)
}

// decideSlot is decide for a worker that is not running: is a slot due?
func (c *candidate) decideSlot(lease view, paused bool) func() error {
	now := c.e.host.Now()
	slot, missed, err := c.dueSlot(lease.Lease, now)
	if err != nil {
		return nil // the clock reports it
	}
	if slot.IsZero() || slot.Add(c.job.Jitter()).After(now) {
		wait := c.e.cfg.Lease
		if !slot.IsZero() {
			wait = slot.Add(c.job.Jitter()).Sub(now) + c.e.fallback()
		}
		c.sleepUntil(time.Now().Add(wait)) // the clock's alarm comes before
		return nil
	}
	first := missed.With(slot).First // the wait counts from the first slot; a later one does not begin it again
	if wait := c.e.fallback() - now.Sub(first.Add(c.job.Jitter())); wait > 0 && !c.wasAsked(lease.Lease) {
		c.sleepUntil(time.Now().Add(wait)) // the dispatcher has it
		return nil
	}
	if paused {
		return c.skip(lease, missed.With(slot), core.ReasonPaused)
	}
	return c.ifRoom(c.claim(lease, plan{tick: c.job.Tick(slot), missed: missed}))
}

// ifRoom returns a claim for which this instance has room, with a place reserved until the
// run has taken it. If it has none, it leaves the run to instances that have (CLU-5), until
// each of them has had the time to see that it is due. What a Dispatcher has delivered was
// left to others before.
func (c *candidate) ifRoom(claim func() error) func() error {
	e := c.e
	if c.job.LongRunning() {
		return claim
	}
	if e.reserve() {
		return func() error {
			defer e.reserved.Add(-1)
			return claim()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left.IsZero() {
		c.left = time.Now()
	}
	wait := e.leaveFor() - time.Since(c.left)
	if wait <= 0 || len(c.waiters) > 0 {
		return claim
	}
	c.lookAfter(min(wait, e.soon()/10)) // there may be room by then
	return nil
}

// reserve reserves a place for a run, if there is room.
func (e *engine) reserve() bool {
	if int(e.reserved.Add(1)) <= e.host.Room() {
		return true
	}
	e.reserved.Add(-1)
	return false
}

// leaveFor is how long an instance without room leaves a run that is due to others. With
// a Watcher each of them knows at once. Without one they see only in the next sweep that a
// trigger or a tick that was handed back is due.
func (e *engine) leaveFor() time.Duration {
	if e.watches {
		return e.soon() / 5
	}
	return e.loadEvery() + e.soon()
}

// dueSlot returns the latest slot that is due and was not run or skipped, and the missed
// slots before it. If there is none it returns the next slot.
func (c *candidate) dueSlot(lease Lease, now time.Time) (slot time.Time, missed core.Slots, err error) {
	s := c.job.Schedule()
	until := now.Add(-c.job.Jitter())
	if d, ok := s.(core.AfterRun); ok {
		c.mu.Lock()
		rescheduled := c.from
		c.mu.Unlock()
		return d.Next(later(lease.Base, rescheduled)), core.Slots{}, nil
	}
	slot, err = core.NextSlot(s, c.settledUntil(lease, now))
	if err != nil || slot.IsZero() || slot.After(until) {
		return slot, core.Slots{}, err
	}
	slot, missed, _, _ = core.CatchUp(s, slot, until) // the last good slot is due, whatever follows (PER-9)
	return slot, missed, nil
}

// settledUntil is the time up to which no slot is due any more.
func (c *candidate) settledUntil(lease Lease, now time.Time) time.Time {
	c.mu.Lock()
	rescheduled := c.from
	c.mu.Unlock()
	from := later(lease.Slot, rescheduled)
	if from.Sub(now) > rewind { // the clocks were set back (PER-11)
		return now
	}
	return from
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// rewind is how far ahead of the clock the latest slot may be before it is taken
// for that of a clock which was set back since.
const rewind = time.Minute

// fallback is how long a slot is left to the dispatcher before an instance claims
// it by itself; without one it is how long until an alarm is not relied upon.
func (e *engine) fallback() time.Duration { return max(e.cfg.Lease/5, time.Second) }

// wasAsked tells whether a slot may be claimed at once: there is no dispatcher
// that it should be left to, or it was delivered here.
func (c *candidate) wasAsked(lease Lease) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.e.cfg.Dispatcher == nil || c.asked.After(lease.Slot)
}

// takeOver decides about a run whose instance has died (CLU-4).
func (c *candidate) takeOver(lease view) func() error {
	w := c.job.Worker()
	switch {
	case c.job.LongRunning():
		return c.claim(lease, plan{tick: core.ManualTick(c.name), redelivered: true})
	case w.AtMostOnce:
		return c.giveUp(lease, "its instance died, and it runs at most once")
	case lease.Crashes+1 >= maxCrashes:
		return c.giveUp(lease, "")
	}
	lease.Crashes++
	return c.claim(lease, c.repeat(lease.Lease))
}

// maxCrashes is how many instances may die in the run of a tick.
const maxCrashes = 3

// repeat is the plan to run a lease's tick again.
func (c *candidate) repeat(lease Lease) plan {
	p := plan{redelivered: lease.Crashes > 0 || lease.Cut, repeated: true}
	if lease.Manual != "" {
		p.tick = core.ManualTick(c.name)
		p.tick.Manual = lease.Manual
	} else {
		p.tick = c.job.Tick(lease.Tick)
	}
	return p
}

// passedSince returns the slots that fell due during a run that crashed or was handed
// back: they overlapped with the run.
func (c *candidate) passedSince(lease Lease) core.Slots {
	if _, delay := c.job.Schedule().(core.AfterRun); delay || c.job.LongRunning() {
		return core.Slots{}
	}
	now := c.e.host.Now()
	slot, missed, err := c.dueSlot(lease, now)
	if err != nil || slot.IsZero() || slot.After(now.Add(-c.job.Jitter())) {
		return core.Slots{}
	}
	return missed.With(slot)
}

// sleepUntil has the sweep look at the candidate no sooner.
func (c *candidate) sleepUntil(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookAt = t
}

// load reads the records.
func (c *candidate) load() error {
	states, sent, err := c.e.read(c.e.life, c.name)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.stale = false
	c.mu.Unlock()
	return c.takeRead(states[0], sent)
}

// found makes the worker's record: one that is seen for the first time has
// missed nothing (PER-7). Whether the broker has just lost it a beat tells that
// was sent after it was not found.
func (c *candidate) found(v view) func() error {
	return func() error {
		c.mu.Lock()
		seen := c.seen
		c.mu.Unlock()
		if !c.e.pulse.since(seen) {
			if err := c.e.beat(c.e.life); err != nil || !c.e.mayClaim() {
				return err
			}
		}
		c.mu.Lock()
		lease := Lease{Slot: c.since.UTC().Round(0), Base: c.since.UTC().Round(0)}
		c.mu.Unlock()
		return c.write(lease, v.revs, false, sequel{})
	}
}

// A sequel is what follows a write, also when it is found out later whether that has
// happened. Without then none of its functions need be there.
type sequel struct {
	then func(rev uint64) // it has happened
	late func()           // it has happened, and others have written since; nil where that is no matter
	not  func()           // it has not, or that cannot be known any more; one of the others may follow, if it happens yet
}

// write writes the lease record if it is at the revision given, and, if guarded,
// the control record too.
func (c *candidate) write(lease Lease, revs [2]uint64, guarded bool, s sequel) error {
	if s.late != nil {
		lease.tell(false)
	}
	sent := time.Now()
	value, done := c.encode(lease)
	defer done()
	w := Write{Worker: c.name, Value: value, Rev: revs[0], Control: revs[1], Guarded: guarded}
	ctx, cancel := c.e.op(c.e.life)
	defer cancel()
	state, err := c.e.store.WriteLease(ctx, w)
	c.e.contacted(err)
	switch {
	case err == nil:
		c.take(state)
		if s.then != nil {
			s.then(state.Lease.Rev)
		}
		return nil
	case errors.Is(err, ErrConflict):
		if s.not != nil {
			s.not()
		}
		if unreadable := c.take(state); unreadable != nil {
			return unreadable
		}
		c.mu.Lock()
		older := c.revs == revs // than what is known
		lost := older && c.fails > 1
		if lost {
			c.lose()
		}
		c.mu.Unlock()
		switch {
		case lost:
			c.e.suspect()
		case older:
			return err // looked at again before it is believed
		}
		return nil
	}
	if s.then != nil {
		c.mu.Lock()
		c.doubt = &doubt{fence: lease.Fence, rev: revs[0], sent: sent, sequel: s}
		c.mu.Unlock()
	}
	return err
}

// clearDoubt finds out whether a write happened, as far as that can be read.
func (c *candidate) clearDoubt() error {
	states, sent, err := c.e.read(c.e.life, c.name)
	if err != nil {
		c.mu.Lock()
		d := c.doubt
		old := c.e.isStopping() && time.Since(d.sent) > c.e.cfg.Lease // what it may have claimed has lapsed
		if old {
			c.doubt, c.stale = nil, true
		}
		c.mu.Unlock()
		if old {
			d.not()
		}
		return err
	}
	c.takeRead(states[0], sent)
	var now Lease
	_ = decode("lease", c.name, states[0].Lease, &now) // take has reported it
	c.mu.Lock()
	d := c.doubt
	c.doubt = nil
	if states[0].Lease.Rev == d.rev && len(c.pending) < maxPending {
		c.pending = append(c.pending, d)
	}
	c.mu.Unlock()
	if !c.happened(d, now, states[0].Lease.Rev) {
		d.not()
	}
	return nil
}

// happened does what follows a write, if a record is what it has made, or what others
// have made of that.
func (c *candidate) happened(d *doubt, now Lease, rev uint64) bool {
	switch me := c.e.host.Instance; {
	case now.Owner == me && now.Fence == d.fence:
		d.then(rev)
	case d.late != nil && slices.Contains(now.Told, Told{Instance: me, Fence: d.fence}):
		d.late()
		c.delayAgain()
	default:
		return false
	}
	return true
}

// maxPending is how many writes of a worker are kept in mind: of those at one revision
// the first is the one that happens.
const maxPending = 16

// settlePending finds out, when the record has changed, whether that was by a write that
// had not happened when it was looked for: servers that have not agreed do so later.
func (c *candidate) settlePending() error {
	c.mu.Lock()
	pending, now, rev := c.pending, c.lease, c.revs[0]
	c.mu.Unlock()
	// Where nothing can be held any more, it lapses.
	if c.e.holdAgain() && !slices.ContainsFunc(pending, func(d *doubt) bool { return c.happened(d, now, rev) }) {
		c.e.unhold()
	}
	c.mu.Lock()
	c.pending = nil
	c.mu.Unlock()
	return nil
}
