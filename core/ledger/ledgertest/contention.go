package ledgertest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// The instances, and the goroutines of each, that contend, and the writes that
// each of these must get through.
const (
	contenders = 4
	hands      = 3
	pulls      = 15
)

var contentionCases = []kase{
	{"contention", "no-update-is-lost", "writes of a record happen in one order that all see: of those that many instances make at once none is lost", func(t *trial) {
		t.contend("the lease record", conn.lease, func(s ledger.State) ledger.Entry { return s.Lease })
	}},
	{"contention", "no-update-of-the-control-record-is-lost", "writes of a record happen in one order that all see: of those that many instances make at once none is lost", func(t *trial) {
		t.contend("the control record", conn.control, func(s ledger.State) ledger.Entry { return s.Control })
	}},
	{"contention", "one-claim-wins", "of many writes at one revision one happens, and the others are told of it", func(t *trial) {
		var conns []conn
		for range contenders {
			conns = append(conns, t.open())
		}
		var rev uint64
		for round := range 20 {
			states, errs := make([]ledger.State, contenders*hands), make([]error, contenders*hands)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for i := range states {
				wg.Go(func() {
					<-start
					states[i], errs[i] = conns[i%contenders].lease(ledger.Write{Worker: "w", Value: value("%d of round %d", i, round), Rev: rev})
				})
			}
			close(start)
			wg.Wait()
			won := -1
			for i, err := range errs {
				switch {
				case err == nil && won >= 0:
					require.Fail(t, "two claims have won", "%s and %s", text(states[won]), text(states[i]))
				case err == nil:
					won = i
				default:
					require.ErrorIs(t, err, ledger.ErrConflict)
				}
			}
			require.GreaterOrEqual(t, won, 0, "no claim has won")
			now := conns[round%contenders].read("w")
			require.Equal(t, string(value("%d of round %d", won, round)), string(now.Lease.Value), "the record after the claims")
			for i, s := range states {
				require.Equal(t, now.Lease, s.Lease, "what claim %d was told", i)
			}
			rev = now.Lease.Rev
		}
	}},
	{"contention", "workers-do-not-contend", "writes of different workers do not disturb each other", func(t *trial) {
		conns := []conn{t.open(), t.open(), t.open()}
		var wg sync.WaitGroup
		for w := range 30 {
			wg.Go(func() {
				name := fmt.Sprint("w", w)
				var s ledger.State
				for i := range 10 {
					var err error
					s, err = conns[w%3].lease(ledger.Write{Worker: name, Value: value("%d", i), Rev: s.Lease.Rev})
					if !assert.NoError(t, err, "write %d of %s, which nobody else writes", i, name) {
						return
					}
				}
			})
		}
		wg.Wait()
		for w := range 30 {
			require.Equal(t, string(value("9")), string(conns[(w+1)%3].read(fmt.Sprint("w", w)).Lease.Value))
		}
	}},
}

// contend has many goroutines on several instances count in one record. Sorted
// by revision the numbers that were written must be one, two, three.
func (t *trial) contend(record string, write func(conn, ledger.Write) (ledger.State, error), entry func(ledger.State) ledger.Entry) {
	type written struct {
		rev uint64
		n   int
	}
	var mu sync.Mutex
	var all []written
	var wg sync.WaitGroup
	for range contenders {
		c := t.open()
		for range hands {
			wg.Go(func() {
				var met ledger.Entry // nothing, to begin with
				for done := 0; done < pulls; {
					n, _ := strconv.Atoi(string(met.Value))
					s, err := write(c, ledger.Write{Worker: "w", Value: strconv.AppendInt(nil, int64(n+1), 10), Rev: met.Rev})
					if err != nil && !errors.Is(err, ledger.ErrConflict) {
						assert.NoError(t, err, "a write that may meet a conflict and no other error")
						return
					}
					if err != nil && entry(s).Rev == met.Rev {
						assert.Fail(t, "a conflict at the revision that is the record's", text(s))
						return
					}
					met = entry(s)
					if err == nil {
						done++
						mu.Lock()
						all = append(all, written{met.Rev, n + 1})
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	if failures, _ := t.verdict(); len(failures) > 0 {
		return
	}
	slices.SortFunc(all, func(a, b written) int { return cmp.Compare(a.rev, b.rev) })
	for i, w := range all {
		require.Equal(t, i+1, w.n, "what the write number %d of %s, at revision %d, has counted", i+1, record, w.rev)
		if i > 0 {
			require.NotEqual(t, all[i-1].rev, w.rev, "two writes with one revision")
		}
	}
	now := entry(t.open().read("w"))
	require.Equal(t, strconv.Itoa(contenders*hands*pulls), string(now.Value), "%s after all writes", record)
	require.Equal(t, all[len(all)-1].rev, now.Rev, "its revision")
}
