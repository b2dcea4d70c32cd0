package asynq

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
)

// silent lets every command wait until its context ends, or panics.
type silent struct {
	asked  int
	panics bool
}

func (*silent) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *silent) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, _ redis.Cmder) error { return s.wait(ctx) }
}

func (s *silent) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, _ []redis.Cmder) error { return s.wait(ctx) }
}

func (s *silent) wait(ctx context.Context) error {
	s.asked++
	if s.panics {
		panic("a hook of the client's")
	}
	<-ctx.Done()
	return ctx.Err()
}

// A thousand ticks may be round that nobody has the worker of.
func TestNobodyWaitsForAnothersLookAtTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer client.Close()
		hook := &silent{}
		client.AddHook(hook)
		r := &registry{store: &store{client: &batcher{UniversalClient: client}}, lease: 10 * time.Second}
		for again := range 2 { // who failed is not taken for one who still looks
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			first := make(chan error)
			began := time.Now()
			go func() {
				_, err := r.alive(ctx)
				first <- err
			}()
			synctest.Wait()
			_, err := r.alive(ctx)
			assert.ErrorIs(t, err, errBeingRead)
			assert.False(t, r.nobodyHas(ctx, "w"), "which is not known")
			assert.Zero(t, time.Since(began))
			assert.ErrorIs(t, <-first, context.DeadlineExceeded)
			assert.Equal(t, again+1, hook.asked)
			cancel()
		}
		hook.panics = true
		for range 2 {
			assert.Panics(t, func() { _, _ = r.alive(t.Context()) })
		}
	})
}
