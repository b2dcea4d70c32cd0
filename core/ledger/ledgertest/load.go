package ledgertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var loadCases = []kase{
	{"load", "in-the-order-of-the-names", "Load returns the states in the order of the names, absent ones among them, and one for each", func(t *trial) {
		a, b := t.open(), t.open()
		var names []string
		want := map[string]ledger.State{}
		for i := range 300 { // more than the engine reads at once
			name := fmt.Sprint("w", i)
			names = append(names, name)
			s := ledger.State{Worker: name}
			if i%3 != 0 {
				s.Lease = a.wroteLease(ledger.Write{Worker: name, Value: value("lease of %s", name)}).Lease
			}
			if i%5 == 0 {
				s.Control = a.wroteControl(ledger.Write{Worker: name, Value: value("control of %s", name)}).Control
			}
			want[name] = s
		}
		for _, n := range []int{1, 2, 3, 50, 256, 300} {
			rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for i, s := range b.load(names[:n]...) {
				t.present(want[names[i]], s, fmt.Sprintf("the state number %d of %d", i+1, n))
			}
		}
		sorted := slices.Sorted(slices.Values(names))
		slices.Reverse(sorted)
		for i, s := range b.load(sorted...) {
			t.present(want[sorted[i]], s, "read backwards")
		}
		for _, s := range b.load("w1", "w2", "w1") {
			t.present(want[s.Worker], s, "read twice in one Load")
		}
		t.present(ledger.State{Worker: "nobody"}, b.load("w1", "nobody", "w2")[1], "an absent one between two that are there")
	}},
	{"load", "of-nothing", "Load of no names returns no states", func(t *trial) {
		a := t.open()
		ctx, cancel := briefly()
		defer cancel()
		states, err := a.Load(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, states)
	}},
	{"load", "sees-what-was-written", "what was written by one is read by another", func(t *trial) {
		a, b := t.open(), t.open()
		var rev uint64
		for i := range 50 {
			rev = a.wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: rev}).Lease.Rev
			s := b.read("w")
			require.Equal(t, string(value("%d", i)), string(s.Lease.Value), "what is read right after write %d", i)
			require.Equal(t, rev, s.Lease.Rev)
		}
	}},
	{"load", "outlives-the-instance", "records stay when the instance that wrote them leaves and closes", func(t *trial) {
		a := t.open()
		a.beat("a", value("roster"))
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		s.Control = a.wroteControl(ledger.Write{Worker: "w", Value: value("2")}).Control
		born := a.beat("a", nil).Born
		require.NoError(t, a.Leave(context.Background(), "a"))
		t.closeAll()
		b := t.open()
		t.present(s, b.read("w"), "what the instance that has closed had written")
		require.Equal(t, born.UTC(), b.beat("b", nil).Born.UTC(), "when the data began")
		b.wroteLease(ledger.Write{Worker: "w", Value: value("3"), Rev: s.Lease.Rev})
	}},
}
