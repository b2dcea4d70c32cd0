package ledger

import (
	"errors"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A plan is the run that a claim is for.
type plan struct {
	tick        core.Tick
	missed      core.Slots // missed before the tick's slot
	redelivered bool       // an earlier run of the tick began
	repeated    bool       // the record has the tick already
	trigger     string     // the trigger that the run answers
}

// claim takes the lease for a run.
func (c *candidate) claim(v view, p plan) func() error {
	return func() error {
		if !c.e.mayHold() {
			return nil
		}
		lease := v.Lease
		next := lease
		next.Running, next.Again, next.Reason = true, false, ""
		next.Owner, next.Fence, next.For = c.e.host.Instance, c.e.fence(lease), c.e.cfg.Lease
		next.Done = time.Time{}
		if !p.repeated {
			next.Crashes, next.Cut = 0, false
		}
		next.Manual, next.Tick = p.tick.Manual, p.tick.Slot
		overlap := skipping{reason: core.ReasonOverlap}
		switch {
		case p.repeated || p.redelivered:
			if overlap.slots = c.passedSince(lease); overlap.slots.N > 0 {
				next.Slot = overlap.slots.Last
			}
		case p.tick.Manual == "":
			next.Slot = p.tick.Slot
		case p.trigger != "":
			next.Trigger = p.trigger
		}
		tick := p.tick
		tick.Fence, tick.Redelivered = next.Fence, p.redelivered
		c.setTaking(p.trigger)
		defer c.setTaking("")
		sent := c.e.moment()
		s := sequel{
			then: func(rev uint64) {
				c.report(overlap)
				c.begin(next, rev, tick, p.missed, sent)
			},
			not: c.e.unhold,
		}
		if overlap.slots.N > 0 || p.missed.N > 0 || c.neverBegun(tick).slots.N > 0 {
			s.late = func() {
				c.report(overlap)
				c.reportUnbegun(tick, p.missed)
				c.e.unhold()
			}
		}
		return c.write(next, v.revs, !p.repeated && !p.redelivered, s)
	}
}

// reportUnbegun reports, of a tick that was claimed and has not begun since its instance
// knew of that too late, what was passed over with it.
func (c *candidate) reportUnbegun(tick core.Tick, missed core.Slots) {
	c.report(skipping{missed, core.ReasonMissed})
	c.report(c.neverBegun(tick))
}

// neverBegun is the slot of such a tick, where nobody runs it after: one that may run at
// most once is taken for begun.
func (c *candidate) neverBegun(tick core.Tick) skipping {
	if tick.Manual != "" || tick.Redelivered || !c.job.Worker().AtMostOnce {
		return skipping{}
	}
	return skipping{core.OneSlot(tick.Slot), core.ReasonRefused}
}

// setTaking keeps which trigger is being claimed.
func (c *candidate) setTaking(trigger string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taking = trigger
}

// claimTrigger takes the lease for a trigger (CTL-3).
func (c *candidate) claimTrigger(v view, trigger string) func() error {
	tick := core.ManualTick(c.name)
	tick.Manual = trigger
	return c.claim(v, plan{tick: tick, trigger: trigger})
}

// fence is a token greater than all before, also if the record was lost (CLU-9).
func (e *engine) fence(lease Lease) uint64 {
	return max(lease.Fence+1, uint64(e.pulse.brokerNow().UnixMicro()))
}

// skip records that slots are skipped. The one instance whose write succeeds reports the
// skip (OBS-2).
func (c *candidate) skip(v view, slots core.Slots, reason core.SkipReason) func() error {
	return func() error {
		if !c.e.mayHold() {
			return nil
		}
		lease := v.Lease
		next := lease
		next.Slot, next.Reason = slots.Last, reason.String()
		next.Base = c.e.host.Now().UTC().Round(0)
		next.Owner, next.Fence = c.e.host.Instance, c.e.fence(lease)
		return c.write(next, v.revs, true, c.passing(next, func() { c.job.Skip(slots, reason) }))
	}
}

// giveUp ends a tick whose run has crashed, and which is not run again: for a
// reason, or because it has crashed too often (CLU-4).
func (c *candidate) giveUp(v view, why string) func() error {
	return func() error {
		if !c.e.mayHold() {
			return nil
		}
		lease := v.Lease
		next := lease
		next.Running, next.For, next.Crashes, next.Cut = false, 0, 0, false
		next.Owner, next.Fence = c.e.host.Instance, c.e.fence(lease)
		next.Base = c.e.host.Now().UTC().Round(0)
		passed := c.passedSince(lease)
		if passed.N > 0 {
			next.Slot = passed.Last
		}
		tick := c.repeat(lease).tick
		if why == "" {
			next.Reason = core.ReasonRefused.String()
		}
		return c.write(next, v.revs, false, c.passing(next, func() {
			if why == "" {
				c.job.SkipTick(tick, core.ReasonRefused)
			} else {
				c.witness(tick, errDied)
				c.e.host.Logger.Error("ledger: run not repeated", "worker", c.name, "tick", tick.ID(), "instance", lease.Owner, "reason", why)
			}
			c.job.Skip(passed, core.ReasonOverlap)
		}))
	}
}

// passing is what follows a write that passes over slots, which are reported, and
// begins no run. It was counted by mayHold.
func (c *candidate) passing(next Lease, report func()) sequel {
	late := func() {
		report()
		c.e.unhold()
	}
	return sequel{
		then: func(uint64) {
			late()
			c.delayed(next.Base)
		},
		late: late,
		not:  c.e.unhold,
	}
}

// delayAgain is delayed after a release, by the record: where a watch had told of
// it before the answer came, take learns nothing new from that.
func (c *candidate) delayAgain() {
	c.mu.Lock()
	base, gone := c.lease.Base, c.gone
	c.mu.Unlock()
	if !gone {
		c.delayed(base)
	}
}

// delayed has a Delay count from a time.
func (c *candidate) delayed(base time.Time) {
	if _, ok := c.job.Schedule().(core.AfterRun); ok {
		c.job.DelayFrom(base)
		c.e.clock.Set(c.job)
	}
}

// begin runs what was claimed.
func (c *candidate) begin(lease Lease, rev uint64, tick core.Tick, missed core.Slots, sent moment) {
	h := newHold(c, lease, rev, tick, sent)
	c.mu.Lock()
	c.hold = h
	c.mu.Unlock()
	switch {
	case h.expired():
		// The answer took so long that the lease may be another's by now: it lapses.
		c.reportUnbegun(tick, missed)
		h.end(core.Result{Outcome: core.LeaseLost})
	case tick.Manual == "" && !tick.Redelivered && !c.job.Misfire(tick.Slot, missed):
		h.end(core.Result{Outcome: core.Skipped, Reason: core.ReasonMissed})
	default:
		h.keep()
		c.job.Go(h.ctx, tick, h.end)
	}
}

// release gives the lease back after the run, with what came of it. It is tried
// until the lease has lapsed.
func (c *candidate) release(h *hold) error {
	lease, rev, result := h.record()
	switch result.Outcome {
	case core.LeaseLost, core.Abandoned: // not ours to write any more, or to lapse
		c.let(h, true)
		c.e.unhold()
		return nil
	}
	unseen := c.passedUnseen(h, lease)
	if unseen.slots.N > 0 {
		lease.Slot = unseen.slots.Last
		lease.tell(true)
	}
	ctx, cancel := c.e.op(c.e.life)
	defer cancel()
	value, done := c.encode(lease)
	defer done()
	state, err := c.e.store.WriteLease(ctx, Write{Worker: c.name, Value: value, Rev: rev})
	c.e.contacted(err)
	switch {
	case err == nil:
		c.report(unseen)
		c.closeHold(h, state)
		return nil
	case errors.Is(err, ErrConflict) && state.Lease.Rev != rev: // else it is one with nothing
		if !h.adopt(state) {
			c.closeHold(h, state)
			if released(state, lease) {
				c.report(unseen)
			} else {
				c.e.host.Logger.Warn("ledger: the lease was lost before the run's end could be recorded", "worker", c.name, "tick", h.tick.ID(), "outcome", result.String())
			}
		}
		return nil
	case h.lapsed():
		c.e.host.Logger.Warn("ledger: the run's end could not be recorded before its lease lapsed", "worker", c.name, "tick", h.tick.ID(), "outcome", result.String(), "error", err)
		c.let(h, true)
		c.e.unhold()
		return nil
	}
	return err
}

// A skipping has slots that are skipped, and the reason.
type skipping struct {
	slots  core.Slots
	reason core.SkipReason
}

func (c *candidate) report(s skipping) { c.job.Skip(s.slots, s.reason) }

// passedUnseen returns the slots that fell due during a run that has ended, but for which
// no alarm went off because Stop or Remove had ended the alarms. They overlapped with the
// run too (PER-5). If the tick must run again, the instance that runs it counts them. A
// release that is retried has the same slots.
func (c *candidate) passedUnseen(h *hold, lease Lease) skipping {
	c.mu.Lock()
	gone, paused, before := c.gone, c.control.Paused, h.unseen
	c.mu.Unlock()
	if before != nil {
		return *before
	}
	var unseen skipping
	if !lease.Again && (gone || c.e.isStopping()) {
		unseen.reason = core.ReasonOverlap
		if paused {
			unseen.reason = core.ReasonPaused
		}
		unseen.slots = c.passedSince(lease)
	}
	c.mu.Lock()
	h.unseen = &unseen
	c.mu.Unlock()
	return unseen
}

// let lets go of a hold, and reads the records anew where they are not known.
func (c *candidate) let(h *hold, reread bool) {
	c.mu.Lock()
	if c.hold == h {
		c.hold = nil
	}
	if reread {
		c.stale = true
	}
	c.lookAt = time.Time{}
	gone := c.gone
	c.mu.Unlock()
	if gone {
		c.e.part(c, false)
	}
}

// closeHold lets go of a hold by the record that the broker has after its run.
func (c *candidate) closeHold(h *hold, s State) {
	c.let(h, false)
	c.take(s)
	c.tellOver()
	c.delayAgain()
	c.conclude(h.tick)
	c.e.unhold()
}

// released tells whether a state is that of a lease which was released by this very
// write, whose answer was lost, or one that others have written upon it, as far as that
// is to be told.
func released(s State, lease Lease) bool {
	var now Lease
	return decode("lease", s.Worker, s.Lease, &now) == nil &&
		(now.Fence == lease.Fence && now.Owner == lease.Owner && !now.Running ||
			slices.Contains(now.Told, Told{Instance: lease.Owner, Fence: lease.Fence, Over: true}))
}
