package ledgertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var closeCases = []kase{
	{"close", "lets-go-of-everything", "when Close has returned no goroutine of the store is left", func(t *trial) {
		label := fmt.Sprintf("%p", t)
		pprof.Do(context.Background(), pprof.Labels("ledgertest", label), func(context.Context) {
			a, b := t.open(), t.open()
			a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
			b.wroteControl(ledger.Write{Worker: "w", Value: value("2")})
			b.beat("b", value("roster"))
			b.instances()
			if w := t.watchIfAble(b); w != nil {
				w.end()
			}
			t.open() // and used for nothing
		})
		t.closeAll()
		t.settle()
		for deadline := time.Now().Add(soon); t.wall && marked(label) != "" && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		require.Empty(t, marked(label), "goroutines left behind")
	}},
	{"close", "of-one-disturbs-no-other", "Close of one store leaves the others as they were", func(t *trial) {
		a, b := t.open(), t.open()
		w := t.watchIfAble(b)
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		a.beat("a", value("roster"))
		t.conns = t.conns[1:]
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, a.Close(ctx))
		t.present(s, b.read("w"), "after another has closed")
		s = b.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev})
		if w != nil {
			w.await("w", func(x ledger.State) bool { return x.Lease.Rev == s.Lease.Rev })
		}
		require.Contains(t, b.instances(), "a", "an instance that has closed and not left")
	}},
	{"close", "and-open-again", "a store that was closed can be opened again, and knows nothing of before", func(t *trial) {
		a, b := t.open(), t.open()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		a.beat("a", value("roster"))
		if w := t.watchIfAble(a); w != nil {
			w.end()
		}
		t.conns = t.conns[1:]
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, a.Close(ctx), "Close")
		s = b.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev})
		a = t.opened(a.Store)
		t.present(s, a.read("w"), "to a store that was opened again after Close")
		s = a.wroteLease(ledger.Write{Worker: "w", Value: value("3"), Rev: s.Lease.Rev})
		t.present(s, b.read("w"), "after a store wrote that was opened again")
		a.beat("a", value("roster"))
		if w := t.watchIfAble(a); w != nil {
			w.await("w", func(x ledger.State) bool { return x.Lease.Rev == s.Lease.Rev })
		}
	}},
	{"close", "while-the-broker-is-away", "Close returns soon after its context has ended, also where the broker does not answer", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		a, b := t.open(), t.open()
		if w := t.watchIfAble(b); w != nil {
			t.broker.Down(true)
			w.end()
		}
		t.broker.Down(true)
		t.conns = nil
		for _, c := range []conn{a, b} {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			_ = t.within(100*time.Millisecond+soon/2, "Close", func() error { return c.Close(ctx) })
			cancel()
		}
		t.broker.Down(false)
	}},
}

// marked returns the stacks of the goroutines that bear a label.
func marked(label string) string {
	var profile bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&profile, 1)
	var stacks []string
	for _, block := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(block, label) {
			stacks = append(stacks, block)
		}
	}
	return strings.Join(stacks, "\n\n")
}
