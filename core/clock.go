package core

import (
	"context"
	"math"
	"runtime"
	"sync"
	"time"
)

// A Clock calls back at each slot of each job's schedule, plus the job's jitter:
// one goroutine and one timer, for one job or a million. Engines that keep
// their own time are built on it.
//
// It reads the wall clock anew whenever it wakes, and wakes at least every
// ClockCheck, so that after a suspend, or when somebody sets the clock, it is
// right again within that time. Slots that were missed are counted and only the
// latest is called back (PER-7). When the wall clock was set back by up to a
// minute it waits until the time it had seen is reached again, and no slot is
// called back twice; set back further, it goes on from the new now (PER-11).
type Clock struct {
	now func() time.Time
	due func(job *Job, slot time.Time, missed Slots)

	mu    sync.Mutex
	heap  alarmHeap
	stale int   // entries of heap that no longer count
	seen  int64 // the latest wall-clock time seen, less jumps back

	wake chan struct{} // a sooner alarm was set
	stop context.CancelFunc
	done chan struct{}
}

// ClockCheck is how often at least a Clock looks at the wall clock, and so the
// longest it takes to notice that the wall clock has jumped.
const ClockCheck = 30 * time.Second

// rewind is how far the wall clock may be set back without a slot running again.
const rewind = int64(time.Minute)

// clockBatch is how many due jobs are called back before jobs that are being
// set or unset get their turn.
const clockBatch = 256

// never is an alarm that is not in the heap's time.
const never = math.MaxInt64

// alarm is what a clock keeps in each job. The clock's mutex guards it.
type alarm struct {
	schedule Schedule
	period   int64  // of an Interval, whose slots are found without asking it; else 0
	slot     int64  // the next slot, in Unix nanoseconds
	gen      uint32 // counts Set and Unset; a heap entry of another gen is stale
	set      bool   // an entry of this gen is in the heap
}

// NewClock returns a running clock that reads now and calls due for each slot
// that is due, one at a time and a job's in order, from the clock's goroutine:
// due must not block. Missed are the earlier slots that were not called back. Due must
// apply the misfire policy, with job.Misfire.
func NewClock(now func() time.Time, due func(job *Job, slot time.Time, missed Slots)) *Clock {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Clock{
		now:  now,
		due:  due,
		seen: math.MinInt64,
		wake: make(chan struct{}, 1),
		stop: cancel,
		done: make(chan struct{}),
	}
	go c.run(ctx)
	return c
}

// Set calls back at the job's slots from now on, in place of what was set for
// it before. A schedule that is over, or that misbehaves, is reported to the
// job. A job is set on one clock only. Set may be called several times at once:
// the job's slots are then those of its last schedule (CTL-2).
func (c *Clock) Set(job *Job) {
	present := c.present()
	c.mu.Lock()
	c.clear(job)
	gen := job.alarm.gen
	c.mu.Unlock()
	// The schedule is read after the entry was cleared, so the call that clears it last
	// reads the last schedule. The other calls have no effect.
	schedule := job.Schedule()
	slot, err := job.Next(present)
	c.mu.Lock()
	if job.alarm.gen != gen {
		c.mu.Unlock()
		return
	}
	job.alarm.schedule = schedule
	if i, ok := schedule.(Interval); ok {
		job.alarm.period = int64(i.period)
	}
	if err == nil {
		c.arm(job, slot)
	}
	job.settle(slot, err)
	c.mu.Unlock()
	if err != nil {
		job.reportBroken(Tick{Worker: job.worker.Name}, scheduleBroke, err)
	}
}

// Unset calls back no more for the job. A call that is in progress goes on.
func (c *Clock) Unset(job *Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear(job)
}

// Stop ends the clock and waits for the call in progress. It may be called
// more than once, but not from within due.
func (c *Clock) Stop() {
	c.stop()
	<-c.done
}

// present returns the time after which a slot has not been called back yet: now,
// or the time seen already where the wall clock was set back a little (PER-11).
func (c *Clock) present() time.Time {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := c.seen - now.UnixNano(); ahead > 0 && ahead <= rewind {
		return now.Add(time.Duration(ahead))
	}
	return now
}

// clear makes a job's entry stale. The mutex is held.
func (c *Clock) clear(job *Job) {
	a := &job.alarm
	a.gen++
	a.schedule, a.period = nil, 0
	if !a.set {
		return
	}
	a.set = false
	c.stale++
	if c.stale > 1024 && c.stale > len(c.heap)/2 {
		c.heap.compact()
		c.stale = 0
	}
}

