package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A candidate is this instance as one that may run a worker: what it knows of
// the worker's records, and the lease, while it holds it.
type candidate struct {
	e     *engine
	job   *core.Job
	name  string
	local bool // of scope PerInstance: nothing is shared but a pause

	mu      sync.Mutex
	queued  bool // to be looked at
	working bool // being looked at
	anew    bool // to be looked at again after that
	gone    bool // removed from this instance
	ended   bool // its manager takes no more deliveries
	lookAt  time.Time
	left    time.Time     // since when a run that is due is left to instances with room; zero if it is not
	joined  time.Time     // by the broker's clock
	since   time.Time     // when the worker came
	from    time.Time     // when it was rescheduled here: slots before do not count
	delay   core.AfterRun // its schedule, if it is a Delay
	known   bool          // the records were read
	stale   bool          // and are to be read again
	lost    bool          // and the broker has lost them since
	owes    bool          // so that the control record is to be written back
	missing time.Time     // here, when that was noticed by the record alone
	lease   Lease
	control Control
	revs    [2]uint64 // of the lease and of the control record
	seen    time.Time // here, when the lease record was last seen to change
	doubt   *doubt
	pending []*doubt // writes that have not happened, and may yet while the record is at their revision
	mine    *writing
	hold    *hold
	took    string      // the last trigger that is known to have been taken
	fails   int         // operations that failed in a row
	retry   func()      // stops the timer after which it is looked at again
	taking  string      // the trigger that is being claimed
	unread  bool        // this version cannot read the records
	paused  *core.Pause // the argument of the last job.SetPaused
	telling sync.Mutex  // held while job.SetPaused is called; locked before mu

	// With a Dispatcher.
	toDispatch  time.Time // the latest slot that is due and not dispatched
	dispatching bool
	undelivered int       // how often it could not be dispatched, one after the other
	redispatch  func()    // stops the timer after which it is tried again
	asked       time.Time // the latest slot that was delivered here
	waiters     []*waiter
	answered    core.Tick // the last delivery whose run had ended
}

// A doubt is a write of which it is not known whether it happened.
type doubt struct {
	fence uint64
	rev   uint64 // at which it was to happen
	sent  time.Time
	sequel
}

func newCandidate(e *engine, job *core.Job) *candidate {
	w := job.Worker()
	delay, _ := w.Schedule.(core.AfterRun)
	return &candidate{
		delay: delay,
		e:     e, job: job, name: w.Name,
		local:  w.Scope == core.PerInstance,
		joined: e.pulse.brokerNow(),
		since:  e.host.Now(),
	}
}

// rescheduled has the slots of a new schedule count from now. A Delay is given
// again after each run, which is no reschedule. The schedule is read under the
// lock, so the last of several calls knows the last schedule (CTL-2).
func (c *candidate) rescheduled(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookAt = time.Time{}
	d, delay := c.job.Schedule().(core.AfterRun)
	if !delay || d != c.delay {
		c.from = now.UTC().Round(0)
	}
	c.delay = d
}

// settled tells whether the clock can be set for the job: a Delay's first slot
// is not known before the records are.
func (c *candidate) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, delay := c.job.Schedule().(core.AfterRun); !delay {
		return true
	}
	return c.known && c.revs[0] != 0 && c.hold == nil
}

// leave ends the candidacy. A lease that is held is released when the run ends; a
// release that has failed, or a doubt, is tried again as before.
func (c *candidate) leave() {
	c.mu.Lock()
	c.gone = true
	if c.hold != nil {
		c.e.part(c, true)
	}
	c.mu.Unlock()
	c.refuse(false)
}

// refuse answers the deliveries of what does not run here already, or all: they are
// to go to another instance.
func (c *candidate) refuse(all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.waiters[:0]
	for _, w := range c.waiters {
		if !all && c.hold != nil && c.hold.tick.ID() == w.tick.ID() {
			left = append(left, w)
		} else {
			w.answer <- Delivery{Absent: true}
		}
	}
	clear(c.waiters[len(left):])
	c.waiters = left
}

// take learns a state that came back from a write, or that a Watcher has told.
func (c *candidate) take(s State) error { return c.takeRead(s, time.Now()) }

