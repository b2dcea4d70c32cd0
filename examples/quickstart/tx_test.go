package main

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// once runs a worker once, in a manager with the middleware, and returns its
// status.
func once(t *testing.T, db *sql.DB, name string, f func(context.Context) error) core.WorkerStatus {
	t.Helper()
	m, _, err := newManager(t.Context(), "native", core.Options{Middleware: []core.Middleware{transactions(db, nil, markPassiveUsers)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Add(t.Context(), core.Worker{Name: name, Schedule: core.Every(time.Hour), Run: f}); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Trigger(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m.Workers()[0]
}

func TestTransactionPerRun(t *testing.T) {
	failure := errors.New("no")
	insert := func(ctx context.Context) error {
		_, err := txFrom(ctx).ExecContext(ctx, `INSERT INTO users (email, last_login) VALUES ('a@example.com', 0)`)
		return err
	}
	for name, c := range map[string]struct {
		run       func(context.Context) error
		outcome   core.Outcome
		committed bool
	}{
		"success": {insert, core.Succeeded, true},
		"error": {func(ctx context.Context) error {
			return errors.Join(insert(ctx), failure)
		}, core.Failed, false},
		"panic": {func(ctx context.Context) error {
			_ = insert(ctx)
			panic(failure)
		}, core.Failed, false},
		"Goexit": {func(ctx context.Context) error {
			_ = insert(ctx)
			runtime.Goexit()
			return nil
		}, core.Failed, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.db")
			synctest.Test(t, func(t *testing.T) {
				db := opened(t, path)
				told := false
				status := once(t, db, markPassiveUsers, func(ctx context.Context) error {
					txFrom(ctx).afterCommit(func() { told = true })
					return c.run(ctx)
				})
				if status.Runs != 1 || status.Last.Outcome != c.outcome {
					t.Errorf("%d runs, the last %s: %v", status.Runs, status.Last.Outcome, status.Last.Err)
				}
				if got := count(t, db, `SELECT count(*) FROM users`) == 1; got != c.committed || told != c.committed {
					t.Errorf("in the database: %t, told after commit: %t, want %t", got, told, c.committed)
				}
				if open := db.Stats().InUse; open != 0 {
					t.Errorf("%d transactions left open", open)
				}
			})
		})
	}
}

func TestTransactionOfACancelledRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	synctest.Test(t, func(t *testing.T) {
		db := opened(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		middleware := transactions(db, nil, "")
		err := middleware(ctx, func(ctx context.Context) error {
			_, err := txFrom(ctx).ExecContext(ctx, `INSERT INTO users (email, last_login) VALUES ('a@example.com', 0)`)
			cancel()
			return err
		})
		if err == nil {
			t.Error("no error")
		}
		if n := count(t, db, `SELECT count(*) FROM users`); n != 0 {
			t.Errorf("%d users", n)
		}
	})
}

func TestOtherWorkersGetNoTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	synctest.Test(t, func(t *testing.T) {
		db := opened(t, path)
		status := once(t, db, deleteOldLogs, func(ctx context.Context) error {
			if ctx.Value(txKey{}) != nil || db.Stats().InUse != 0 {
				t.Error("the log cleaner got a transaction")
			}
			return nil
		})
		if status.Last.Outcome != core.Succeeded {
			t.Error(status.Last.Outcome, status.Last.Err)
		}
	})
}
