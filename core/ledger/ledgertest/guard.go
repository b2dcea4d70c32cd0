package ledgertest

import (
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var guardCases = []kase{
	{"guard", "a-guarded-write-loses-to-a-control-write", "a guarded write does not happen where the control record is not at the revision given, unless the store is a Watcher", func(t *trial) {
		a, b := t.open(), t.open()
		t.guards(a)
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})

		// Somebody makes the control record, of which the writer knows nothing.
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("pause")}), s)
		t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev, Guarded: true}, s)

		// Somebody changes it, of which the writer knows as it was.
		was := s
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("resume"), Rev: s.Control.Rev}), s)
		t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev, Control: was.Control.Rev, Guarded: true}, s)

		// A write that makes the record is guarded, too.
		c := b.wroteControl(ledger.Write{Worker: "new", Value: value("pause")})
		t.conflict(a.lease, ledger.Write{Worker: "new", Value: value("2"), Guarded: true}, c)
		t.present(s, b.read("w"), "after writes that must not have happened")
	}},
	{"guard", "a-guarded-write-goes-through", "a guarded write happens where both records are at the revisions given", func(t *trial) {
		a, b := t.open(), t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1"), Guarded: true})
		s = a.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev, Guarded: true})
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("pause")}), s)
		a.wroteLease(ledger.Write{Worker: "w", Value: value("3"), Rev: s.Lease.Rev, Control: s.Control.Rev, Guarded: true})
	}},
	{"guard", "the-lease-is-compared-first-and-always", "a guarded write with the right control revision is a conflict where the lease record has changed", func(t *trial) {
		a, b := t.open(), t.open()
		was := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		was = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("pause")}), was)
		s := b.stored(b.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: was.Lease.Rev}), was)
		t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("3"), Rev: was.Lease.Rev, Control: s.Control.Rev, Guarded: true}, s)
	}},
	{"guard", "what-is-not-guarded-is-not-compared", "a renewal is not disturbed by a pause: Control does not matter where Guarded is not set, nor to WriteControl", func(t *trial) {
		a, b := t.open(), t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("pause")}), s)
		s = a.stored(a.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev}), s)
		s = a.stored(a.wroteLease(ledger.Write{Worker: "w", Value: value("3"), Rev: s.Lease.Rev, Control: s.Control.Rev + 9}), s)
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("resume"), Rev: s.Control.Rev, Control: s.Control.Rev + 9}), s)
		b.wroteControl(ledger.Write{Worker: "w", Value: value("pause"), Rev: s.Control.Rev, Control: 1, Guarded: true})
	}},
}

// guards skips the case where the store is a Watcher that guards nothing.
func (t *trial) guards(c conn) {
	if !c.watches() {
		return
	}
	s := c.wroteControl(ledger.Write{Worker: "probe", Value: value("pause")})
	_, err := c.lease(ledger.Write{Worker: "probe", Value: value("1"), Control: s.Control.Rev + 1, Guarded: true})
	if err == nil {
		t.skip("the store is a Watcher, and compares no control record")
	}
	require.ErrorIs(t, err, ledger.ErrConflict)
}
