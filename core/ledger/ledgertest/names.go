package ledgertest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// alphabet is what the names of workers are made of (REG-3).
const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:"

// names are those that an encoding may take for each other.
func names() []string {
	list := []string{
		"a.b", "a_b", "a/b", "a-b", "a:b", "ab", "A.b", "a.B", "AB", "Ab", "aB",
		"a..b", "a.", ".a", "a", "//a", "/a", "a/", "..", "...", "../a", "a/../b", "-a", "--", ":a", "a:",
		"_2E", "a_2Eb", "a-2Eb", "a_2eb", "a2Eb", "a__b", "a_002Eb", "a_u002Eb",
		"w", "w:lease", "w:control", "w.lease", "w.control", "w/lease", "w/control", "lease", "control", "lease.w", "control.w",
		"w:l", "w:c", "l.w", "c.w", "rev", "value", "instances", "born", "meta", "0", "00", "1",
		strings.Repeat("x", 128), strings.Repeat("x", 127), strings.Repeat("x", 127) + "y", "y" + strings.Repeat("x", 127),
		strings.Repeat("/", 128), strings.Repeat(".", 128), strings.Repeat(":", 128), strings.Repeat("_", 128),
	}
	for _, c := range alphabet {
		list = append(list, "one"+string(c), "x"+string(c)+"y")
	}
	for _, c := range "._-/:" {
		list = append(list, string(c))
	}
	seen := map[string]bool{}
	var unique []string
	for _, name := range list {
		if !seen[name] {
			seen[name] = true
			unique = append(unique, name)
		}
	}
	return unique
}

var nameCases = []kase{
	{"names", "every-name-has-its-own-records", "names of letters, digits and . _ - / :, of up to 128 bytes, are all different, whatever they are encoded as", func(t *trial) {
		a, b := t.open(), t.open()
		want := map[string]ledger.State{}
		for _, name := range names() {
			s := a.wroteLease(ledger.Write{Worker: name, Value: value("lease of %s", name)}) // fails where another has made it
			s.Control = a.wroteControl(ledger.Write{Worker: name, Value: value("control of %s", name)}).Control
			want[name] = s
		}
		for _, s := range b.load(names()...) {
			t.present(want[s.Worker], s, "read again")
		}
		for _, name := range names() {
			t.present(want[name], b.read(name), "read again, alone")
		}
	}},
	{"names", "watched", "the name of a worker comes back as it was", func(t *trial) {
		a, b := t.open(), t.open()
		w := t.watch(b)
		for _, name := range names() {
			a.wroteLease(ledger.Write{Worker: name, Value: value("lease of %s", name)})
		}
		for _, name := range names() {
			w.await(name, func(s ledger.State) bool { return string(s.Lease.Value) == string(value("lease of %s", name)) })
		}
		w.only(names()...)
	}},
	{"names", "every-instance-has-its-own-entry", "the name of an instance is any text", func(t *trial) {
		a, b := t.open(), t.open()
		list := []string{"a.b", "a_b", "a/b", "a b", "A.b", "a:b", "a*", "a>", "ünï☃", "web-1.example.com-4711-x1y2", strings.Repeat("i", 128), "%s", "{a}", "a|b", `a"b\c`}
		for _, name := range list {
			a.beat(name, value("roster of %s", name))
		}
		all := b.instances()
		require.Len(t, all, len(list))
		for _, name := range list {
			require.Equal(t, string(value("roster of %s", name)), string(all[name].Roster), "the roster of %q", name)
		}
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, b.Leave(ctx, "a.b"))
		require.Len(t, a.instances(), len(list)-1, "the instances, after one has left")
	}},
	{"names", "namespaces-share-nothing", "namespaces on one broker share nothing", func(t *trial) {
		if t.broker.Other == nil {
			t.skip("the Broker has no Other")
		}
		a, other := t.open(), t.opened(t.broker.Other())
		w := t.watchIfAble(other)
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("here")})
		a.wroteControl(ledger.Write{Worker: "w", Value: value("here")})
		a.beat("a", value("here"))
		t.present(ledger.State{Worker: "w"}, other.read("w"), "the worker in the other namespace")
		require.Empty(t, other.instances(), "the instances in the other namespace")
		other.wroteLease(ledger.Write{Worker: "w", Value: value("there")})
		other.beat("b", value("there"))
		require.Equal(t, s.Lease, a.read("w").Lease, "the lease record, after one of that name was written in another namespace")
		require.Len(t, a.instances(), 1)
		if w != nil {
			w.await("w", func(s ledger.State) bool { return string(s.Lease.Value) == string(value("there")) })
			for _, s := range w.told() {
				require.NotEqual(t, string(value("here")), string(s.Lease.Value), "a Watch told of another namespace")
			}
		}
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, other.Leave(ctx, "a"), "Leave of an instance that is not there")
		require.Len(t, a.instances(), 1)
	}},
}
