package ledgertest

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var writeCases = []kase{
	{"write", "revision-zero-is-a-record-that-is-not-there", "revision zero is absence: a write at zero makes the record, once", func(t *trial) {
		a, b := t.open(), t.open()
		t.present(ledger.State{Worker: "w"}, a.read("w"), "a worker of which nothing is stored")

		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("a")})
		require.Zero(t, s.Control.Rev, "the control record's revision: only the lease record was made")
		t.conflict(b.lease, ledger.Write{Worker: "w", Value: value("b")}, s)
		t.present(s, b.read("w"), "after a write at zero on a record that is there")

		c := b.wroteControl(ledger.Write{Worker: "w", Value: value("c")})
		s.Control = c.Control
		t.conflict(a.control, ledger.Write{Worker: "w", Value: value("d")}, s)
		t.present(s, a.read("w"), "after a write at zero on a record that is there")

		c = a.wroteControl(ledger.Write{Worker: "control first", Value: value("e")})
		require.Zero(t, c.Lease.Rev, "the lease record's revision: only the control record was made")
		t.present(c, b.read("control first"), "a worker with a control record alone")
	}},
	{"write", "compare-and-set", "a write happens if the revision is still the one given, and not at all otherwise", func(t *trial) {
		a, b := t.open(), t.open()
		first := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		second := b.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: first.Lease.Rev})
		for _, rev := range []uint64{0, first.Lease.Rev, second.Lease.Rev + 1, second.Lease.Rev + 1000} {
			t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("3"), Rev: rev}, second)
		}
		t.present(second, a.read("w"), "after writes that must not have happened")
		a.wroteLease(ledger.Write{Worker: "w", Value: value("4"), Rev: second.Lease.Rev})
	}},
	{"write", "compare-and-set-of-the-control-record", "a write happens if the revision is still the one given, and not at all otherwise", func(t *trial) {
		a, b := t.open(), t.open()
		first := a.wroteControl(ledger.Write{Worker: "w", Value: value("1")})
		second := b.wroteControl(ledger.Write{Worker: "w", Value: value("2"), Rev: first.Control.Rev})
		for _, rev := range []uint64{0, first.Control.Rev, second.Control.Rev + 1, second.Control.Rev + 1000} {
			t.conflict(a.control, ledger.Write{Worker: "w", Value: value("3"), Rev: rev}, second)
		}
		t.present(second, a.read("w"), "after writes that must not have happened")
		a.wroteControl(ledger.Write{Worker: "w", Value: value("4"), Rev: second.Control.Rev})
	}},
	{"write", "a-revision-without-a-record", "a write at a revision, of a record that is not there, is a conflict and makes none", func(t *trial) {
		a := t.open()
		none := ledger.State{Worker: "w"}
		t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("1"), Rev: 7}, none)
		t.conflict(a.control, ledger.Write{Worker: "w", Value: value("1"), Rev: 7}, none)
		t.present(none, a.read("w"), "after writes that must not have happened")
	}},
	{"write", "the-records-of-a-worker-are-apart", "the lease and the control record have revisions of their own: writing one leaves the other as it was", func(t *trial) {
		a, b := t.open(), t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("lease")})
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("control")}), s)
		for i := range 5 {
			s = a.stored(a.wroteLease(ledger.Write{Worker: "w", Value: value("lease %d", i), Rev: s.Lease.Rev}), s)
			s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("control %d", i), Rev: s.Control.Rev}), s)
		}
	}},
	{"write", "a-conflict-tells-the-present", "ErrConflict comes with the present state, of both records", func(t *trial) {
		a, b := t.open(), t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("2")}), s)
		old := s
		for i := range 5 {
			s = b.stored(b.wroteLease(ledger.Write{Worker: "w", Value: value("lease %d", i), Rev: s.Lease.Rev}), s)
			s = b.stored(b.wroteControl(ledger.Write{Worker: "w", Value: value("control %d", i), Rev: s.Control.Rev}), s)
			t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("no"), Rev: old.Lease.Rev}, s)
			t.conflict(a.control, ledger.Write{Worker: "w", Value: value("no"), Rev: old.Control.Rev}, s)
		}
	}},
	{"write", "revisions-rise", "each write of a record has a greater revision than the one before", func(t *trial) {
		conns := []conn{t.open(), t.open(), t.open()}
		var s ledger.State
		for i := range 100 {
			s = conns[i%3].wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: s.Lease.Rev})
		}
	}},
	{"write", "values-are-kept-as-they-are", "a value comes back byte by byte, whatever JSON it is", func(t *trial) {
		a, b := t.open(), t.open()
		for i, v := range []string{
			`{}`, `{"error":"line\nline \"quoted\" \\ %s %d 'x' ünï\u0000 ☃ 𝄞 <&>"}`, ` { "spaces" : [ 1 , 2.50 , 1e3 ] } `,
			`{"big":18446744073709551615,"neg":-1,"null":null}`, "{\"tab\":\t1,\r\n\"crlf\":2}", `{"long":"` + strings.Repeat("0123456789", 2000) + `"}`,
		} {
			name := fmt.Sprint("w", i)
			a.wroteLease(ledger.Write{Worker: name, Value: []byte(v)})
			a.wroteControl(ledger.Write{Worker: name, Value: []byte(v)})
			s := b.read(name)
			require.Equal(t, v, string(s.Lease.Value), "the lease record's value")
			require.Equal(t, v, string(s.Control.Value), "the control record's value")
		}
	}},
	{"write", "the-value-is-the-callers-again", "a store keeps no hold of the slice that it was given", func(t *trial) {
		a := t.open()
		v := value("before")
		ctx, cancel := briefly()
		defer cancel()
		_, err := a.WriteLease(ctx, ledger.Write{Worker: "w", Value: v})
		require.NoError(t, err)
		copy(v, "after, something else")
		require.Equal(t, string(value("before")), string(a.read("w").Lease.Value), "the value, after the writer used its slice again")
	}},
}

// conflict wants a write not to happen, and to come with the present state.
func (t *trial) conflict(write func(ledger.Write) (ledger.State, error), w ledger.Write, present ledger.State) {
	t.Helper()
	s, err := write(w)
	require.ErrorIs(t, err, ledger.ErrConflict, "a write at revision %d, where there is %s", w.Rev, text(present))
	t.present(present, s, "the state that comes with the conflict")
}

// stored is the state after a write, merged with the one before it: what the
// store has told of the record that was not written must be right, and may be
// missing in a Watcher's answer.
func (c conn) stored(after, before ledger.State) ledger.State {
	c.t.Helper()
	now := c.read(after.Worker)
	for _, r := range []struct {
		record             string
		after, before, now ledger.Entry
	}{
		{"lease", after.Lease, before.Lease, now.Lease},
		{"control", after.Control, before.Control, now.Control},
	} {
		untold := c.watches() && r.after.Rev == 0
		if !untold {
			require.Equal(c.t, r.now, r.after, "the %s record in the state after the write, and as it is read", r.record)
		}
		if r.before.Rev != 0 && r.now.Rev == r.before.Rev {
			require.Equal(c.t, r.before, r.now, "the %s record, which was not written", r.record)
		}
	}
	written := 0
	if now.Lease.Rev != before.Lease.Rev {
		written++
	}
	if now.Control.Rev != before.Control.Rev {
		written++
	}
	require.Equal(c.t, 1, written, "the records whose revision has changed by one write")
	return now
}
