package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// What an instance has run is not run again when the broker loses its data, and
// fences go on rising.
func TestLostDataAreRestored(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(5 * time.Second), Run: lasting(time.Second)})
		cl.add(core.Worker{Name: "long", Schedule: core.Every(time.Hour), Run: lasting(5 * time.Minute)})
		cl.add(core.Worker{Name: "paused", Schedule: core.Every(5 * time.Second)})
		cl.start()
		cl.align(time.Hour)
		require.NoError(cl.t, cl.nodes[0].m.Pause(context.Background(), "paused"))
		for range 5 {
			time.Sleep(31 * time.Second)
			cl.broker.Lose()
		}
		time.Sleep(3 * time.Minute)
		seen := map[string]bool{}
		for _, r := range cl.of("w") {
			require.False(cl.t, seen[r.tick.ID()], "%s ran twice: %s", r.tick, cl.tell(r.tick))
			seen[r.tick.ID()] = true
			require.False(cl.t, r.tick.Redelivered, "%s", r.tick)
		}
		cl.fencesRise("w")
		long := cl.of("long")
		require.Len(cl.t, long, 1)
		require.NoError(cl.t, long[0].err)
		n := len(cl.of("paused"))
		time.Sleep(time.Minute)
		require.Len(cl.t, cl.of("paused"), n, "runs of a worker that is paused")
	})
}

// An instance that comes after a loss knows nothing of what was before, and asks
// those who do.
func TestANewInstanceAfterALossRunsNothingAgain(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(10 * time.Minute)})
		cl.add(core.Worker{Name: "paused", Schedule: core.Every(time.Second)})
		cl.start()
		require.NoError(cl.t, cl.nodes[0].m.Pause(context.Background(), "paused"))
		cl.align(time.Hour)
		holder := cl.holder("w")
		other := cl.nodes[0]
		if other == holder {
			other = cl.nodes[1]
		}
		before := len(cl.of("paused"))
		for range 20 { // whenever in the course of its beats
			time.Sleep(17*time.Second + 130*time.Millisecond)
			require.NoError(cl.t, other.m.Remove(context.Background(), "w"))
			require.NoError(cl.t, other.m.Remove(context.Background(), "paused"))
			cl.broker.Lose()
			time.Sleep(50 * time.Millisecond)
			cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(10 * time.Minute), RunOnStart: true}, other)
			cl.add(core.Worker{Name: "paused", Schedule: core.Every(time.Second)}, other)
		}
		time.Sleep(15 * time.Second)
		for _, r := range cl.of("w") {
			if r.tick.Slot.IsZero() {
				require.Fail(cl.t, "a trigger ran beside the run in progress", "%s on %s", r.tick, r.node)
			}
		}
		require.Len(cl.t, cl.of("w"), 1)
		require.Len(cl.t, cl.of("paused"), before, "runs of a worker that is paused")
	})
}

// A worker that each instance runs for itself is paused for the cluster, too.
func TestAPauseOfALocalWorkerOutlivesALoss(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		ctx := context.Background()
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Scope: core.PerInstance})
		cl.start()
		require.NoError(cl.t, cl.nodes[0].m.Pause(ctx, "w"))
		time.Sleep(lease)
		cl.broker.Lose()
		time.Sleep(lease)
		late := cl.join(core.Options{})
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Scope: core.PerInstance}, late)
		cl.start(late)
		time.Sleep(lease)
		for _, n := range cl.nodes {
			require.Equal(cl.t, core.StatePaused, n.status("w").State, n.name)
		}
		require.NoError(cl.t, late.m.Resume(ctx, "w"))
		time.Sleep(lease)
		for _, n := range cl.nodes {
			require.Equal(cl.t, core.StateIdle, n.status("w").State, n.name)
			require.NotZero(cl.t, n.status("w").Runs, n.name)
		}
	})
}