// takeRead learns a state that was asked for at a time. An older one than is known
// is passed over. The error is that of a record that cannot be read: the worker
// stands still here until it can.
func (c *candidate) takeRead(s State, asOf time.Time) error {
	c.mu.Lock()
	told := c.known && !c.stale && !c.lost && c.revs == [2]uint64{s.Lease.Rev, s.Control.Rev}
	mine := c.mine
	c.mu.Unlock()
	if told { // a write of this instance's comes back from the watch, or the other way round
		return nil
	}
	lease, control, err := c.decode(s, mine)
	c.mu.Lock()
	before := c.unread
	c.unread = err != nil
	c.stale = c.stale || c.unread
	c.mu.Unlock()
	switch {
	case err != nil && !before:
		c.e.host.Logger.Error("ledger: unreadable record", "worker", c.name, "error", err)
		fallthrough
	case err != nil:
		return err
	case before:
		c.e.submit(c)
	}
	c.mu.Lock()
	if c.known && s.Lease.Rev != 0 && s.Lease.Rev < c.revs[0] || s.Lease.Rev == 0 && c.lost {
		c.mu.Unlock()
		return nil
	}
	if c.known && lease.knowsLess(&c.lease) {
		// The broker is behind what it has told: it has lost data, and maybe another
		// instance, which knew less than this, has made the record anew.
		if c.revs[0] == 0 || !asOf.After(c.seen) { // or the answer was long under way
			c.mu.Unlock()
			return nil
		}
		c.lose()
		c.mu.Unlock()
		c.e.suspect()
		c.e.submit(c)
		return nil
	}
	first := !c.known
	c.known = true
	var ran *Run
	var again, elsewhere bool
	if first || s.Lease.Rev != c.revs[0] {
		before := c.lease
		c.lease, c.revs[0], c.seen = lease, s.Lease.Rev, time.Now()
		c.left = time.Time{}
		c.took = cmp.Or(lease.Trigger, c.took)
		// An instance may come back under the name that it had.
		if last := lease.Last; last != nil && !last.is(before.Last) && (first || last.Instance != c.e.host.Instance) {
			ran = last
		}
		elsewhere = c.delay != (core.AfterRun{}) && c.runsElsewhere() && !before.Running
		again = c.hold == nil && !c.gone && (first || !lease.Base.Equal(before.Base))
		c.lookAt = time.Time{}
	}
	pauseBefore := c.control.pause()
	if s.Control.Rev > c.revs[1] && !(c.lost && control.Seq < c.control.Seq) { // a Watcher may leave it out
		c.control, c.revs[1] = control, s.Control.Rev
		c.lookAt = time.Time{}
	}
	paused, held := c.control.Paused, c.hold
	repaused := !samePause(c.control.pause(), pauseBefore)
	delayed := (again || elsewhere) && s.Lease.Rev != 0 && !c.local
	hurry := held != nil && c.job.LongRunning() && !paused && c.control.Trigger != held.lease.Trigger
	if hurry {
		held.lease.Trigger = c.control.Trigger
	}
	c.mu.Unlock()

	if ran != nil {
		c.job.Ran(ran.last(c.name))
	}
	c.tellOver()
	if repaused || delayed {
		c.tellJob()
	}
	if hurry {
		c.job.Hurry()
	}
	return nil
}

// tellJob tells the job what is known now of a pause, and of when a Delay counts
// from: one at a time, so that what came last is told last.
func (c *candidate) tellJob() {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	pause := c.control.pause()
	changed := !samePause(pause, c.paused)
	c.paused = pause
	base, held, elsewhere := later(c.lease.Base, c.from), c.hold != nil || c.gone, c.runsElsewhere()
	c.mu.Unlock()
	if changed {
		c.job.SetPaused(pause)
	}
	_, delay := c.job.Schedule().(core.AfterRun)
	switch {
	case !delay || held || c.local:
	case elsewhere:
		c.job.DelayFrom(time.Time{})
		c.e.clock.Set(c.job)
	case !base.IsZero():
		c.job.DelayFrom(base)
		c.e.clock.Set(c.job)
	}
}

