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
	// Absent: this instance does not have the worker. Deliver the tick to
	// another (CLU-5).
	Absent bool
	// Outcome is how the run ended, here or elsewhere: Succeeded, Failed,
	// Cancelled or Skipped. None: it is in another's hands.
	Outcome core.Outcome
	// Err is the error of a run that failed.
	Err error
	// Note says for people what there is to say.
	Note string
}

// A waiter is a delivery that waits for its tick to come to an end.
type waiter struct {
	tick   core.Tick
	answer chan Delivery // of capacity one
}

var errStopping = errors.New("the instance is stopping")

// deliver is the dispatcher's: a tick has come here.
func (e *engine) deliver(ctx context.Context, tick core.Tick) (Delivery, error) {
	c := e.find(tick.Worker)
	if c == nil || c.local {
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
	c.mu.Lock()
	switch {
	case c.gone || e.isStopping():
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
		if d, ended := c.judge(w.tick); ended {
			w.answer <- d
		} else {
			left = append(left, w)
		}
	}
	clear(c.waiters[len(left):])
	c.waiters = left
}

// judge tells what became of a tick by the record, if it has come to an end as
// far as this instance is concerned. c.mu is held.
func (c *candidate) judge(tick core.Tick) (Delivery, bool) {
	l, h := &c.lease, c.hold
	here := h != nil && h.tick.Manual == tick.Manual && h.tick.Slot.Equal(tick.Slot)
	there := l.Running && l.Manual == tick.Manual && l.Tick.Equal(tick.Slot)
	if here {
		return Delivery{}, false
	}
	if last := l.Last; last != nil && last.Manual == tick.Manual && last.Slot.Equal(tick.Slot) {
		d := Delivery{Outcome: last.outcome(), Note: fmt.Sprintf("run by %s in %s", last.Instance, last.Duration)}
		if last.Err != "" {
			d.Err = remoteError(last.Err)
		}
		return d, true
	}
	switch {
	case there && h == nil:
		return Delivery{Note: "is run by " + l.Owner}, true
	case tick.Manual != "":
		switch {
		case l.Trigger == tick.Manual:
			return Delivery{Note: "was taken"}, true
		case h != nil || l.Running:
			return Delivery{Note: "waits for the run in progress"}, true
		case c.control.Trigger != tick.Manual:
			return Delivery{Note: "was joined with another trigger"}, true
		}
		return Delivery{}, false
	case h != nil && !h.passed.Before(tick.Slot),
		h == nil && l.Running && tick.Slot.After(l.Slot):
		return Delivery{Outcome: core.Skipped, Note: "skipped: overlap"}, true
	case h != nil && tick.Slot.After(h.lease.Slot):
		return Delivery{}, false
	case l.Slot.Equal(tick.Slot) && l.Reason != "":
		return Delivery{Outcome: core.Skipped, Note: "skipped: " + l.Reason}, true
	case !l.Slot.Before(tick.Slot):
		return Delivery{Outcome: core.Skipped, Note: fmt.Sprintf("passed over: the worker is at %s", l.Slot.UTC().Format(time.RFC3339Nano))}, true
	}
	return Delivery{}, false
}

// dispatch has a slot dispatched that is due; if that fails, the latest slot that
// is due then.
func (c *candidate) dispatch(slot time.Time) {
	c.mu.Lock()
	if c.hold == nil && slices.ContainsFunc(c.waiters, func(w *waiter) bool { return w.tick.Manual == "" }) {
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
			if c.e.life.Err() == nil {
				c.e.timers.after(c.e.pace()/20, func() { c.e.sender.add(c.dispatchNow) })
			}
			return
		}
		c.mu.Lock()
		if c.toDispatch.Equal(slot) {
			c.toDispatch = time.Time{}
		}
		c.mu.Unlock()
	}
}