// arm enters a job's next slot, if there is one. The mutex is held.
func (c *Clock) arm(job *Job, slot time.Time) {
	if slot.IsZero() {
		return
	}
	a := &job.alarm
	a.slot, a.set = nanos(slot), true
	when := later(a.slot, job.jitter)
	c.heap.push(entry{when: when, gen: a.gen, job: job})
	if c.heap[0].job == job {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// run is the clock's goroutine.
func (c *Clock) run(ctx context.Context) {
	defer close(c.done)
	timer := time.NewTimer(ClockCheck)
	defer timer.Stop()
	batch := make([]alarmed, 0, clockBatch)
	for ctx.Err() == nil {
		now := c.now()
		c.rewound(now)
		var wait time.Duration
		batch, wait = c.collect(batch[:0], now.UnixNano())
		for i := range batch {
			c.call(batch[i], now)
		}
		clear(batch) // keep no job alive
		if len(batch) > 0 {
			runtime.Gosched() // let the runs begin: their goroutines are then free for the next batch
			continue
		}
		if wait < never {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-c.wake:
		case <-ctx.Done():
		}
	}
}

// alarmed is a job whose alarm went off, with what the clock kept in it then.
type alarmed struct {
	job      *Job
	schedule Schedule // nil where the next slot is entered already
	slot     int64
	gen      uint32
}

// collect takes from the heap what is due, at most a batch, and returns how
// long there is to wait when nothing is.
func (c *Clock) collect(batch []alarmed, now int64) ([]alarmed, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.heap) > 0 && len(batch) < clockBatch {
		top := c.heap[0]
		live := top.live()
		if live && top.when > now {
			break
		}
		if !live {
			c.heap.pop()
			c.stale--
			continue
		}
		a := &top.job.alarm
		if following, ok := a.regular(now - top.job.jitter); ok {
			batch = append(batch, alarmed{job: top.job, slot: a.slot})
			a.slot = following
			c.heap.replace(entry{when: later(following, top.job.jitter), gen: top.gen, job: top.job})
			continue
		}
		c.heap.pop()
		a.set = false
		batch = append(batch, alarmed{top.job, a.schedule, a.slot, a.gen})
	}
	if len(c.heap) == 0 {
		return batch, never
	}
	if ahead := c.heap[0].when - now; ahead < int64(ClockCheck) {
		return batch, time.Duration(max(ahead, 0))
	}
	return batch, ClockCheck
}

// regular returns the slot after an alarm's of an Interval of which none was
// missed by now. It is the common case, and touches nothing but the alarm: among
// a million jobs each further object is a cache miss.
func (a *alarm) regular(now int64) (following int64, ok bool) {
	if a.period <= 0 || a.slot < -exact || a.slot > exact-a.period {
		return 0, false
	}
	following = a.slot + a.period
	return following, following > now
}

// call calls back for one job and enters its next slot. Its schedule is asked
// and due is called without the mutex: they are not the clock's code.
func (c *Clock) call(e alarmed, now time.Time) {
	if e.schedule == nil {
		c.due(e.job, time.Unix(0, e.slot).UTC(), Slots{})
		return
	}
	until := now.Add(-time.Duration(e.job.jitter))
	slot, missed, following, err := CatchUp(e.schedule, time.Unix(0, e.slot).UTC(), until)
	c.due(e.job, slot, missed)
	c.rearm(e, following, err)
}

// rearm enters the next slot of a job that was called back, or reports that there
// is none, unless the job was set again or unset in the meantime.
func (c *Clock) rearm(e alarmed, following time.Time, err error) {
	c.mu.Lock()
	if e.job.alarm.gen != e.gen {
		c.mu.Unlock()
		return
	}
	if err == nil {
		c.arm(e.job, following)
	}
	if following.IsZero() || err != nil {
		e.job.settle(following, err)
	}
	c.mu.Unlock()
	if err != nil {
		e.job.reportBroken(Tick{Worker: e.job.worker.Name}, scheduleBroke, err)
	}
}

// rewound sets every job anew where the wall clock was set back by more than
// rewind since it was last read.
func (c *Clock) rewound(now time.Time) {
	c.mu.Lock()
	if t := now.UnixNano(); t >= c.seen || c.seen-t <= rewind {
		c.seen = max(c.seen, t)
		c.mu.Unlock()
		return
	}
	c.seen = now.UnixNano()
	var all []alarmed
	for _, e := range c.heap {
		if e.live() {
			a := &e.job.alarm
			a.set = false
			all = append(all, alarmed{e.job, a.schedule, a.slot, a.gen})
		}
	}
	c.heap, c.stale = nil, 0
	c.mu.Unlock()
	for _, e := range all {
		slot, err := next(e.schedule, now)
		c.rearm(e, slot, err)
	}
}

// exact bounds the Unix times, in nanoseconds, that nanos returns as they are.
const exact = 9_000_000_000 * int64(time.Second)

// nanos returns a time in Unix nanoseconds, or the nearest that there is.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s > 9_000_000_000:
		return never
	case s < -9_000_000_000:
		return math.MinInt64
	default:
		return t.UnixNano()
	}
}

// exactNanos returns a time in Unix nanoseconds, if it is so near.
func exactNanos(t time.Time) (int64, bool) {
	ns := nanos(t)
	return ns, ns >= -exact && ns <= exact
}

// later returns t + d, or never where that overflows; d is not negative.
func later(t, d int64) int64 {
	if t > never-d {
		return never
	}
	return t + d
}
