package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// unanswered is a store that gives no answer to some writes, which have happened. Then
// it is away for a while.
type unanswered struct {
	ledger.Store
	some func(ledger.Write) bool
	away time.Duration
	cut  func(bool)
}

func (s *unanswered) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	state, err := s.Store.WriteLease(ctx, w)
	if s.some(w) {
		if s.away > 0 {
			s.cut(true)
			time.AfterFunc(s.away, func() { s.cut(false) })
		}
		<-ctx.Done()
		return ledger.State{}, context.Cause(ctx)
	}
	return state, err
}

// watching is a store that tells of changes nevertheless.
type watching struct {
	ledger.Store
	watch func(context.Context, func(ledger.State), func()) error
}

func (s watching) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	return s.watch(ctx, changed, ready)
}

// account is the slots of a worker of which anybody knows.
type account struct {
	mu    sync.Mutex
	ran   map[time.Time]bool
	skips int
}

func newAccount() *account { return &account{ran: make(map[time.Time]bool)} }

func (a *account) run(ctx context.Context) error {
	tick, _ := core.TickFrom(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ran[tick.Slot] = true
	return nil
}

func (a *account) observe(e core.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Kind == core.EventSkipped {
		a.skips += e.Count
	}
}

// counts is how many slots have run, and how many were skipped.
func (a *account) counts() (ran, skips int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ran), a.skips
}

// join starts an instance that has one worker.
func (a *account) join(t *testing.T, name string, store ledger.Store, w core.Worker) core.Manager {
	m := core.NewManager(newEngine(t, ledger.Config{Name: "memory", Store: store}), core.Options{
		Instance: name, Logger: slog.New(slog.DiscardHandler), Observers: []core.Observer{a.observe},
	})
	require.NoError(t, m.Add(t.Context(), w))
	require.NoError(t, m.Start(t.Context()))
	return m
}

// Each fifth write has happened, and its instance gets no answer; by the time that it
// can ask others have written too. Each slot is accounted for (OBS-2), by those also
// that stop before they know.
func TestWritesWithoutAnAnswerLoseNoSlot(t *testing.T) {
	workers := map[string]core.Worker{
		"runs":              {},
		"runs at most once": {AtMostOnce: true},
		"is paused":         {},
	}
	for name, w := range workers {
		for _, c := range []struct {
			watches bool
			away    time.Duration
		}{{true, 0}, {true, 15 * time.Second}, {false, 0}, {false, 15 * time.Second}} {
			t.Run(fmt.Sprintf("%s, watches %t, is away for %s", name, c.watches, c.away), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					acc := newAccount()
					w.Name, w.Schedule, w.Run = "w", core.Every(time.Second), acc.run
					memory := ledger.NewMemory()
					var until time.Time
					var over atomic.Bool
					join := func(i int) core.Manager {
						s := memory.Store("n")
						var writes atomic.Int64
						u := &unanswered{Store: s, away: c.away, cut: s.Cut}
						u.some = func(ledger.Write) bool { return writes.Add(1)%5 == 0 && !over.Load() }
						store := ledger.Store(u)
						if c.watches {
							store = watching{u, s.Watch}
						}
						return acc.join(t, fmt.Sprint("n-", i), store, w)
					}
					leave := func(m core.Manager) {
						until = time.Now()
						require.NoError(t, m.Stop(t.Context()))
					}
					managers := []core.Manager{join(0)} // when the ledger is old enough
					began := time.Now()
					managers = append(managers, join(1))
					if name == "is paused" {
						require.NoError(t, managers[0].Pause(t.Context(), "w"))
					}
					for i := range 20 {
						managers = append(managers, join(i+2))
						over.Store(false)
						time.Sleep(20*time.Second + 7*time.Millisecond)
						if c.away > 0 { // who cannot ask any more will never know
							over.Store(true)
							time.Sleep(2 * c.away)
						}
						leave(managers[0])
						managers = managers[1:]
					}
					over.Store(true)
					time.Sleep(time.Minute)
					for _, m := range managers {
						leave(m)
					}
					assert.InDelta(t, int(until.Sub(began)/time.Second), len(acc.ran)+acc.skips, 1, "%d ran, and %d were skipped", len(acc.ran), acc.skips)
				})
			})
		}
	}
}

// An instance stops in a run, waits for it, and gives the lease back with what fell due
// meanwhile; it gets no answer, and by the time that it can ask another has the lease.
func TestAReleaseWithoutAnAnswerLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acc := newAccount()
		memory := ledger.NewMemory()
		var lost atomic.Int64
		join := func(name string) core.Manager {
			u := &unanswered{Store: memory.Store("n"), some: func(w ledger.Write) bool {
				return !bytes.Contains(w.Value, []byte(`"running":true`)) && bytes.Contains(w.Value, []byte(`"over":true`)) && lost.Add(1) == 1
			}}
			return acc.join(t, name, u, core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: func(ctx context.Context) error {
				time.Sleep(5500 * time.Millisecond)
				return acc.run(ctx)
			}})
		}
		first := join("a")
		began := time.Now()
		time.Sleep(3 * time.Second) // it runs
		second := join("b")
		require.NoError(t, first.Stop(t.Context()))
		require.EqualValues(t, 2, lost.Load(), "releases that were sent")
		time.Sleep(time.Minute)
		require.NoError(t, second.Stop(t.Context()))
		assert.InDelta(t, int(time.Since(began)/time.Second), len(acc.ran)+acc.skips, 1, "%d ran, and %d were skipped", len(acc.ran), acc.skips)
	})
}

// A claim that takes a lease over has not happened, and its instance does not know: when
// it does, it does not wait for another lease.
func TestATakeoverWithoutAnAnswerWaitsForNoOtherLease(t *testing.T) {
	for _, watches := range []bool{true, false} {
		t.Run(fmt.Sprintf("watches %t", watches), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acc := newAccount()
				memory := ledger.NewMemory()
				dies, lives := memory.Store("n"), &undone{MemoryStore: memory.Store("n")}
				stores := []ledger.Store{dies, lives}
				if !watches {
					stores = []ledger.Store{dies.Polled(), struct{ ledger.Store }{lives}}
				}
				var again time.Time
				w := core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(ctx context.Context) error {
					if tick, _ := core.TickFrom(ctx); tick.Redelivered {
						again = time.Now()
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}}
				died := acc.join(t, "a", stores[0], w)
				require.NoError(t, errOf(died.Trigger(t.Context(), "w")))
				time.Sleep(time.Second)
				lived := acc.join(t, "b", stores[1], w)
				dies.Cut(true)
				cut := time.Now()
				lives.next.Store(true)
				time.Sleep(time.Minute)
				assert.False(t, lives.next.Load(), "the takeover was tried")
				assert.WithinDuration(t, cut, again, lived.Features().Failover, "from the cut to the takeover")
				dies.Cut(false)
				require.NoError(t, died.Stop(t.Context()))
				require.NoError(t, lived.Stop(t.Context()))
			})
		})
	}
}

// undone is a store that does not write a lease, and does not tell.
type undone struct {
	*ledger.MemoryStore
	next atomic.Bool
}

func (u *undone) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if u.next.Swap(false) {
		<-ctx.Done()
		return ledger.State{}, context.Cause(ctx)
	}
	return u.MemoryStore.WriteLease(ctx, w)
}
