package asynq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// failure is the error of a run as asynq takes it: the task is archived with its
// message.
type failure struct{ err error }

func (f failure) Error() string {
	if f.err == nil {
		return "failed"
	}
	return f.err.Error()
}

func (f failure) Unwrap() []error { return []error{f.err, asynq.SkipRetry} }

// witnessed is how long it is known that a run has failed whose task was not
// delivered to the instance that ran it. Asynq brings the task of one that has died
// to another after a minute or two.
const witnessed = 10 * time.Minute

var _ ledger.Witness = (*dispatcher)(nil)

// Failed implements ledger.Witness.
func (d *dispatcher) Failed(ctx context.Context, tick core.Tick, err error) {
	if e := d.store.client.Set(ctx, d.store.failedKey(tick), err.Error(), witnessed).Err(); e != nil {
		d.host.Logger.Warn("asynq: its tools will not show that a run has failed", "tick", tick.ID(), "error", e)
	}
}

// failed returns what a tick that is past has failed with, if it has; or what there
// is to say where that cannot be found out now.
func (d *dispatcher) failed(ctx context.Context, tick core.Tick) error {
	switch why, err := d.store.client.Do(ctx, "get", d.store.failedKey(tick)).Text(); {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return fmt.Errorf("find out whether %s has failed: %w", tick, err)
	default:
		return failure{errors.New(why)}
	}
}
