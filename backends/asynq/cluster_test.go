package asynq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// Several instances in virtual time, on one Redis in memory.

func TestEachSlotRunsOnceAndEverybodyHasAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini, r := redistest.NewMini(), newRecord()
		mini.Age("tickwork")
		for _, name := range []string{"a", "b", "c"} {
			node(t, mini, asynq.Config{}, quiet(name), every(20, time.Second, r.run(name))...)
		}
		time.Sleep(60*time.Second + 500*time.Millisecond)
		r.once(t)
		assert.Equal(t, 20*60, r.count(), "slots that ran")
		for name, n := range r.shares() {
			assert.Greater(t, n, 120, "runs of instance %s", name)
		}
	})
}

// A lone worker, too, is not always run by the instance whose clock is ahead.
func TestACourtesy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini, r := redistest.NewMini(), newRecord()
		mini.Age("tickwork")
		for i, name := range []string{"a", "b", "c"} {
			opts := quiet(name)
			opts.Now = func() time.Time { return time.Now().Add(time.Duration(i) * 500 * time.Microsecond) }
			node(t, mini, asynq.Config{}, opts, every(1, time.Second, r.run(name))...)
		}
		time.Sleep(600*time.Second + 500*time.Millisecond)
		r.once(t)
		assert.Equal(t, 600, r.count(), "slots that ran")
		for name, n := range r.shares() { // the last one's is a seventh, on average
			assert.Greater(t, n, 40, "runs of instance %s", name)
		}
	})
}

func TestAnInstanceThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini, r := redistest.NewMini(), newRecord()
		mini.Age("tickwork")
		for _, name := range []string{"a", "b", "c"} {
			node(t, mini, asynq.Config{}, quiet(name), every(20, time.Second, r.run(name))...)
		}
		time.Sleep(10*time.Second + 500*time.Millisecond)
		mini.Cut("b", true)
		time.Sleep(30 * time.Second)
		during := r.shares()["b"]
		time.Sleep(30 * time.Second)
		assert.Equal(t, during, r.shares()["b"], "runs of the instance that was cut off")
		mini.Cut("b", false)
		time.Sleep(30 * time.Second)
		assert.Greater(t, r.shares()["b"], during, "runs of the instance that is back")
		r.once(t)
		// What the cut-off instance had taken out of the queue, or had claimed and
		// not begun, is run by another after its lease; slots meanwhile overlap.
		assert.GreaterOrEqual(t, r.count(), 20*100*98/100, "slots that ran")
	})
}

// A tick reaches the instance that has its worker, and one that none has any
// more comes to its end (CLU-5).
func TestATickGoesWhereItsWorkerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini, r := redistest.NewMini(), newRecord()
		mini.Age("tickwork")
		var m core.Manager
		for _, name := range []string{"a", "b", "c"} {
			workers := every(1, time.Minute, r.run(name))
			if name == "b" {
				workers = append(workers, core.Worker{Name: "only-b", Schedule: core.Every(time.Minute), Run: r.run(name)})
			}
			m = node(t, mini, asynq.Config{}, quiet(name), workers...)
		}
		time.Sleep(30*time.Minute + 10*time.Second)
		r.once(t)
		assert.Equal(t, 60, r.count())
		assert.Less(t, m.Features().Reroute, 10*time.Second)
	})
}

func TestATickThatNobodyHasComesToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := redistest.NewMini()
		mini.Age("tickwork")
		client := mini.Client("")
		t.Cleanup(func() { client.Close() })
		block := make(chan struct{})
		m := node(t, mini, asynq.Config{}, quiet("a"),
			core.Worker{Name: "gone", Schedule: core.Every(time.Minute), Run: func(context.Context) error { <-block; return nil }})
		time.Sleep(time.Minute + time.Second) // it runs
		require.NoError(t, asynq.Enqueue(client, core.Tick{Worker: "never-was", Slot: time.Now().UTC().Truncate(time.Second)}))
		close(block)
		require.NoError(t, m.Remove(t.Context(), "gone"))
		time.Sleep(time.Minute)
		got := results(t, client)
		assert.Contains(t, got, "worker:gone")
		assert.Equal(t, "no instance has the worker", got["worker:never-was"])
	})
}

