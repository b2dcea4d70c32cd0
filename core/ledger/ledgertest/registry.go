package ledgertest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var registryCases = []kase{
	{"registry", "a-beat-tells-the-time", "a beat tells the broker's time, which moves, and when the data began, which does not", func(t *trial) {
		a, b := t.open(), t.open()
		type trip struct{ sent, answered time.Time }
		beat := func(c conn, instance string) (p ledger.Pulse, at trip) {
			at.sent = time.Now()
			p = c.beat(instance, value("roster"))
			at.answered = time.Now()
			return p, at
		}
		first, began := beat(a, "a")
		require.False(t, first.Now.IsZero(), "Now is the zero time")
		require.False(t, first.Born.IsZero(), "Born is the zero time")
		require.False(t, first.Born.After(first.Now), "the data began at %s, and it is %s", first.Born, first.Now)
		last := first.Now
		for i := range 10 {
			time.Sleep(20 * time.Millisecond)
			c := []conn{a, b}[i%2]
			p, at := beat(c, fmt.Sprint("instance ", i%2))
			require.True(t, p.Now.After(last), "the time goes on: it was %s, and is %s", last, p.Now)
			require.Equal(t, first.Born.UTC(), p.Born.UTC(), "when the data began")
			last = p.Now
			passed, rough := p.Now.Sub(first.Now), 20*time.Millisecond
			require.GreaterOrEqual(t, passed, at.sent.Sub(began.answered)-rough, "the time that has passed by the broker's clock, and at least by this one")
			require.LessOrEqual(t, passed, at.answered.Sub(began.sent)+rough, "the time that has passed by the broker's clock, and at most by this one")
			c.wroteLease(ledger.Write{Worker: fmt.Sprint("w", i), Value: value("%d", i)})
		}
	}},
	{"registry", "an-instance-is-listed-until-it-leaves", "Beat enters an instance in the registry, and Leave takes it out", func(t *trial) {
		a, b := t.open(), t.open()
		require.Empty(t, a.instances(), "the instances in a new namespace")
		a.beat("a", value("roster of a"))
		p := b.beat("b", value("roster of b"))
		first := b.instances()
		require.Len(t, first, 2)
		require.Equal(t, string(value("roster of a")), string(first["a"].Roster))
		require.Equal(t, string(value("roster of b")), string(first["b"].Roster))
		require.WithinDuration(t, p.Now, first["b"].Seen, time.Second, "when it was seen, by the broker's clock")

		time.Sleep(100 * time.Millisecond)
		a.beat("a", nil)
		then := b.instances()
		require.GreaterOrEqual(t, then["a"].Seen.Sub(first["a"].Seen), 80*time.Millisecond, "the time between two beats, by when the instance was seen")
		require.Equal(t, first["b"].Seen.UTC(), then["b"].Seen.UTC(), "when the other was seen, which did not beat again")

		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, a.Leave(ctx, "a"))
		require.NotContains(t, b.instances(), "a", "an instance that has left")
		require.Contains(t, b.instances(), "b", "one that has not")
		require.NoError(t, a.Leave(ctx, "a"), "Leave of one that has left")
		a.beat("a", value("back"))
		require.Equal(t, string(value("back")), string(b.instances()["a"].Roster), "the roster of one that came back")
	}},
	{"registry", "no-roster-is-the-one-before", "a beat with a roster replaces the one before, and a beat with none leaves it", func(t *trial) {
		a, b := t.open(), t.open()
		for i := range 3 {
			a.beat("a", value("roster %d", i))
			for range 3 {
				a.beat("a", nil)
				require.Equal(t, string(value("roster %d", i)), string(b.instances()["a"].Roster))
			}
		}
	}},
	{"registry", "a-roster-may-be-long", "a roster may list ledger.MaxRoster names, each as long as a name may be", func(t *trial) {
		a, b := t.open(), t.open()
		name := `"` + strings.Repeat("n", 128) + `",`
		roster := `{"workers":[` + strings.TrimSuffix(strings.Repeat(name, ledger.MaxRoster), ",") + `]}`
		a.beat("a", []byte(roster))
		got := b.instances()["a"].Roster
		require.True(t, string(got) == roster, "the roster of %d bytes has come back as one of %d bytes, or another", len(roster), len(got))
	}},
	{"registry", "workers-and-instances-are-apart", "an instance may have the name of a worker", func(t *trial) {
		a := t.open()
		s := a.wroteLease(ledger.Write{Worker: "same", Value: value("lease")})
		a.beat("same", value("roster"))
		t.present(s, a.read("same"), "the worker")
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, a.Leave(ctx, "same"))
		t.present(s, a.read("same"), "the worker, after the instance has left")
	}},
}
