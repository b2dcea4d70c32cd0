package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Trigger implements core.ClusterEngine. The control record holds the tick, so that
// every instance knows which tick waits.
func (e *engine) Trigger(ctx context.Context, job *core.Job) (core.Tick, error) {
	if c := e.find(job.Name()); c != nil {
		if tick, waits := c.waitingTrigger(); waits {
			return tick, nil
		}
	}
	fresh := core.ManualTick(job.Name())
	var tick core.Tick // of the trigger that is written to the record or found in it
	wrote, err := e.request(ctx, job.Name(), func(lease Lease, next *Control) bool {
		tick = fresh
		switch {
		case job.LongRunning() && lease.Running && !next.Paused: // the instance that runs it ends a backoff; a worker that is up stays up
			tick.Manual, tick.Fence = lease.Manual, lease.Fence
		case e.triggerPending(lease, *next, job.Name()):
			tick.Manual = next.Trigger
			return false
		}
		next.Trigger = fresh.Manual
		return true
	})
	if err != nil {
		return core.Tick{}, err
	}
	if job.LongRunning() {
		if running, here := job.Hurry(); here { // otherwise it waits, or another instance calls Hurry
			return running, nil
		}
		return tick, nil
	}
	if wrote {
		e.dispatchTrigger(ctx, tick)
	}
	return tick, nil
}

// triggerPending returns whether the run of a trigger has not begun yet, so that a
// further trigger is the same one (CTL-3).
func (e *engine) triggerPending(lease Lease, control Control, worker string) bool {
	return control.Trigger != "" && (control.Trigger != lease.Trigger || e.takes(lease, worker))
}

// dispatchTrigger gives a trigger, which is in the control record, to the dispatcher if
// there is one.
func (e *engine) dispatchTrigger(ctx context.Context, tick core.Tick) {
	if e.cfg.Dispatcher == nil {
		return
	}
	op, cancel := e.op(ctx)
	defer cancel()
	if err := e.cfg.Dispatcher.Dispatch(op, tick); err != nil {
		e.host.Logger.Warn("ledger: trigger not dispatched; the first instance to see the record runs it", "tick", tick.ID(), "error", err)
	}
}

// waitingTrigger returns the tick of a trigger that this instance has claimed, if its
// run waits for its turn under MaxConcurrent.
func (c *candidate) waitingTrigger() (tick core.Tick, ok bool) {
	c.mu.Lock()
	h := c.hold
	c.mu.Unlock()
	if h == nil || h.tick.Manual == "" || !c.job.Waiting() {
		return core.Tick{}, false
	}
	return h.tick, true
}

// takes tells whether a lease is that of a trigger which this instance has just
// claimed: the broker has it, and its answer, with which the run begins, is still
// on its way.
func (e *engine) takes(lease Lease, worker string) bool {
	c := e.find(worker)
	if c == nil || lease.Owner != e.host.Instance || lease.Manual != lease.Trigger {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taking == lease.Trigger || slices.ContainsFunc(c.pending, func(d *doubt) bool { return d.fence == lease.Fence })
}

// Pause implements core.ClusterEngine.
func (e *engine) Pause(ctx context.Context, job *core.Job) error { return e.pause(ctx, job, true) }

// Resume implements core.ClusterEngine.
func (e *engine) Resume(ctx context.Context, job *core.Job) error { return e.pause(ctx, job, false) }

func (e *engine) pause(ctx context.Context, job *core.Job, paused bool) error {
	_, err := e.request(ctx, job.Name(), func(_ Lease, next *Control) bool {
		if next.Paused == paused {
			return false
		}
		next.Paused, next.PausedBy, next.PausedAt = paused, "", time.Time{}
		if paused {
			next.PausedBy, next.PausedAt = e.host.Instance, e.host.Now().UTC().Round(0)
		}
		return true
	})
	return err
}

// request changes a worker's control record, against others who do. Change is
// given the lease record too, and tells whether there is anything to write. A write
// without an answer may happen yet, and is tried again at the same revision: one of the
// two happens at most.
func (e *engine) request(ctx context.Context, worker string, change func(lease Lease, next *Control) bool) (wrote bool, err error) {
	const tries = 3
	var asked [][]byte // without an answer, at a revision
	var at uint64
	var unanswered error
	for ctx.Err() == nil {
		states, sent, err := e.read(ctx, worker)
		if err != nil {
			return false, err
		}
		var lease Lease
		var next Control
		if err := errors.Join(decode("lease", worker, states[0].Lease, &lease), decode("control", worker, states[0].Control, &next)); err != nil {
			return false, err
		}
		e.tell(worker, states[0], sent)
		switch {
		case slices.ContainsFunc(asked, func(value []byte) bool { return bytes.Equal(value, states[0].Control.Value) }):
			return true, nil
		case len(asked) == tries, len(asked) > 0 && states[0].Control.Rev != at: // others have asked since
			return false, unanswered
		}
		if c := e.find(worker); c != nil {
			c.recall(&lease, &next)
		}
		if !change(lease, &next) {
			return false, nil
		}
		next.Seq++
		next.By, next.At = e.host.Instance, e.host.Now().UTC().Round(0)
		value := encode(next)
		op, cancel := e.op(ctx)
		sent = time.Now()
		state, err := e.store.WriteControl(op, Write{Worker: worker, Value: value, Rev: states[0].Control.Rev})
		cancel()
		e.contacted(err)
		switch {
		case err == nil:
			e.tell(worker, state, sent)
			return true, nil
		case !errors.Is(err, ErrConflict):
			asked, at, unanswered = append(asked, value), states[0].Control.Rev, err
		}
		select { // others ask for something, too
		case <-time.After(rand.N(e.cfg.Lease/200 + 1)):
		case <-ctx.Done():
		case <-e.life.Done():
			return false, core.ErrStopped
		}
	}
	if unanswered != nil {
		return false, fmt.Errorf("%w: %w", context.Cause(ctx), unanswered)
	}
	return false, context.Cause(ctx)
}

// recall puts what is known in the place of what the broker has lost, so that a
// request made before it was written back does not stand for all there was.
func (c *candidate) recall(lease *Lease, control *Control) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return
	}
	if lease.knowsLess(&c.lease) {
		*lease = c.lease
	}
	if control.Seq < c.control.Seq {
		*control = c.control
	}
}

// tell tells the candidate, if there is one, of a state that was asked for at a
// time. The candidate's own writes go on meanwhile: what it has learned since is
// not a loss.
func (e *engine) tell(worker string, s State, asOf time.Time) {
	if c := e.find(worker); c != nil {
		c.takeRead(s, asOf)
		e.submit(c)
	}
}
