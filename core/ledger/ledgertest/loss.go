package ledgertest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var lossCases = []kase{
	{"loss", "a-loss-shows", "when the data were lost Born changes, and records that are made anew have revisions that they never had, or new ones are told from old by Born", func(t *trial) {
		a, b := t.losing()
		before := a.beat("a", value("roster"))
		used := map[uint64]bool{}
		var s ledger.State
		for i := range 5 {
			s = a.wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: s.Lease.Rev})
			used[s.Lease.Rev] = true
		}
		c := a.wroteControl(ledger.Write{Worker: "w", Value: value("pause")})
		t.lose()
		t.present(ledger.State{Worker: "w"}, b.read("w"), "the worker, after the data were lost")
		after := b.beat("b", value("roster"))
		require.NotEqual(t, before.Born.UTC(), after.Born.UTC(), "when the data began, before and after they were lost")
		require.False(t, after.Born.Before(before.Now), "the data began at %s, and were still there at %s", after.Born, before.Now)
		require.Equal(t, after.Born.UTC(), a.beat("a", nil).Born.UTC(), "when the data began, as another instance is told")

		// What was known before is not what is there now.
		t.conflict(a.lease, ledger.Write{Worker: "w", Value: value("late"), Rev: s.Lease.Rev}, ledger.State{Worker: "w"})
		t.conflict(a.control, ledger.Write{Worker: "w", Value: value("late"), Rev: c.Control.Rev}, ledger.State{Worker: "w"})
		a.wroteLease(ledger.Write{Worker: "w", Value: value("anew")})
		b.wroteControl(ledger.Write{Worker: "w", Value: value("anew")})
	}},
	{"loss", "a-stale-write-does-not-happen", "a write that is based on lost data does not happen, also once the record was made anew", func(t *trial) {
		a, b := t.losing()
		born := a.beat("a", nil).Born
		var old []uint64
		var s ledger.State
		for i := range 5 {
			s = a.wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: s.Lease.Rev})
			old = append(old, s.Lease.Rev)
		}
		t.lose()
		now := ledger.State{Worker: "w"}
		for i := range 5 {
			now = b.wroteLease(ledger.Write{Worker: "w", Value: value("anew %d", i), Rev: now.Lease.Rev})
			if b.beat("b", nil).Born.UTC().Equal(born.UTC()) {
				require.NotContains(t, old, now.Lease.Rev, "the revision of a record that was made anew, with Born as before")
			}
		}
	}},
	{"loss", "the-registry-is-lost-too", "when the data were lost the registry is empty, and beats enter the instances again", func(t *trial) {
		a, b := t.losing()
		a.beat("a", value("roster"))
		t.lose()
		a.beat("a", value("anew"))
		require.Equal(t, string(value("anew")), string(b.instances()["a"].Roster))
	}},
	{"loss", "twice", "each loss shows", func(t *trial) {
		a, _ := t.losing()
		seen := map[time.Time]bool{}
		for range 4 {
			a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
			born := a.beat("a", nil).Born.UTC()
			require.False(t, seen[born], "when the data began, after another loss: %s was told before", born)
			seen[born] = true
			t.lose()
		}
	}},
	{"loss", "whatever-was-written-since", "a loss shows also to who beats when more was written since than was lost", func(t *trial) {
		a, b := t.losing()
		born := a.beat("a", value("roster")).Born.UTC()
		t.lose()
		var s ledger.State
		for i := range 20 {
			s = b.wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: s.Lease.Rev})
		}
		after := b.beat("b", nil).Born.UTC()
		require.NotEqual(t, born, after, "when the data began, before and after they were lost")
		require.Equal(t, after, a.beat("a", nil).Born.UTC(), "when the data began, as the one is told that has beaten before, too")
	}},
	{"loss", "a-watch-goes-on", "a Watch tells of what is written after the data were lost", func(t *trial) {
		a, b := t.losing()
		w := t.watch(b)
		a.wroteLease(ledger.Write{Worker: "w", Value: value("before")})
		w.await("w", func(s ledger.State) bool { return string(s.Lease.Value) == string(value("before")) })
		t.lose()
		a.beat("a", nil)
		a.wroteLease(ledger.Write{Worker: "w", Value: value("after")})
		w.await("w", func(s ledger.State) bool { return string(s.Lease.Value) == string(value("after")) })
	}},
}

// losing opens two instances, on a broker that can lose its data.
func (t *trial) losing() (a, b conn) {
	if t.broker.Lose == nil {
		t.skip("the Broker has no Lose")
	}
	return t.open(), t.open()
}

// lose has the broker lose its data, after a moment: a loss is known by its time.
func (t *trial) lose() {
	time.Sleep(10 * time.Millisecond)
	t.broker.Lose()
	time.Sleep(10 * time.Millisecond)
}
