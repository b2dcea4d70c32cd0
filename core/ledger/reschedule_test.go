package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// The slots of a new schedule count from the Reschedule, whatever other instances
// do with the worker meanwhile.
func TestRescheduleCountsFromNow(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		ctx := context.Background()
		a, b := cl.nodes[0], cl.nodes[1]
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour)})
		cl.start()
		cl.align(time.Hour)
		time.Sleep(30*time.Minute + 20*time.Second)
		n := len(cl.of("w"))
		require.NoError(cl.t, a.m.Reschedule(ctx, "w", core.Every(10*time.Minute)))
		require.NoError(cl.t, errOf(b.m.Trigger(ctx, "w")))
		time.Sleep(time.Minute)
		runs := cl.of("w")
		require.Len(cl.t, runs, n+1, "the trigger's run alone")
		require.Zero(cl.t, a.status("w").Skips.Total(), "slots that were skipped")
		time.Sleep(9 * time.Minute)
		runs = cl.of("w")
		require.Len(cl.t, runs, n+2)
		require.Equal(cl.t, 40, runs[n+1].tick.Slot.Minute(), "the first slot of the new schedule")
	})
}

func TestRescheduleOfADelay(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		n := cl.nodes[0]
		cl.add(core.Worker{Name: "w", Schedule: core.Delay(time.Hour)})
		cl.start()
		time.Sleep(50 * time.Minute)
		require.NoError(cl.t, n.m.Reschedule(context.Background(), "w", core.Delay(time.Minute)))
		at := time.Now()
		time.Sleep(55 * time.Second)
		require.Empty(cl.t, cl.of("w"))
		time.Sleep(3 * time.Minute)
		runs := cl.of("w")
		require.NotEmpty(cl.t, runs)
		require.WithinDuration(cl.t, at.Add(time.Minute), runs[0].began, time.Second)
		require.Len(cl.t, runs, 3)
	})
}

// The slots of the new schedule that fall due during a run count from the
// Reschedule, too.
func TestRescheduleDuringARun(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		n := cl.nodes[0]
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(50 * time.Minute)})
		cl.start()
		cl.align(time.Hour)
		time.Sleep(40*time.Minute + 20*time.Second)
		require.NoError(cl.t, n.m.Reschedule(context.Background(), "w", core.Every(time.Minute)))
		time.Sleep(5 * time.Minute)
		require.EqualValues(cl.t, 5, n.status("w").Skips.Overlap, "the slots that fell due since")
	})
}