// A pause that is lost while its worker runs is written back meanwhile, and not when
// the run is over: who comes then is to know of it (CTL-4, CLU-13).
func TestAPauseIsWrittenBackDuringARun(t *testing.T) {
	for name, lose := range map[string]func(*ledger.Memory){
		"all is lost":              (*ledger.Memory).Lose,
		"the worker's records are": func(m *ledger.Memory) { m.Rewind("test", ledger.State{Worker: "w"}) },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 1, func(cl *cluster) {
				ctx := context.Background()
				w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: lasting(time.Hour)}
				cl.add(w)
				cl.start()
				cl.align(time.Minute)
				first := cl.holder("w")
				require.NoError(cl.t, first.m.Pause(ctx, "w"))
				for range 3 {
					time.Sleep(lease)
					lose(cl.broker)
					time.Sleep(lease)
					late := cl.join(core.Options{})
					cl.add(w, late)
					cl.start(late)
					require.Equal(cl.t, core.StatePaused, late.status("w").State, "on one that came after the loss")
					late.stop()
				}
				late := cl.join(core.Options{})
				cl.add(w, late)
				cl.start(late)
				lose(cl.broker)
				require.NoError(cl.t, late.m.Resume(ctx, "w"))
				time.Sleep(2 * lease)
				for _, n := range []*node{first, late} {
					require.NotEqual(cl.t, core.StatePaused, n.status("w").State, n.name)
				}
				require.Len(cl.t, cl.of("w"), 1)
				first.store.Cut(true) // dies
				time.Sleep(3 * lease)
				require.Len(cl.t, cl.of("w"), 2)
			})
		})
	}
}

// One that was paused before it had a record does not get one that says that it
// has missed everything since the year one.
func TestALossOfAPauseAlone(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		ctx, n := context.Background(), cl.nodes[0]
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour)})
		cl.start()
		n.store.Cut(true) // of the lease record, that is
		cl.broker.Lose()
		n.store.Cut(false)
		require.NoError(cl.t, n.m.Pause(ctx, "w"))
		cl.broker.Lose()
		time.Sleep(2 * lease)
		require.NoError(cl.t, n.m.Resume(ctx, "w"))
		time.Sleep(2 * time.Hour)
		require.LessOrEqual(cl.t, n.status("w").Skips.Total(), uint64(1), "%+v", n.status("w"))
		require.NotEmpty(cl.t, cl.of("w"))
	})
}

// A broker that has lost its last writes has records with revisions that the
// instances have seen go by.
func TestARecordThatWentBackIsWrittenAnew(t *testing.T) {
	for name, back := range map[string]func(old, now ledger.State) ledger.State{
		"gone":         func(_, now ledger.State) ledger.State { return ledger.State{Worker: now.Worker} },
		"older":        func(old, _ ledger.State) ledger.State { return old },
		"lease gone":   func(_, now ledger.State) ledger.State { now.Lease = ledger.Entry{}; return now },
		"control gone": func(_, now ledger.State) ledger.State { now.Control = ledger.Entry{}; return now },
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(cl *cluster) {
				ctx := context.Background()
				cl.add(core.Worker{Name: "w", Schedule: core.Every(5 * time.Second)})
				cl.start()
				require.NoError(cl.t, cl.nodes[0].m.Pause(ctx, "w"))
				require.NoError(cl.t, cl.nodes[0].m.Resume(ctx, "w"))
				time.Sleep(time.Minute)
				old := cl.broker.Snapshot("test", "w")
				require.NoError(cl.t, cl.nodes[1].m.Pause(ctx, "w"))
				require.NoError(cl.t, cl.nodes[1].m.Resume(ctx, "w"))
				time.Sleep(time.Minute)
				cl.broker.Rewind("test", back(old, cl.broker.Snapshot("test", "w")))
				at := time.Now()
				time.Sleep(time.Minute)
				seen, after := map[string]bool{}, 0
				for _, r := range cl.of("w") {
					require.False(cl.t, seen[r.tick.ID()], "%s ran twice: %s", r.tick, cl.tell(r.tick))
					seen[r.tick.ID()] = true
					if r.began.After(at) {
						after++
					}
				}
				require.GreaterOrEqual(cl.t, after, 11, "the runs of the minute after")
				cl.fencesRise("w")
			})
		})
	}
}

// A Resume that comes when the broker has lost the pause, which nobody has noticed
// yet, is not undone when they do.
func TestAResumeAfterALoss(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		ctx := context.Background()
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second)})
		cl.start()
		for i := range 10 {
			require.NoError(cl.t, cl.nodes[i%3].m.Pause(ctx, "w"))
			time.Sleep(lease + time.Duration(i)*110*time.Millisecond)
			cl.broker.Lose()
			require.NoError(cl.t, cl.nodes[(i+1)%3].m.Resume(ctx, "w"))
			time.Sleep(lease)
			for _, n := range cl.nodes {
				require.NotEqual(cl.t, core.StatePaused, n.status("w").State, "%s, round %d", n.name, i)
			}
		}
	})
}

