package asynq_test

import (
	"errors"
	"testing"
	"time"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

func TestDispatcher(t *testing.T) {
	defer asynq.Few()()
	ledgertest.RunDispatcher(t, ledgertest.DispatcherBackend{
		Name: "asynq on miniredis",
		New: func(t *testing.T) ledgertest.DispatcherBroker {
			mini := redistest.NewMini()
			t.Cleanup(mini.Close)
			tools := mini.Client("tools")
			t.Cleanup(func() { _ = tools.Close() })
			return ledgertest.DispatcherBroker{
				Open: func(i ledgertest.Instance) (ledger.Dispatcher, ledger.Store) {
					return asynq.NewDispatcher(i.MaxConcurrent, func() redis.UniversalClient { return mini.Client(i.Name) })
				},
				Down: mini.Down,
				Cut:  func(instance string) { mini.Cut(instance, true) },
				// Asynq's lease of a task is half a minute, and it looks every minute for those
				// that have expired half a minute ago.
				Recovery: 2*time.Minute + 10*time.Second,
				End:      func(tick core.Tick) (ledger.Delivery, bool) { return endOf(tools, tick) },
			}
		},
	})
}

// endOf returns how a tick ended by what asynq's tools show of its task.
func endOf(client redis.UniversalClient, tick core.Tick) (end ledger.Delivery, ended bool) {
	task, err := upstream.NewInspectorFromRedisClient(client).GetTaskInfo("tickwork", tick.ID())
	if err != nil {
		return ledger.Delivery{}, false
	}
	switch task.State {
	case upstream.TaskStateCompleted:
		if len(task.Result) > 0 {
			return ledger.Delivery{Outcome: core.Skipped, Note: string(task.Result)}, true
		}
		return ledger.Delivery{Outcome: core.Succeeded}, true
	case upstream.TaskStateArchived:
		return ledger.Delivery{Outcome: core.Failed, Err: errors.New(task.LastErr)}, true
	default:
		return ledger.Delivery{}, false
	}
}