// tellOver sets in the job of a long-running worker that does not run here whether the
// worker has ended for good in the cluster. Calls wait for each other, so that the last
// state is set last.
func (c *candidate) tellOver() {
	if !c.job.LongRunning() {
		return
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	over, held := c.isDone(), c.hold != nil
	var err error
	if over && c.lease.gaveUp() {
		err = remoteError(c.lease.Last.Err)
	}
	c.mu.Unlock()
	if !held {
		c.job.SetOver(over, err)
	}
}

func samePause(a, b *core.Pause) bool {
	return a == nil && b == nil || a != nil && b != nil && a.By == b.By && a.At.Equal(b.At)
}

// runsElsewhere tells whether another instance runs the worker. c.mu is held.
func (c *candidate) runsElsewhere() bool {
	return c.hold == nil && c.lease.Running && c.lease.Owner != c.e.host.Instance
}

// writing is a lease record that is being written, so that what comes back of it, in
// the answer and from a watch, need not be decoded.
type writing struct {
	value []byte
	lease Lease
}

func (c *candidate) decode(s State, mine *writing) (lease Lease, control Control, err error) {
	err = decode("control", c.name, s.Control, &control)
	if mine != nil && bytes.Equal(mine.value, s.Lease.Value) {
		return mine.lease, control, err
	}
	err = errors.Join(decode("lease", c.name, s.Lease, &lease), err)
	return lease, control, err
}

// encode returns the lease record to be written, in the present life of the data,
// and what is to be called when the answer was taken.
func (c *candidate) encode(lease Lease) (value []byte, done func()) {
	lease.Life = c.e.pulse.life()
	w := &writing{lease.encode(), lease}
	c.mu.Lock()
	c.mine = w
	c.mu.Unlock()
	return w.value, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mine == w {
			c.mine = nil
		}
	}
}

// lose makes the records lost, as far as this instance can tell by them alone.
// c.mu is held.
func (c *candidate) lose() {
	c.lost, c.owes, c.revs, c.missing = true, true, [2]uint64{}, time.Now()
}

// isDone returns whether a long-running worker has ended for good (LNG-3). An instance
// that joins after the worker gave up tries it again. c.mu is held.
func (c *candidate) isDone() bool {
	l := &c.lease
	return !l.Done.IsZero() && !c.triggered() && !(l.gaveUp() && l.Done.Before(c.joined))
}

// triggered tells whether a trigger waits to be taken. c.mu is held.
func (c *candidate) triggered() bool {
	return c.control.Trigger != "" && c.control.Trigger != c.lease.Trigger && c.control.Trigger != c.took
}

// refresh has the record read again that is to be judged now, where it is not told:
// a run that it tells of may have ended since it was read. c.mu is held.
func (c *candidate) refresh() {
	if !c.e.watches && c.hold == nil && c.lease.Running {
		c.stale = true
	}
}

// seenAnew has another instance's lease count from now: it could not be renewed
// while the broker was away.
func (c *candidate) seenAnew(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lease.Running {
		c.seen = now
	}
}

// passes tells whether a slot that is due is passed over, since the worker runs
// here, and reports it (PER-5), with those before it that nobody has claimed.
func (c *candidate) passes(slot time.Time) bool {
	c.mu.Lock()
	h := c.hold
	if h == nil || h.over {
		c.mu.Unlock()
		return false
	}
	if h.ctx.Err() != nil { // another may run it, and will account for it
		c.mu.Unlock()
		return true
	}
	from := later(later(h.lease.Slot, c.from), h.passed)
	if !slot.After(from) { // it was counted when the lease was claimed
		c.mu.Unlock()
		return true
	}
	h.passed = slot
	reason := core.ReasonOverlap
	if c.control.Paused {
		reason = core.ReasonPaused
	}
	c.mu.Unlock()
	var before core.Slots
	if first, err := core.NextSlot(c.job.Schedule(), from); err == nil && first.Before(slot) {
		_, before, _, _ = core.CatchUp(c.job.Schedule(), first, slot)
	}
	c.job.Skip(before.With(slot), reason)
	c.answer()
	return true
}

// courtesy is how long this instance waits before it claims a slot, so that it
// is not always the one with the quickest way to the broker that runs all.
func (c *candidate) courtesy(slot time.Time) time.Duration {
	most := min(20*time.Millisecond, c.e.cfg.Lateness/2)
	if i, ok := c.job.Schedule().(core.Interval); ok {
		most = min(most, i.Period()/10)
	}
	if most <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(c.name))
	h.Write([]byte(c.e.host.Instance))
	var b [8]byte
	for n, i := slot.UnixNano(), 0; i < len(b); i++ {
		b[i] = byte(n >> (8 * i))
	}
	h.Write(b[:])
	return time.Duration(h.Sum64() % uint64(most))
}
