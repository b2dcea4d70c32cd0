package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func TestEachSlotRunsOnce(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		for i := range 20 {
			cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Second), Run: lasting(10 * time.Millisecond)})
		}
		cl.start()
		time.Sleep(2 * time.Minute)
		nodes := map[string]int{}
		for i := range 20 {
			name := fmt.Sprint("w", i)
			cl.oncePerSlot(name, time.Second, 120)
			cl.fencesRise(name)
			for _, r := range cl.of(name) {
				nodes[r.node]++
			}
		}
		require.Len(cl.t, nodes, 3, "the nodes that have run something")
		for name, n := range nodes {
			require.Greater(cl.t, n, 400, "the runs of %s, a third of which are %d", name, 20*40)
		}
	})
}

// An instance that has read, some time ago, that another runs the worker, does not
// take that for the present: the other may have stopped since.
func TestWhatWasReadIsNotThePresent(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: lasting(900 * time.Millisecond)}, cl.nodes[0])
		cl.start()
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: lasting(900 * time.Millisecond)}, cl.nodes[1])
		time.Sleep(time.Minute)
		cl.nodes[0].stop()
		time.Sleep(time.Minute)
		cl.oncePerSlot("w", time.Second, 119)
	})
}

// Here all instances claim at the same instant.
func TestEachSlotRunsOnceUnderContention(t *testing.T) {
	for _, k := range kinds {
		k.lateness = 1
		t.Run(k.name, func(t *testing.T) {
			inClusterOf(t, k, 3, func(cl *cluster) {
				for i := range 50 {
					cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Second), Run: lasting(10 * time.Millisecond)})
				}
				cl.start()
				time.Sleep(2 * time.Minute)
				for i := range 50 {
					name := fmt.Sprint("w", i)
					cl.oncePerSlot(name, time.Second, 120)
					cl.fencesRise(name)
				}
			})
		})
	}
}

func TestTakeoverNotBeforeAWholeLease(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)})
		cl.start()
		cl.align(time.Hour)
		first := cl.holder("w")
		time.Sleep(7 * time.Second)
		first.store.Cut(true)
		cut := time.Now()
		time.Sleep(3 * lease)
		runs := cl.of("w")
		require.Len(cl.t, runs, 2)
		require.NotEqual(cl.t, runs[0].node, runs[1].node)
		require.ErrorIs(cl.t, runs[0].cause, core.ErrLeaseLost)
		require.Less(cl.t, runs[0].ended, runs[1].began, "the end of the first run, and the beginning of the second")
		lastRenewal := cut.Add(-lease / 3)
		require.Greater(cl.t, runs[1].began.Sub(lastRenewal), lease, "the time from the last renewal, or before, to the takeover")
		require.Less(cl.t, runs[1].began.Sub(cut), lease+lease/2, "the time from the cut to the takeover")
		require.Equal(cl.t, runs[0].tick.ID(), runs[1].tick.ID())
		require.True(cl.t, runs[1].tick.Redelivered)
		cl.fencesRise("w")
	})
}

// So it is where the instance that takes over has a shorter lease: a new
// configuration is being rolled out.
func TestALongerLeaseIsWaitedFor(t *testing.T) {
	for _, k := range kinds {
		k.leases = []time.Duration{lease, lease / 5}
		t.Run(k.name, func(t *testing.T) {
			inClusterOf(t, k, 2, func(cl *cluster) {
				cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)})
				cl.start(cl.nodes[0])
				cl.align(time.Hour)
				cl.start(cl.nodes[1])
				time.Sleep(7 * time.Second)
				cl.holder("w").store.Cut(true)
				time.Sleep(3 * lease)
				runs := cl.of("w")
				require.Len(cl.t, runs, 2)
				require.Equal(cl.t, "n2", runs[1].node)
				require.Less(cl.t, runs[0].ended, runs[1].began, "the end of the first run, and the beginning of the second")
			})
		})
	}
}

