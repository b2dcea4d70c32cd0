package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// lines counts the records of a log at the level of errors.
type lines struct {
	slog.Handler
	mu sync.Mutex
	n  map[string]int
}

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n[r.Message]++
	return nil
}
func (l *lines) Enabled(_ context.Context, v slog.Level) bool { return v >= slog.LevelError }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler           { return l }

// A record that cannot be read stops its worker, and is said once; when it is
// mended the worker goes on.
func TestAnUnreadableRecord(t *testing.T) {
	inCluster(t, 0, func(cl *cluster) {
		log := &lines{Handler: slog.DiscardHandler, n: map[string]int{}}
		n := cl.join(core.Options{Logger: slog.New(log)})
		for _, name := range []string{"w", "other"} {
			cl.add(core.Worker{Name: name, Schedule: core.Every(time.Second)})
		}
		good := ledger.State{Worker: "w", Lease: ledger.Entry{Value: []byte("{garbage"), Rev: 1 << 40}}
		cl.broker.Rewind("test", good)
		cl.start()
		time.Sleep(time.Minute)
		require.Empty(cl.t, cl.of("w"))
		cl.oncePerSlot("other", time.Second, 60)
		log.mu.Lock()
		require.Equal(cl.t, 1, log.n["ledger: unreadable record"], "the errors in the log: %v", log.n)
		log.mu.Unlock()
		good.Lease.Value, good.Lease.Rev = []byte("{}"), good.Lease.Rev+1
		cl.broker.Rewind("test", good)
		time.Sleep(time.Minute)
		require.NotEmpty(cl.t, cl.of("w"))
		require.NotZero(cl.t, n.status("w").Runs)
	})
}

// faulty is a store that fails, and counts how often it was asked.
type faulty struct {
	ledger.Store
	mu    sync.Mutex
	fault error
	asked int
}

func (f *faulty) set(err error) (asked int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = err
	asked, f.asked = f.asked, 0
	return asked
}

func (f *faulty) ask() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.fault
}

func (f *faulty) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	if err := f.ask(); err != nil && !errors.Is(err, ledger.ErrConflict) {
		return nil, err
	}
	return f.Store.Load(ctx, workers)
}

func (f *faulty) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	err := f.ask()
	if errors.Is(err, ledger.ErrConflict) {
		states, e := f.Store.Load(ctx, []string{w.Worker})
		return states[0], errors.Join(err, e)
	}
	if err != nil {
		return ledger.State{}, err
	}
	return f.Store.WriteLease(ctx, w)
}

// A store that answers everything with an error, at once, or with a conflict at
// the very revision that it was given, is not asked over and over.
func TestAStoreThatAlwaysFails(t *testing.T) {
	for name, fault := range map[string]error{"error": errors.New("no space left"), "conflict": ledger.ErrConflict} {
		t.Run(name, func(t *testing.T) {
			var f *faulty
			k := kind{name: "faulty", polled: true, wrap: func(s ledger.Store) ledger.Store {
				f = &faulty{Store: s}
				return f
			}}
			inClusterOf(t, k, 1, func(cl *cluster) {
				for _, name := range strings.Fields("a b c d e f g h i j") {
					cl.add(core.Worker{Name: name, Schedule: core.Every(time.Minute), Run: lasting(20 * time.Second)})
					cl.add(core.Worker{Name: name + "2", Schedule: core.Every(time.Minute), Run: lasting(2 * time.Second)})
				}
				cl.start()
				cl.align(time.Minute)
				f.set(fault) // while all are running
				cl.broker.Lose()
				time.Sleep(10 * time.Minute)
				require.Less(cl.t, f.set(nil), 20*10*60*3, "the operations of twenty workers in ten minutes: three a second")
				time.Sleep(3 * time.Minute)
				for _, name := range strings.Fields("a b c d e f g h i j") {
					runs := cl.of(name)
					require.Greater(cl.t, runs[len(runs)-1].began, time.Now().Add(-2*time.Minute), "the last run")
					cl.fencesRise(name)
				}
			})
		})
	}
}

// Workers run within a lease of the broker's return, however long it was away: nothing
// waits for longer and longer.
func TestAQuarterOfAnHourWithoutTheBroker(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		const n = 300
		for i := range n {
			cl.add(core.Worker{Name: "w" + strings.Repeat("x", i%100) + string(rune('a'+i/100)), Schedule: core.Every(10 * time.Second)})
		}
		cl.start()
		time.Sleep(time.Minute)
		cl.broker.Down(true)
		time.Sleep(15 * time.Minute)
		before := len(cl.of("wa"))
		cl.broker.Down(false)
		back := time.Now()
		time.Sleep(lease + lease/2)
		for i := range n {
			runs := cl.of("w" + strings.Repeat("x", i%100) + string(rune('a'+i/100)))
			require.Greater(cl.t, len(runs), before-1)
			require.Less(cl.t, runs[before].began.Sub(back), lease, "from the broker's return to the first run")
		}
	})
}

// giddy is a Watcher whose Watch returns now and then, as it must not.
type giddy struct{ ledger.Watcher }

func (g giddy) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return g.Watcher.Watch(ctx, changed, ready)
}

func TestAWatchThatReturns(t *testing.T) {
	k := kind{name: "giddy", wrap: func(s ledger.Store) ledger.Store { return giddy{s.(ledger.Watcher)} }}
	inClusterOf(t, k, 2, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(24 * time.Hour)})
		cl.start()
		for i := range 10 {
			time.Sleep(17 * time.Second)
			require.NoError(cl.t, cl.nodes[i%2].m.Pause(context.Background(), "w"))
			time.Sleep(lease / 2)
			require.Equal(cl.t, core.StatePaused, cl.nodes[1-i%2].status("w").State, "on the other node, round %d", i)
			require.NoError(cl.t, cl.nodes[i%2].m.Resume(context.Background(), "w"))
		}
	})
}

// A loss that is noticed during a run has the lease renewed out of turn, and not
// twice as often from then on.
func TestRenewalsAfterALoss(t *testing.T) {
	var f *faulty
	k := kind{name: "counted", polled: true, wrap: func(s ledger.Store) ledger.Store {
		f = &faulty{Store: s}
		return f
	}}
	inClusterOf(t, k, 1, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Run: lasting(time.Hour)})
		cl.start()
		time.Sleep(time.Minute)
		f.set(nil)
		time.Sleep(time.Minute)
		before := f.set(nil)
		for range 10 {
			cl.broker.Lose()
			time.Sleep(lease)
		}
		f.set(nil)
		time.Sleep(time.Minute)
		require.InDelta(cl.t, before, f.set(nil), 5, "the operations of a minute, before and after ten losses")
		require.Len(cl.t, cl.of("w"), 1)
	})
}
