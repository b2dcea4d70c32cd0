package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A long-running worker that fails, and is run again and again where its lease is,
// shows on all instances as it last ended; so does one that a pause has ended, and one
// that is done (OBS-1).
func TestTheLastRunOfALongRunningWorker(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		ctx := context.Background()
		crash := errors.New("crash")
		end := make(chan error)
		cl.add(core.Worker{Name: "w", Retry: core.Retry{Backoff: core.Constant(20 * time.Second)}, Run: func(ctx context.Context) error {
			select {
			case err := <-end:
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}})
		cl.start()
		ended := func(outcome core.Outcome, err error) {
			cl.t.Helper()
			time.Sleep(lease)
			runs := cl.of("w")
			var want ran
			for _, r := range runs {
				if !r.ended.IsZero() {
					want = r
				}
			}
			for _, n := range cl.nodes {
				last := n.status("w").Last
				require.NotNil(cl.t, last, "the last run of %d, as %s has it", len(runs), n.name)
				require.Equal(cl.t, want.tick.ID(), last.Tick.ID(), "the tick of the last run of %d, as %s has it", len(runs), n.name)
				require.Equal(cl.t, outcome, last.Outcome, n.name)
				require.Equal(cl.t, want.node, last.Instance, n.name)
				require.WithinDuration(cl.t, want.began, last.Start, time.Millisecond, n.name)
				require.InDelta(cl.t, want.ended.Sub(want.began), last.Duration, float64(time.Millisecond), n.name)
				if err != nil {
					require.ErrorContains(cl.t, last.Err, err.Error(), n.name)
				}
			}
		}
		for range 3 {
			time.Sleep(30 * time.Second)
			end <- crash
			ended(core.Failed, crash)
		}
		time.Sleep(30 * time.Second)
		require.NoError(cl.t, cl.nodes[0].m.Pause(ctx, "w"))
		ended(core.Cancelled, nil)
		require.NoError(cl.t, cl.nodes[0].m.Resume(ctx, "w"))
		time.Sleep(30 * time.Second)
		end <- nil
		ended(core.Succeeded, nil)
		for _, n := range cl.nodes {
			require.Equal(cl.t, core.StateDone, n.status("w").State, n.name)
		}
	})
}

// An instance that comes back under its name knows what it ran before, as any other
// does.
func TestTheLastRunOfAnInstanceThatCameBack(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: lasting(time.Second)})
		cl.start()
		cl.align(time.Hour)
		time.Sleep(time.Minute)
		before := cl.nodes[0].status("w").Last
		require.NotNil(cl.t, before)
		cl.nodes[0].stop()
		again := cl.nodes[0]
		cl.nodes = nil // so that the next has its name
		back := cl.join(core.Options{})
		require.Equal(cl.t, again.name, back.name)
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour)}, back)
		cl.start(back)
		last := back.status("w").Last
		require.NotNil(cl.t, last)
		require.Equal(cl.t, before.Tick.ID(), last.Tick.ID())
		require.WithinDuration(cl.t, before.Start, last.Start, 0)
		require.Zero(cl.t, back.status("w").Runs, "runs that ended since it came back")
	})
}

// A Delay has no next slot while its run is in progress, wherever that is.
func TestTheNextSlotOfADelayThatRunsElsewhere(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Delay(time.Minute), Run: lasting(5 * time.Minute)})
		cl.start()
		time.Sleep(30 * time.Second)
		for range 3 { // six minutes each
			time.Sleep(2*time.Minute + 30*time.Second)
			cl.holder("w")
			for _, n := range cl.nodes {
				require.Zero(cl.t, n.status("w").Next, "the next slot on %s while it runs", n.name)
			}
			time.Sleep(3*time.Minute + 30*time.Second)
			runs := cl.of("w")
			for _, n := range cl.nodes {
				require.WithinDuration(cl.t, runs[len(runs)-1].ended.Add(time.Minute), n.status("w").Next, time.Millisecond, "the next slot on %s", n.name)
			}
		}
		// The one that runs it dies: the other runs it again, and goes on.
		time.Sleep(2 * time.Minute)
		n := len(cl.of("w"))
		cl.holder("w").store.Cut(true)
		time.Sleep(20 * time.Minute)
		require.Greater(cl.t, len(cl.of("w")), n+2)
	})
}
