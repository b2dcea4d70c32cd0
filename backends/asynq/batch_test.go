package asynq

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// stuck is a Redis that answers nothing until it is let go.
type stuck struct {
	redis.UniversalClient
	free chan struct{}
	mu   sync.Mutex
	ran  []any // the scripts
}

func (s *stuck) Process(_ context.Context, cmd redis.Cmder) error {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, cmd.Args()[1])
	return nil
}

// What nobody waits for any more, and was not sent, is not sent later: by then its
// caller has read that it did not happen.
func TestAScriptThatNobodyWaitsForIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stuck{free: make(chan struct{})}
		b := &batcher{UniversalClient: s}
		ask := func(script string, patience time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b.EvalSha(ctx, script, nil)
		}
		var callers sync.WaitGroup
		for range flights {
			callers.Go(func() { ask("under way", time.Second) })
			synctest.Wait() // each on a flight of its own
		}
		callers.Go(func() { ask("late", time.Second) })
		callers.Wait()
		callers.Go(func() { ask("patient", time.Minute) })
		synctest.Wait()
		close(s.free)
		callers.Wait()
		b.wait()
		require.ElementsMatch(t, []any{"under way", "under way", "under way", "under way", "patient"}, s.ran)
	})
}
