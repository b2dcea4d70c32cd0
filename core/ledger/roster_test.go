package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// What an instance says of its workers tells those it has from those it has not, also
// where they are many, and fits into a message where they are more than that.
func TestRosters(t *testing.T) {
	for _, c := range []struct {
		workers int
		known   bool
	}{{0, true}, {ledger.MaxRoster, true}, {ledger.MaxRoster + 1, true}, {20_000, true}, {ledger.MaxSums, true}, {ledger.MaxSums + 1, false}} {
		names := make([]string, c.workers, c.workers+1)
		for i := range names {
			names[i] = fmt.Sprint("worker-", i)
		}
		text, err := json.Marshal(ledger.RosterOf(names))
		require.NoError(t, err)
		require.Less(t, len(text), 1<<20)
		var roster ledger.Roster
		require.NoError(t, json.Unmarshal(text, &roster))
		require.Equal(t, c.workers, roster.Count)
		for i := 0; i < len(names); i += 997 {
			has, known := roster.Has(names[i])
			require.Equal(t, c.known, known)
			require.Equal(t, c.known, has, names[i])
		}
		has, known := roster.Has("gone")
		require.Equal(t, c.known, known)
		require.False(t, has)
	}
	_, known := ledger.Roster{Count: -1}.Has("w")
	require.False(t, known, "of an instance that said nothing yet")
}

// Until an instance has its workers nobody is to take it for one that lacks them.
func TestTheRosterOfOneThatIsStarting(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		has := func() (has, known bool) {
			members, err := cl.broker.Store("test").Instances(cl.t.Context())
			assert.NoError(cl.t, err)
			var r ledger.Roster
			for _, m := range members {
				assert.NoError(cl.t, json.Unmarshal(m.Roster, &r))
			}
			return r.Has("w")
		}
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour), OnStart: func(context.Context) error {
			time.Sleep(2 * lease)
			_, known := has()
			assert.False(cl.t, known, "known while the hook runs")
			return nil
		}})
		cl.start()
		time.Sleep(lease)
		have, known := has()
		require.True(cl.t, known)
		require.True(cl.t, have)
	})
}

// A worker that each instance has for itself takes no ticks of the cluster's.
func TestRosterIsOfTheClustersWorkers(t *testing.T) {
	inCluster(t, 1, func(cl *cluster) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Hour)})
		cl.add(core.Worker{Name: "local", Scope: core.PerInstance, Schedule: core.Every(time.Hour)})
		cl.start()
		time.Sleep(lease)
		members, err := cl.broker.Store("test").Instances(cl.t.Context())
		require.NoError(cl.t, err)
		require.Len(cl.t, members, 1)
		var roster ledger.Roster
		require.NoError(cl.t, json.Unmarshal(members[0].Roster, &roster))
		require.Equal(cl.t, []string{"w"}, roster.Workers)
		require.Equal(cl.t, 1, roster.Count)
	})
}

// weighed is a store that keeps how long the longest roster was.
type weighed struct {
	*ledger.MemoryStore
	longest atomic.Int64
}

func (w *weighed) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	w.longest.Store(max(w.longest.Load(), int64(len(roster))))
	return w.MemoryStore.Beat(ctx, instance, roster)
}

// A roster fits into a message of a megabyte, also while it is not decided yet whether
// its workers run on start.
func TestTheRosterOfManyWorkersThatRunOnStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &weighed{MemoryStore: ledger.NewMemory().Store("test")}
		engine, err := ledger.NewEngine(ledger.Config{Name: "ledger", Store: store})
		require.NoError(t, err)
		m := core.NewManager(engine, core.Options{Logger: slog.New(slog.DiscardHandler)})
		for i := range ledger.MaxRoster {
			w := onStart(fmt.Sprintf("w%0127d", i))
			w.Run = func(context.Context) error { return nil }
			require.NoError(t, m.Add(t.Context(), w))
		}
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, m.Stop(t.Context()))
		require.Greater(t, store.longest.Load(), int64(ledger.MaxRoster*128), "all workers were in a roster")
		require.Less(t, store.longest.Load(), int64(1<<20))
	})
}
