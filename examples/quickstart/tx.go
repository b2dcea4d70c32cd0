package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/seed-891a2e1b/tickwork/core"
)

// transactions is middleware that opens a transaction for each run of the named
// workers, and commits it if the run succeeds. It rolls the transaction back after
// an error, a panic (which arrives here as an error), or a run that Stop cut off.
// It does nothing for other workers.
//
// As Options.Middleware it wraps a run with all its attempts: with Retry, a second
// attempt would find what the first one left in the transaction. For workers with Retry
// give it as AttemptMiddleware, so that each attempt has its own transaction.
func transactions(db *sql.DB, opts *sql.TxOptions, workers ...string) core.Middleware {
	return func(ctx context.Context, next func(context.Context) error) error {
		if tick, _ := core.TickFrom(ctx); !slices.Contains(workers, tick.Worker) {
			return next(ctx)
		}
		sqlTx, err := db.BeginTx(ctx, opts)
		if err != nil {
			return fmt.Errorf("begin transaction: %w", err)
		}
		defer func() { _ = sqlTx.Rollback() }() // does nothing after Commit
		tx := &transaction{Tx: sqlTx}
		if err := next(context.WithValue(ctx, txKey{}, tx)); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit transaction: %w", err)
		}
		for _, f := range tx.committed {
			f()
		}
		return nil
	}
}

// transaction is the transaction of a run.
type transaction struct {
	*sql.Tx
	committed []func()
}

// afterCommit calls f after the transaction is committed. Logs and counters belong
// there, because the transaction may still fail before.
func (t *transaction) afterCommit(f func()) { t.committed = append(t.committed, f) }

type txKey struct{}

// txFrom returns the run's transaction. It panics if transactions was not given the
// worker's name, which is a mistake in this program.
func txFrom(ctx context.Context) *transaction { return ctx.Value(txKey{}).(*transaction) }
