package asynq_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
)

// enqueues is a hook of a client that counts the tasks which it asks Redis to put into
// the queue.
type enqueues struct{ n atomic.Int32 }

func (e *enqueues) DialHook(next redis.DialHook) redis.DialHook { return next }

func (e *enqueues) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		e.count(cmd)
		return next(ctx, cmd)
	}
}

func (e *enqueues) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			e.count(cmd)
		}
		return next(ctx, cmds)
	}
}

func (e *enqueues) count(cmd redis.Cmder) {
	if args := cmd.Args(); cmd.Name() == "evalsha" && args[2] == 2 && args[4] == "asynq:{tickwork}:pending" {
		e.n.Add(1)
	}
}

// tasks counts the tasks there are of each tick, whatever their ids.
func (s *stage) tasks() map[string]int {
	s.Helper()
	inspector := upstream.NewInspectorFromRedisClient(s.client)
	n := map[string]int{}
	for _, list := range []func(string, ...upstream.ListOption) ([]*upstream.TaskInfo, error){
		inspector.ListPendingTasks, inspector.ListActiveTasks, inspector.ListRetryTasks, inspector.ListCompletedTasks, inspector.ListArchivedTasks,
	} {
		tasks, err := list("tickwork", upstream.PageSize(10_000))
		require.NoError(s, err)
		for _, task := range tasks {
			n[string(task.Payload)]++
		}
	}
	return n
}

// The ledger alone has a slot run once. That asynq is given each slot once, too, is the
// task's id's doing: three instances ask for it, and there is one task of it.
func TestASlotIsOneTask(t *testing.T) {
	play(t, func(s *stage) {
		const workers, slots = 5, 30
		r := newRecord()
		asked := &enqueues{}
		for _, name := range []string{"a", "b", "c"} {
			m, err := asynq.NewOver(asynq.Config{}, func() redis.UniversalClient {
				client := s.mini.Client(name)
				client.AddHook(asked)
				return client
			}, quiet(name))
			require.NoError(s, err)
			start(s.T, m, every(workers, time.Second, r.run(name))...)
		}
		time.Sleep(slots*time.Second + 500*time.Millisecond)
		assert.Greater(s, int(asked.n.Load()), 2*workers*slots, "tasks that the three have asked for")
		tasks := s.tasks()
		assert.Len(s, tasks, workers*slots)
		for tick, n := range tasks {
			assert.Equal(s, 1, n, "tasks of %s", tick)
		}
		r.once(s.T)
		assert.Equal(s, workers*slots, r.count(), "slots that ran")

		// And would be seen if it were otherwise.
		for i := range 2 {
			_, err := upstream.NewClientFromRedisClient(s.client).Enqueue(
				upstream.NewTask("worker:w", []byte("{}")), upstream.TaskID(fmt.Sprint("w/", i)), upstream.Queue("tickwork"), upstream.ProcessIn(0))
			require.NoError(s, err)
		}
		assert.Equal(s, 2, s.tasks()["{}"])
	})
}
