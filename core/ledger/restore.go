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
	for _, c := range e.all() {
		c.mu.Lock()
		c.forgotten()
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

// forgotten has what is known of a worker written back: the broker has lost it, or
// has an older record. c.mu is held.
func (c *candidate) forgotten() {
	if c.revs != [2]uint64{} {
		c.lost, c.known = true, true
		c.revs = [2]uint64{}
	}
}

// writeBack writes what is known of a worker into a ledger that has lost it. What
// another instance wrote back before counts if it knew as much.
func (c *candidate) writeBack() error {
	c.mu.Lock()
	lease, control := c.lease, c.control
	c.mu.Unlock()
	if control != (Control{}) {
		if err := c.writeBackOne(c.e.store.WriteControl, encode(control), func(State) bool { return false }); err != nil {
			return err
		}
	}
	if !lease.Slot.IsZero() || lease.Fence != 0 { // else there was none
		older := func(s State) bool {
			var theirs Lease
			return decode("lease", c.name, s.Lease, &theirs) == nil && theirs.before(lease)
		}
		if err := c.writeBackOne(c.e.store.WriteLease, encode(lease), older); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.lost, c.known = false, false // to be read
	c.mu.Unlock()
	return nil
}

// before tells whether a record is one that came before another: fences rise, and
// of the records of one claim the one that ends it is the last.
func (l Lease) before(other Lease) bool {
	return l.Fence < other.Fence || l.Fence == other.Fence && l.Running && !other.Running
}

// writeBackOne writes one record, over one that is there if that is to be.
func (c *candidate) writeBackOne(write writeFunc, value []byte, over func(State) bool) error {
	var err error
	rev := uint64(0)
	for range 3 { // else later: others write too
		var state State
		ctx, cancel := c.e.op(c.e.life)
		state, err = write(ctx, Write{Worker: c.name, Value: value, Rev: rev})
		cancel()
		c.e.contacted(err)
		if err == nil || errors.Is(err, ErrConflict) && !over(state) {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		rev = state.Lease.Rev
	}
	return err
}
