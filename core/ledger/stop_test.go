package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// slow is a store whose answers take their time.
type slow struct{ ledger.Store }

const trip = 40 * time.Millisecond

func (s slow) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	time.Sleep(trip / 2)
	defer time.Sleep(trip / 2)
	return s.Store.WriteLease(ctx, w)
}

// What is being claimed when Stop is called is handed back, too.
func TestStopAmidClaims(t *testing.T) {
	k := kind{name: "slow", polled: true, lateness: 1, wrap: func(s ledger.Store) ledger.Store { return slow{s} }}
	for after := time.Duration(0); after <= 2*trip; after += trip / 8 {
		t.Run(after.String(), func(t *testing.T) {
			inClusterOf(t, k, 2, func(cl *cluster) {
				for i := range 20 {
					cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Minute), Run: lasting(time.Second)}, cl.nodes[i%2])
				}
				cl.start()
				for i := range 20 {
					cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Minute), Run: lasting(time.Second)}, cl.nodes[1-i%2])
				}
				cl.align(time.Minute)
				time.Sleep(time.Minute - 500*time.Millisecond + after)
				slot := time.Now().Truncate(time.Minute)
				cl.nodes[0].stop()
				time.Sleep(lease * 4 / 10)
				for i := range 20 {
					var ran []string
					for _, r := range cl.of(fmt.Sprint("w", i)) {
						if r.tick.Slot.Equal(slot) {
							ran = append(ran, r.node)
							require.False(cl.t, r.tick.Redelivered, "%s", r.tick)
						}
					}
					require.Len(cl.t, ran, 1, "the nodes that have run the slot of w%d, %s after it", i, time.Since(slot))
				}
			})
		})
	}
}

// ponderous is a store that takes its time to say that an instance is out of the registry.
type ponderous struct{ ledger.Store }

func (p ponderous) Leave(ctx context.Context, instance string) error {
	defer time.Sleep(1500 * time.Millisecond)
	return p.Store.Leave(ctx, instance)
}

// No beat enters an instance in the registry again that is leaving it.
func TestWhoHasStoppedIsNotInTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := ledger.NewMemory().Store("n")
		acc := newAccount()
		m := acc.join(t, "a", ponderous{store}, core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: acc.run})
		members, err := store.Instances(t.Context())
		require.NoError(t, err)
		require.Len(t, members, 1)
		require.NoError(t, m.Stop(t.Context()))
		members, err = store.Instances(t.Context())
		require.NoError(t, err)
		require.Empty(t, members)
	})
}

func TestStopWhileTheBrokerIsAway(t *testing.T) {
	for name, away := range map[string]time.Duration{"at once": 0, "for a while": 3 * time.Second, "for long": time.Minute} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, func(cl *cluster) {
				for i := range 20 {
					cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Second), Run: lasting(300 * time.Millisecond)})
					cl.add(core.Worker{Name: fmt.Sprint("long", i), Run: lasting(time.Hour)})
					cl.add(core.Worker{Name: fmt.Sprint("each", i), Schedule: core.Every(time.Second), Scope: core.PerInstance})
				}
				cl.start()
				cl.align(time.Second)
				time.Sleep(600 * time.Millisecond) // while some run
				cl.broker.Down(true)
				time.Sleep(away)

				began := time.Now()
				_ = cl.nodes[0].m.Stop(context.Background())
				cl.nodes[0].stopped = true
				require.LessOrEqual(cl.t, time.Since(began), lease*3/2, "a Stop without a limit")

				began = time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = cl.nodes[1].m.Stop(ctx)
				cl.nodes[1].stopped = true
				require.LessOrEqual(cl.t, time.Since(began), 2*time.Second+500*time.Millisecond, "a Stop with a limit of a second, and a grace of one")
			})
		})
	}
}

// The runs of a worker that each instance runs for itself are waited for like any.
func TestStopWaitsForLocalRuns(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Minute), Scope: core.PerInstance, Run: lasting(5 * time.Second)})
		cl.start()
		cl.align(time.Minute)
		cl.nodes[0].stop()
		runs := cl.of("w")
		require.Len(cl.t, runs, 1)
		require.NoError(cl.t, runs[0].err)
	})
}
