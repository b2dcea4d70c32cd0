package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Delivery is what became of a tick that a Dispatcher has delivered.
type Delivery struct {
	// Absent is set if this instance does not have the worker, is about to stop, or has a
	// clock that is wrong. Deliver the tick to another instance (CLU-5).
	Absent bool
	// Outcome is how the run ended, here or elsewhere: Succeeded, Failed,
	// Cancelled or Skipped. Zero: it ran elsewhere, and how it ended is not known here.
	Outcome core.Outcome
	// Past is set if the worker has had other runs since, so that the record has no
	// outcome of this tick. Only a Witness knows whether a run of the tick has failed.
	Past bool
	// Err is the error of a run that failed.
	Err error
	// Note explains the outcome to people. It may be empty.
	Note string
}

// A waiter is a delivery that waits for its tick to come to an end.
type waiter struct {
	tick   core.Tick
	runner string        // the other instance that was seen to run it
	answer chan Delivery // of capacity one
}

var errStopping = errors.New("the instance is stopping")

// inbox is the engine's Inbox.
type inbox struct{ e *engine }

func (in inbox) Open() bool {
	e := in.e
	return e.loaded.Load() && !e.isStopping() && !e.isSkewed()
}

func (in inbox) Deliver(ctx context.Context, tick core.Tick) (Delivery, error) {
	e := in.e
	c := e.find(tick.Worker)
	if c == nil || c.local || e.isSkewed() {
		return Delivery{Absent: true}, nil
	}
	if tick.Manual == "" { // by this instance's clock it may not be time yet (PER-2)
		if early := tick.Slot.Add(c.job.Jitter()).Sub(e.host.Now()); early > 0 {
			timer := time.NewTimer(early)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return Delivery{}, context.Cause(ctx)
			case <-e.quit:
				return Delivery{Absent: true}, nil
			}
		}
	}
	w := &waiter{tick: tick, answer: make(chan Delivery, 1)}
	skewed := e.isSkewed()
	c.mu.Lock()
	switch {
	case c.gone || c.ended || skewed || e.isStopping():
		c.mu.Unlock()
		return Delivery{Absent: true}, nil
	case tick.Manual == "" && tick.Slot.After(c.asked):
		c.asked = tick.Slot
	case tick.Manual != "" && c.hold == nil:
		c.stale = true // the trigger is in the record, which may not be read yet
	}
	c.refresh()
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	e.reached()
	e.submit(c)
	select {
	case d := <-w.answer:
		return d, nil
	case <-ctx.Done():
		c.forget(w)
		return Delivery{}, context.Cause(ctx)
	case <-e.life.Done():
		c.forget(w)
		return Delivery{}, errStopping
	}
}

func (c *candidate) forget(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range c.waiters {
		if x == w {
			c.waiters = append(c.waiters[:i], c.waiters[i+1:]...)
			return
		}
	}
}

// answer answers the waiters whose tick has come to an end.
func (c *candidate) answer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiters) == 0 || !c.known || c.stale || c.doubt != nil || c.revs[0] == 0 {
		return
	}
	if l := &c.lease; c.hold == nil && l.Running && l.Owner == c.e.host.Instance {
		return // a watch has told of the claim before its answer came: the run is about to begin
	}
	left := c.waiters[:0]
	for _, w := range c.waiters {
		if d, ended := c.judge(w); ended {
			w.answer <- d
		} else {
			left = append(left, w)
		}
	}
	clear(c.waiters[len(left):])
	c.waiters = left
}

// judge tells what became of a tick by the record, if it has come to an end. c.mu
// is held.
func (c *candidate) judge(w *waiter) (Delivery, bool) {
	l, h, tick := &c.lease, c.hold, w.tick
	if h != nil && isTick(tick, h.tick.Slot, h.tick.Manual) {
		return Delivery{}, false
	}
	if last := l.Last; last != nil && isTick(tick, last.Slot, last.Manual) {
		c.answered = tick
		return last.delivery(), true
	}
	switch ofTick := isTick(tick, l.Tick, l.Manual); {
	case ofTick && l.Running:
		w.runner = l.Owner
		return Delivery{}, false
	case ofTick && l.Again:
		return Delivery{}, false
	case ofTick && l.Reason == core.ReasonRefused.String():
		return skippedFor(core.ReasonRefused), true
	case ofTick && l.Reason == "":
		return Delivery{Outcome: core.Failed, Err: errDied}, true
	case tick.Manual != "":
		return c.judgeTrigger(w)
	}
	return c.judgeSlot(w)
}

func isTick(tick core.Tick, slot time.Time, manual string) bool {
	return tick.Manual == manual && tick.Slot.Equal(slot)
}

// judgeTrigger is judge of a trigger that is not the record's tick. c.mu is held.
func (c *candidate) judgeTrigger(w *waiter) (Delivery, bool) {
	switch trigger := w.tick.Manual; {
	case c.lease.Trigger == trigger, c.took == trigger:
		return w.past("was run"), true
	case c.control.Trigger == trigger, c.hold != nil: // it waits, or the record was not read since
		return Delivery{}, false
	}
	return w.past("was joined with another trigger, or run before one"), true
}

