package faults

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// Overwrite puts something else in the place of a worker's lease record, which is there,
// and returns a function that puts the record back if nobody else has written since. It
// goes through stores of its own that open returns. It panics if one fails.
func Overwrite(open func() ledger.Store, worker string, record []byte) (restore func()) {
	var before, after ledger.State
	through(open, func(ctx context.Context, s ledger.Store) (err error) {
		if before, err = load(ctx, s, worker); err == nil {
			after, err = s.WriteLease(ctx, ledger.Write{Worker: worker, Value: record, Rev: before.Lease.Rev})
		}
		return err
	})
	return func() {
		through(open, func(ctx context.Context, s ledger.Store) error {
			_, err := s.WriteLease(ctx, ledger.Write{Worker: worker, Value: before.Lease.Value, Rev: after.Lease.Rev})
			return err
		})
	}
}

// Checkpoint returns a function that writes the present records of workers over those
// that are there then, as an operator does who restores them from a backup. Otherwise it
// is as Overwrite.
func Checkpoint(open func() ledger.Store, workers []string) (rewind func()) {
	var kept []ledger.State
	through(open, func(ctx context.Context, s ledger.Store) (err error) {
		kept, err = s.Load(ctx, workers)
		return err
	})
	return func() {
		through(open, func(ctx context.Context, s ledger.Store) error {
			for _, k := range kept {
				now, err := load(ctx, s, k.Worker)
				if err == nil && k.Lease.Rev != 0 {
					_, err = s.WriteLease(ctx, ledger.Write{Worker: k.Worker, Value: k.Lease.Value, Rev: now.Lease.Rev})
				}
				if err == nil && k.Control.Rev != 0 {
					_, err = s.WriteControl(ctx, ledger.Write{Worker: k.Worker, Value: k.Control.Value, Rev: now.Control.Rev})
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func load(ctx context.Context, s ledger.Store, worker string) (ledger.State, error) {
	states, err := s.Load(ctx, []string{worker})
	if err != nil {
		return ledger.State{}, err
	}
	return states[0], nil
}

// through calls f with a store that is open.
func through(open func() ledger.Store, f func(context.Context, ledger.Store) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := open()
	host := core.Host{Instance: "the test", Logger: slog.New(slog.DiscardHandler), Now: time.Now, Broker: func(error) {}}
	err := s.Open(ctx, host)
	if err == nil {
		err = f(ctx, s)
		_ = s.Close(ctx)
	}
	if err != nil {
		panic(fmt.Sprintf("faults: change the records: %v", err))
	}
}