// So it is where the first renewal was one out of turn, because of a loss.
func TestALeaseEndsInTimeAfterALoss(t *testing.T) {
	for i := range 10 {
		inCluster(t, 3, func(cl *cluster) {
			cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)})
			cl.start()
			cl.align(time.Hour)
			first := cl.holder("w")
			cl.broker.Lose()
			time.Sleep(1100*time.Millisecond + time.Duration(i)*130*time.Millisecond) // it is noticed, and the lease renewed
			first.store.Cut(true)
			time.Sleep(2 * lease)
			runs := cl.of("w")
			require.Len(cl.t, runs, 2)
			require.ErrorIs(cl.t, runs[0].cause, core.ErrLeaseLost)
			require.Less(cl.t, runs[0].ended, runs[1].began, "the end of the first run, and the beginning of the second")
		})
	}
}

func TestARenewedLeaseIsNotTakenOver(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(10 * time.Minute)})
		cl.start()
		cl.align(time.Hour)
		time.Sleep(11 * time.Minute)
		runs := cl.of("w")
		require.Len(cl.t, runs, 1)
		require.NoError(cl.t, runs[0].err)
	})
}

// A zombie is cut off, ignores its context, and returns when another has run.
func TestAZombieIsNotRecorded(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		begun := 0
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(ctx context.Context) error {
			if begun++; begun == 1 {
				time.Sleep(time.Minute)
				return fmt.Errorf("late")
			}
			return lasting(time.Second)(ctx)
		}})
		cl.start()
		cl.align(time.Hour)
		zombie := cl.holder("w")
		zombie.store.Cut(true)
		time.Sleep(2 * lease)
		require.Len(cl.t, cl.of("w"), 2, "the runs, once another has taken over")
		zombie.store.Cut(false)
		time.Sleep(time.Minute)
		runs := cl.of("w")
		require.Len(cl.t, runs, 2)
		require.ErrorIs(cl.t, runs[0].cause, core.ErrLeaseLost)
		for _, n := range cl.nodes {
			s := n.status("w")
			require.Equal(cl.t, core.Succeeded, s.Last.Outcome, "the last run, as %s has it", n.name)
			require.Equal(cl.t, runs[1].node, s.Last.Instance)
			require.Zero(cl.t, s.Failures)
		}
		cl.align(time.Hour)
		time.Sleep(2 * time.Second)
		runs = cl.of("w")
		require.Len(cl.t, runs, 3, "the next slot runs")
		require.Equal(cl.t, runs[0].tick.Slot.Add(time.Hour), runs[2].tick.Slot)
		cl.fencesRise("w")
	})
}

func TestAnInstanceThatStopsHandsBack(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Minute)})
		cl.start()
		cl.align(time.Hour)
		first := cl.holder("w")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var report *core.StopError
		require.ErrorAs(cl.t, first.m.Stop(ctx), &report)
		first.stopped = true
		require.Equal(cl.t, []string{"w"}, report.CutOff)
		time.Sleep(lease / 2)
		runs := cl.of("w")
		require.Len(cl.t, runs, 2)
		require.True(cl.t, runs[1].tick.Redelivered)
		require.Equal(cl.t, runs[0].tick.ID(), runs[1].tick.ID())
		cl.fencesRise("w")
		synctest.Wait()
	})
}

// Slots that nobody was there to claim, and one that falls due in a run by hand,
// which came before them: all are accounted for.
func TestAnOverlapCountsWhatWasMissedBefore(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		w := core.Worker{Name: "w", Schedule: core.Every(4 * time.Second), AtMostOnce: true, Run: lasting(6 * time.Second)}
		first := cl.nodes[0]
		cl.add(w)
		cl.start()
		cl.align(4 * time.Second)
		require.NoError(cl.t, errOf(first.m.Trigger(cl.t.Context(), "w"))) // waits for the run in progress
		ctx, cancel := context.WithCancel(cl.t.Context())
		cancel()
		_ = first.m.Stop(ctx)
		first.stopped = true
		time.Sleep(30 * time.Second)
		second := cl.join(core.Options{})
		cl.add(w, second)
		cl.start(second)
		time.Sleep(20 * time.Second)

		runs := cl.of("w")
		require.NotEmpty(cl.t, runs[1].tick.Manual, "the second run is the one by hand")
		ran := 0
		for _, r := range runs {
			if r.tick.Manual == "" {
				ran++
			}
		}
		skips := second.status("w").Skips
		due := 1 + int(time.Since(runs[0].tick.Slot)/(4*time.Second))
		require.Equal(cl.t, due, ran+int(skips.Overlap+skips.Missed), "slots: %d ran, skipped were %+v", ran, skips)
	})
}