// judgeSlot is judge of a slot that is not the record's tick. c.mu is held.
func (c *candidate) judgeSlot(w *waiter) (Delivery, bool) {
	l, h, slot := &c.lease, c.hold, w.tick.Slot
	overlap := core.ReasonOverlap
	if c.control.Paused && (h != nil || l.Running) {
		overlap = core.ReasonPaused
	}
	switch {
	case h != nil && !h.passed.Before(slot):
		return skippedFor(overlap), true
	case h != nil && slot.After(h.lease.Slot):
		return Delivery{}, false
	case h == nil && l.Running && slot.After(l.Slot):
		// By the clock of the one that runs it may not be time yet, and it may run
		// the slot still.
		return skippedFor(overlap), c.e.host.Now().Sub(slot) > MaxSkew
	case l.Slot.Before(slot):
		return Delivery{}, false
	case l.Slot.Equal(slot) && l.Reason != "":
		return Delivery{Outcome: core.Skipped, Note: "skipped: " + l.Reason}, true
	case l.Manual == "" && l.Reason == "" && !l.Tick.IsZero() && l.Tick.Before(slot): // Slot has come past it while Tick was run
		return skippedFor(overlap), true
	}
	return w.past(fmt.Sprintf("passed over: the worker is at %s", l.Slot.UTC().Format(time.RFC3339Nano))), true
}

// past is the answer to a tick of which the record does not tell any more.
func (w *waiter) past(note string) Delivery {
	if w.runner != "" {
		return Delivery{Past: true, Note: fmt.Sprintf("was run by %s; how that ended is not known any more", w.runner)}
	}
	return Delivery{Past: true, Outcome: core.Skipped, Note: note}
}

func skippedFor(reason core.SkipReason) Delivery {
	return Delivery{Outcome: core.Skipped, Note: "skipped: " + reason.String()}
}

// delivery is the answer to the tick of a run that has ended.
func (r *Run) delivery() Delivery {
	d := Delivery{Outcome: r.outcome(), Note: fmt.Sprintf("%s: run by %s in %s", r.Outcome, r.Instance, r.Duration)}
	if r.Err != "" {
		d.Err = remoteError(r.Err)
	}
	return d
}

var errDied = errors.New("its instance died, and it runs at most once")

// conclude answers what waits for a run that has ended here, by the record that says
// so. It comes before the candidate is looked at again: the record of the next run
// tells nothing of this one.
func (c *candidate) conclude(tick core.Tick) {
	c.mu.Lock()
	var failed error
	if last := c.lease.Last; last != nil && isTick(tick, last.Slot, last.Manual) && last.outcome() == core.Failed {
		failed = remoteError(last.Err)
	}
	c.mu.Unlock()
	if failed != nil {
		c.witness(tick, failed)
	}
	c.answer()
}

// witness tells a Witness of a tick that has failed, unless it was delivered here: its
// delivery waits, or was answered by what a watch has told of the run's end.
func (c *candidate) witness(tick core.Tick, err error) {
	witness, ok := c.e.cfg.Dispatcher.(Witness)
	c.mu.Lock()
	delivered := isTick(c.answered, tick.Slot, tick.Manual) ||
		slices.ContainsFunc(c.waiters, func(w *waiter) bool { return isTick(w.tick, tick.Slot, tick.Manual) })
	c.mu.Unlock()
	if !ok || delivered {
		return
	}
	ctx, cancel := c.e.op(c.e.life)
	defer cancel()
	witness.Failed(ctx, tick, err)
}

// dispatch has a slot dispatched that is due; if that fails, the latest slot that
// is due then.
func (c *candidate) dispatch(slot time.Time) {
	c.mu.Lock()
	if c.hold == nil && !c.lease.Running && slices.ContainsFunc(c.waiters, func(w *waiter) bool { return w.tick.Manual == "" }) {
		c.mu.Unlock() // an earlier one has come here, and will be run as the latest slot that is due
		return
	}
	c.toDispatch = slot
	busy := c.dispatching
	c.dispatching = true
	c.mu.Unlock()
	if !busy {
		c.e.sender.add(c.dispatchNow)
	}
}

// dispatchAgain has what could not be dispatched be tried again.
func (c *candidate) dispatchAgain() {
	c.mu.Lock()
	waited := c.redispatch != nil
	c.redispatch = nil
	c.mu.Unlock()
	if waited {
		c.e.sender.add(c.dispatchNow)
	}
}

func (c *candidate) dispatchNow() {
	for {
		c.mu.Lock()
		slot := c.toDispatch
		if c.gone || slot.IsZero() {
			c.dispatching = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		ctx, cancel := c.e.op(c.e.life)
		err := c.e.cfg.Dispatcher.Dispatch(ctx, c.job.Tick(slot))
		cancel()
		c.e.contacted(err)
		if err != nil {
			c.mu.Lock()
			wait := c.e.pace() / 20 << min(c.undelivered, 3)
			c.undelivered++
			if c.e.life.Err() == nil {
				c.redispatch = c.e.timers.after(wait, c.dispatchAgain)
			}
			c.mu.Unlock()
			return
		}
		c.mu.Lock()
		c.undelivered = 0
		if c.toDispatch.Equal(slot) {
			c.toDispatch = time.Time{}
		}
		c.mu.Unlock()
	}
}
