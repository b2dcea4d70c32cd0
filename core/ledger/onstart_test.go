package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// onStart is a worker that runs on start, and has no slot in a test's time.
func onStart(name string) core.Worker {
	return core.Worker{Name: name, Schedule: core.Every(1000 * time.Hour), RunOnStart: true}
}

// The first instance to come after a crash waits until it is known that those before
// are dead. Where it dies in that time, the second triggers the worker.
func TestAnInstanceThatDiesUndecidedLeavesItToTheNext(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(onStart("w"))
		old, first, second := cl.nodes[0], cl.nodes[1], cl.nodes[2]
		cl.start(old)
		time.Sleep(lease)
		require.Len(cl.t, cl.of("w"), 1)
		old.store.Cut(true)
		time.Sleep(time.Second)
		cl.start(first)
		time.Sleep(time.Second)
		cl.start(second)
		time.Sleep(lease / 4)
		require.Len(cl.t, cl.of("w"), 1, "runs while it is not known whether the first instance is dead")
		first.store.Cut(true)
		time.Sleep(3 * lease)
		require.Len(cl.t, cl.of("w"), 2)
		require.Equal(cl.t, second.name, cl.of("w")[1].node)
	})
}

// An instance whose first look was written and got no answer looks again. By then another
// may wait for it, for which it must not wait in turn.
func TestTwoInstancesDoNotWaitForEachOtherToDecide(t *testing.T) {
	inClusterOf(t, kind{name: "polled", polled: true}, 1, func(cl *cluster) {
		old := cl.nodes[0]
		unanswered := &unheard{}
		cl.kind.wrap = func(s ledger.Store) ledger.Store { unanswered.Store = s; return unanswered }
		first := cl.join(core.Options{})
		cl.kind.wrap = nil
		second := cl.join(core.Options{})
		cl.add(onStart("w"))
		cl.start(old)
		time.Sleep(lease)
		require.Len(cl.t, cl.of("w"), 1)
		old.store.Cut(true)
		unanswered.done.Store(true)
		unanswered.meanwhile = func() { first.store.Cut(true) }
		cl.start(first)
		cl.start(second)
		time.Sleep(lease / 4)
		require.Len(cl.t, cl.of("w"), 1, "runs while it is not known whether the old instance is dead")
		first.store.Cut(false)
		time.Sleep(3 * lease)
		require.Len(cl.t, cl.of("w"), 2)
	})
}

// An instance that leaves while others wait for its next beat was alive.
func TestAnInstanceThatLeavesAtOnceWasAlive(t *testing.T) {
	inCluster(t, 3, func(cl *cluster) {
		cl.add(onStart("w"))
		for i, n := range cl.nodes {
			require.NoError(cl.t, n.m.Start(context.Background()))
			time.Sleep(50 * time.Millisecond) // far less than the time between two beats
			if i > 0 {
				cl.nodes[i-1].stop()
			}
			time.Sleep(lease / 5) // until it is decided
		}
		time.Sleep(3 * lease)
		require.Len(cl.t, cl.of("w"), 1)
	})
}

// Instances may come back under the names that they had, as pods of a stateful set do:
// after a crash of all, each finds the others' names in the registry, which beat.
func TestInstancesThatComeBackUnderTheirNamesRunOnStart(t *testing.T) {
	inCluster(t, 0, func(cl *cluster) {
		for life := range 3 {
			var nodes []*node
			for _, name := range []string{"pod-0", "pod-1", "pod-2"} {
				nodes = append(nodes, cl.joinAs(name, core.Options{}))
			}
			cl.add(onStart("w"), nodes...)
			for _, n := range nodes {
				require.NoError(cl.t, n.m.Start(context.Background()))
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(2 * lease)
			require.Len(cl.t, cl.of("w"), life+1)
			for _, n := range nodes {
				n.store.Cut(true)
			}
			time.Sleep(time.Second)
		}
	})
}

// The broker may go away once Start has connected, and Stop may come, or Remove, before
// it is back.
func TestRunOnStartWaitsForTheBroker(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		n, stopped := cl.nodes[0], cl.nodes[1]
		down := onStart("first")
		down.OnStart = func(context.Context) error { cl.broker.Down(true); return nil }
		cl.add(down)
		cl.add(onStart("second"))
		cl.add(onStart("removed"))
		require.NoError(cl.t, n.m.Start(context.Background()))
		time.Sleep(5 * lease)
		require.NoError(cl.t, n.m.Remove(context.Background(), "removed"))
		cl.broker.Down(false)
		time.Sleep(lease)
		require.Len(cl.t, cl.of("first"), 1)
		require.Len(cl.t, cl.of("second"), 1)
		require.Empty(cl.t, cl.of("removed"))

		require.NoError(cl.t, stopped.m.Start(context.Background()))
		time.Sleep(lease)
		ctx, cancel := context.WithTimeout(context.Background(), lease)
		defer cancel()
		require.NoError(cl.t, stopped.m.Stop(ctx))
		stopped.stopped = true
		cl.broker.Down(false)
	})
}

// What the broker has lost does not make the instances that are there start again, nor
// an instance that comes be taken for the first.
func TestALossOfTheDataIsNoStart(t *testing.T) {
	inCluster(t, 4, func(cl *cluster) {
		cl.add(onStart("w"))
		cl.start(cl.nodes[:3]...)
		time.Sleep(2 * lease)
		require.Len(cl.t, cl.of("w"), 1)
		cl.broker.Lose()
		cl.start(cl.nodes[3])
		time.Sleep(3 * lease)
		require.Len(cl.t, cl.of("w"), 1)
	})
}