// deaf is a store whose beats may fail.
type deaf struct {
	ledger.Store
	is atomic.Bool
}

func (d *deaf) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	if d.is.Load() {
		return ledger.Pulse{}, errors.New("no answer")
	}
	return d.Store.Beat(ctx, instance, roster)
}

// An instance that has not noticed a loss does not claim upon what another, which
// has, wrote back: who knows more, like the one whose run goes on, may come last.
func TestALossThatOthersHaveNoticed(t *testing.T) {
	for i := range 25 {
		var stores []*deaf
		k := kind{name: "polled", polled: true, post: &post{}, wrap: func(s ledger.Store) ledger.Store {
			stores = append(stores, &deaf{Store: s})
			return stores[len(stores)-1]
		}}
		inClusterOf(t, k, 0, func(cl *cluster) {
			for range 3 { // whose beats, and looks, come at different times
				n := cl.join(core.Options{})
				cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: lasting(20 * time.Second)}, n)
				require.NoError(cl.t, n.m.Start(context.Background()))
				time.Sleep(270 * time.Millisecond)
			}
			now := time.Now()
			time.Sleep(now.Truncate(time.Minute).Add(time.Minute + 20*time.Millisecond + time.Duration(i)*100*time.Millisecond).Sub(now))
			holder := cl.holder("w")
			var told *node
			for j, n := range cl.nodes { // one of the others alone notices
				if n == holder || told != nil {
					stores[j].is.Store(true)
				} else {
					told = n
				}
			}
			cl.broker.Lose()
			time.Sleep(3 * time.Second)
			for _, r := range cl.of("w")[1:] {
				require.Equal(cl.t, told.name, r.node, "who runs again what nobody has told it of")
			}
		})
	}
}

// The data are lost just after a run of which not all have heard. Who notices that
// by the record of its own writes back an older one; others do not take that for
// news, and run the slot again.
func TestALossBetweenARunAndThoseThatComeLate(t *testing.T) {
	inCluster(t, 4, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(20 * time.Second)})
		cl.start()
		for i := range 300 {
			now := time.Now()
			time.Sleep(now.Truncate(20 * time.Second).Add(20 * time.Second).Sub(now))
			for before := len(cl.of("w")); len(cl.of("w")) == before; {
				time.Sleep(100 * time.Microsecond)
			}
			time.Sleep(time.Duration(i%30) * 100 * time.Microsecond)
			cl.broker.Lose()
		}
		seen := map[string]bool{}
		for _, r := range cl.of("w") {
			require.False(cl.t, seen[r.tick.ID()], "%s ran twice: %s", r.tick, cl.tell(r.tick))
			seen[r.tick.ID()] = true
		}
	})
}

// distant is a store whose answers take a while to come.
type distant struct{ ledger.Store }

func (l distant) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	states, err := l.Store.Load(ctx, workers)
	time.Sleep(rand.N(10 * time.Millisecond))
	return states, err
}

func (l distant) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	time.Sleep(rand.N(5 * time.Millisecond))
	return l.Store.WriteLease(ctx, w)
}

// What a request has read before this instance wrote its first record is no loss
// of that record: nothing waits.
func TestARequestBesideTheFirstWriteIsNoLoss(t *testing.T) {
	inClusterOf(t, kind{name: "polled", polled: true, wrap: func(s ledger.Store) ledger.Store { return distant{s} }}, 1, func(cl *cluster) {
		cl.start()
		time.Sleep(time.Minute) // the ledger is not new any more
		for i := range 200 {
			name := fmt.Sprint("w", i)
			cl.add(core.Worker{Name: name, Schedule: core.Every(time.Hour)})
			require.NoError(cl.t, errOf(cl.nodes[0].m.Trigger(context.Background(), name)))
			asked := time.Now()
			time.Sleep(100 * time.Millisecond)
			runs := cl.of(name)
			require.NotEmpty(cl.t, runs, "runs of %s a tenth of a second after its trigger", name)
			require.Less(cl.t, runs[0].began.Sub(asked), 100*time.Millisecond)
		}
	})
}