// Also where another instance has more workers than it lists by their names. Where it
// has so many that it lists none, the tick goes round, ever more slowly.
func TestATickThatNobodyOfManyHas(t *testing.T) {
	names := make([]string, 10_001)
	for i := range names {
		names[i] = fmt.Sprint("w-", i)
	}
	for _, c := range []struct {
		crowd ledger.Roster
		state string
	}{{ledger.RosterOf(names), "completed"}, {ledger.Roster{Count: 200_000}, "retry"}} {
		play(t, func(s *stage) {
			crowded := asynq.NewStore("default", func() redis.UniversalClient { return s.mini.Client("crowded") })
			require.NoError(t, crowded.Open(s.Context(), core.Host{Logger: quiet("").Logger, Now: time.Now}))
			text, err := json.Marshal(c.crowd)
			require.NoError(t, err)
			ctx, leave := context.WithCancel(context.Background())
			var beats sync.WaitGroup
			beats.Go(func() {
				for ctx.Err() == nil {
					_, _ = crowded.Beat(ctx, "crowded", text)
					time.Sleep(5 * time.Second)
				}
				_ = crowded.Close(context.Background())
			})
			f := &forgetful{suffix: "to be taken by another instance"} // of which it loses none, and counts them
			s.forgetting(f, core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: patient})
			require.NoError(t, asynq.Enqueue(s.client, core.Tick{Worker: "gone", Slot: time.Now().UTC().Truncate(time.Second)}))
			time.Sleep(30 * time.Minute)
			assert.Equal(t, c.state, taskOf(t, s.client, "gone@2000-01-01T00:00:00Z").State.String())
			assert.Less(t, f.lost.Load(), int32(60), "tries in half an hour")
			leave()
			beats.Wait()
		})
	}
}

// What asynq's tools show of runs (DESIGN: they show the truth).
func TestWhatTheToolsShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := redistest.NewMini()
		mini.Age("tickwork")
		client := mini.Client("")
		t.Cleanup(func() { client.Close() })
		fail := func(context.Context) error { return errors.New("disk full") }
		slow := func(context.Context) error { time.Sleep(90 * time.Second); return nil }
		m := node(t, mini, asynq.Config{}, quiet("a"),
			core.Worker{Name: "good", Schedule: core.Every(time.Minute), Run: func(context.Context) error { return nil }},
			core.Worker{Name: "bad", Schedule: core.Every(time.Minute), Run: fail},
			core.Worker{Name: "slow", Schedule: core.Every(time.Minute), Run: slow},
			core.Worker{Name: "paused", Schedule: core.Every(time.Minute), Run: fail},
		)
		require.NoError(t, m.Pause(t.Context(), "paused"))
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, []string{"worker:slow"}, active(t, client))
		time.Sleep(time.Minute)
		assert.Equal(t, map[string]string{"worker:bad": "disk full"}, archived(t, client))
		got := results(t, client)
		assert.Empty(t, got["worker:good"])
		assert.Contains(t, got, "worker:good")
		assert.Equal(t, "skipped: overlap", got["worker:slow"])
		assert.Equal(t, "skipped: paused", got["worker:paused"])
		time.Sleep(time.Minute)
		assert.Equal(t, "completed", taskOf(t, client, "slow@2000-01-01T00:01:00Z").State.String())

		tick := taskOf(t, client, "good@2000-01-01T00:01:00Z")
		assert.Equal(t, "worker:good", tick.Type)
		assert.Equal(t, `{"worker":"good","slot":"2000-01-01T00:01:00Z","sent":"2000-01-01T00:01:00Z"}`, string(tick.Payload))
		assert.Equal(t, time.Hour, tick.Retention, "of the first tick")
		assert.Equal(t, 20*time.Minute, taskOf(t, client, "good@2000-01-01T00:02:00Z").Retention)
	})
}

// What asynq's tools do to the queue does nothing to workers, also to those with a
// period so short that the next slot is due before the instances give up on asynq.
func TestAQueueThatIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini, r := redistest.NewMini(), newRecord()
		mini.Age("tickwork")
		client := mini.Client("")
		t.Cleanup(func() { client.Close() })
		for _, name := range []string{"a", "b"} {
			node(t, mini, asynq.Config{}, quiet(name), every(5, 500*time.Millisecond, r.run(name))...)
		}
		time.Sleep(10 * time.Second)
		require.NoError(t, upstream.NewInspectorFromRedisClient(client).PauseQueue("tickwork"))
		before := r.count()
		time.Sleep(time.Minute)
		assert.Greater(t, r.count(), before+5*15, "slots that ran")
		require.NoError(t, upstream.NewInspectorFromRedisClient(client).UnpauseQueue("tickwork"))
		time.Sleep(10 * time.Second)
		before = r.count()
		time.Sleep(10 * time.Second)
		assert.Equal(t, before+5*20, r.count(), "slots that ran")
		r.once(t)
	})
}
