package core_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// keeper is an engine that delivers nothing, is slow to schedule again, and knows
// which jobs it was left with.
type keeper struct {
	mu   sync.Mutex
	jobs map[*core.Job]bool
	slow bool
}

func (k *keeper) Features() core.Features                { return core.Features{Engine: "keeper"} }
func (k *keeper) Start(context.Context, core.Host) error { return nil }
func (k *keeper) Stop(context.Context) error             { return nil }
func (k *keeper) Schedule(_ context.Context, j *core.Job) error {
	if k.slow {
		time.Sleep(time.Second)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs[j] = true
	return nil
}

func (k *keeper) Unschedule(_ context.Context, j *core.Job) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.jobs, j)
	return nil
}

// A Reschedule that a Remove overtakes leaves the engine without the job.
func TestRescheduleOvertakenByRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		k := &keeper{jobs: map[*core.Job]bool{}}
		m := core.NewManager(k, core.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, m.Add(ctx, core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}))
		require.NoError(t, m.Start(ctx))
		k.slow = true
		var wg sync.WaitGroup
		wg.Go(func() { _ = m.Reschedule(ctx, "w", core.Every(time.Minute)) })
		time.Sleep(time.Millisecond)
		require.NoError(t, m.Remove(ctx, "w"))
		wg.Wait()
		require.Empty(t, k.jobs)
		require.NoError(t, m.Stop(ctx))
	})
}
