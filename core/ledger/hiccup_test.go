package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// stumbling is a store whose first write fails, and has not happened.
type stumbling struct {
	*ledger.MemoryStore
	writes atomic.Int64
}

func (s *stumbling) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if s.writes.Add(1) == 1 {
		return ledger.State{}, errors.New("no response from stream")
	}
	return s.MemoryStore.WriteLease(ctx, w)
}

// An instance that could not do something once, which another has done before it
// was tried again, takes over as any other does (CLU-4, LNG-3).
func TestAFailureThatIsOvertakenIsForgotten(t *testing.T) {
	for name, schedule := range map[string]core.Schedule{"long-running": nil, "every": core.Every(24 * time.Hour)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { overtaken(t, schedule) })
		})
	}
}

func overtaken(t *testing.T, schedule core.Schedule) {
	memory := ledger.NewMemory()
	stores := []*ledger.MemoryStore{memory.Store("n"), memory.Store("n")}
	var managers []core.Manager
	var runs [2]atomic.Int64
	for i, store := range []ledger.Store{stores[0], &stumbling{MemoryStore: stores[1]}} {
		name := string(rune('a' + i))
		m := core.NewManager(newEngine(t, ledger.Config{Name: "memory", Store: store}),
			core.Options{Instance: name, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: schedule, Run: func(ctx context.Context) error {
			runs[i].Add(1)
			<-ctx.Done()
			return context.Cause(ctx)
		}}))
		managers = append(managers, m)
	}
	a, b := managers[0], managers[1]
	require.NoError(t, b.Start(t.Context())) // and stumbles
	synctest.Wait()
	require.NoError(t, a.Start(t.Context()))
	synctest.Wait()
	time.Sleep(time.Minute)
	if schedule != nil {
		require.NoError(t, errOf(a.Trigger(t.Context(), "w")))
		time.Sleep(time.Minute)
	}
	holder, other := 0, 1
	if runs[0].Load() == 0 {
		holder, other = 1, 0
	}
	require.EqualValues(t, 1, runs[holder].Load())
	stores[holder].Cut(true)
	time.Sleep(2 * ledger.DefaultLease)
	require.EqualValues(t, 1, runs[other].Load(), "runs of the one that takes over")
	stores[holder].Cut(false)
	for _, m := range []core.Manager{a, b} {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = m.Stop(ctx) // the run is cut off
		cancel()
	}
}
