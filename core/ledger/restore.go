package ledger

import (
	"context"
	"errors"
)

type writeFunc func(context.Context, Write) (State, error)

// restore has every candidate write back what it knows, after the broker has
// lost its data (CLU-13).
func (e *engine) restore() {
	e.mu.Lock()
	e.changed = true // the registry is lost too
	clear(e.told)
	e.mu.Unlock()
	for _, c := range e.holders() {
		c.mu.Lock()
		if c.known && c.revs != [2]uint64{} {
			c.lost, c.owes, c.revs = true, true, [2]uint64{}
		}
		h := c.hold
		if h != nil {
			h.rev = 0
		}
		c.mu.Unlock()
		if h != nil {
			e.renewer.add(h.renew)
		}
		e.submit(c)
	}
}

// writeBack writes what is known of a worker into a ledger that has lost it. What
// another instance wrote back before counts if it knew more.
func (c *candidate) writeBack() error {
	if err := c.writeControlBack(); err != nil {
		return err
	}
	c.mu.Lock()
	lease := c.lease
	c.mu.Unlock()
	if lease.isNew() { // nothing is known but that there was nothing
		c.mu.Lock()
		c.lost, c.stale = false, true
		c.mu.Unlock()
		return nil
	}
	lease.Life = c.e.pulse.life()
	state, err := c.writeBackOne(c.e.store.WriteLease, lease.encode(), func(s State) (rev uint64, over bool) {
		var theirs Lease
		err := decode("lease", c.name, s.Lease, &theirs)
		return s.Lease.Rev, err == nil && theirs.knowsLess(&lease)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.lost, c.revs = false, [2]uint64{}
	c.mu.Unlock()
	return c.take(state)
}

// writeControlBack is writeBack for the control record alone: that of the lease is
// renewed while this instance holds it.
func (c *candidate) writeControlBack() error {
	c.mu.Lock()
	control := c.control
	if !c.triggered() {
		control.Trigger = "" // it was taken, and the record that says so may be another's by then
	}
	c.mu.Unlock()
	if !control.isZero() {
		_, err := c.writeBackOne(c.e.store.WriteControl, encode(control), func(s State) (rev uint64, over bool) {
			var theirs Control
			err := decode("control", c.name, s.Control, &theirs)
			return s.Control.Rev, err == nil && theirs.Seq < control.Seq
		})
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.owes = false
	c.mu.Unlock()
	return nil
}

// writeBackOne writes a record that is not there, or over one that knows less. It
// returns what is there then.
func (c *candidate) writeBackOne(write writeFunc, value []byte, less func(State) (rev uint64, over bool)) (State, error) {
	rev := uint64(0)
	for range 3 { // else later: others write too
		ctx, cancel := c.e.op(c.e.life)
		state, err := write(ctx, Write{Worker: c.name, Value: value, Rev: rev})
		cancel()
		c.e.contacted(err)
		switch {
		case err == nil:
			return state, nil
		case !errors.Is(err, ErrConflict):
			return State{}, err
		}
		var over bool
		if rev, over = less(state); !over {
			return state, nil
		}
	}
	return State{}, ErrConflict
}
