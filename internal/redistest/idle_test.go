package redistest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What asynq asks in vain is answered without Redis, which does not know the script;
// alone, and in a pipeline with what is not.
func TestWhatIsAskedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := NewMini()
		defer mini.Close()
		client := mini.Client("")
		defer client.Close()
		ask := func(by redis.Cmdable) *redis.Cmd {
			return by.EvalSha(t.Context(), "unknown", []string{"asynq:{q}:pending", "asynq:{q}:paused", "asynq:{q}:active", "asynq:{q}:lease"}, 1)
		}
		asked := func() (alone, piped *redis.Cmd) {
			pipe := client.Pipeline()
			set, piped := pipe.Set(t.Context(), "k", "v", 0), ask(pipe)
			get := pipe.Get(t.Context(), "k")
			_, _ = pipe.Exec(t.Context())
			require.NoError(t, set.Err())
			require.Equal(t, "v", get.Val())
			return ask(client), piped
		}
		alone, piped := asked()
		assert.Equal(t, []error{redis.Nil, redis.Nil}, []error{alone.Err(), piped.Err()})
		require.NoError(t, client.LPush(t.Context(), "asynq:{q}:pending", "task").Err())
		alone, piped = asked()
		assert.ErrorContains(t, alone.Err(), "NOSCRIPT")
		assert.ErrorContains(t, piped.Err(), "NOSCRIPT")
		require.NoError(t, client.Del(t.Context(), "asynq:{q}:pending").Err())
		for _, away := range []func(bool){func(yes bool) { mini.Cut("", yes) }, mini.Down} {
			away(true)
			pipe := client.Pipeline()
			piped := ask(pipe)
			_, err := pipe.Exec(t.Context())
			for _, err := range []error{err, piped.Err(), ask(client).Err()} {
				assert.Error(t, err)
				assert.NotErrorIs(t, err, redis.Nil)
			}
			away(false)
			assert.Equal(t, redis.Nil, ask(client).Err())
		}
	})
}

func TestKeysExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := NewMini()
		defer mini.Close()
		client := mini.Client("")
		defer client.Close()
		time.Sleep(99 * time.Millisecond)
		require.NoError(t, client.Set(t.Context(), "k", "v", 2*time.Second).Err())
		for range 19 {
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, client.Get(t.Context(), "k").Err())
		}
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, redis.Nil, client.Get(t.Context(), "k").Err())
	})
}
