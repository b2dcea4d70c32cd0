package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	// This driver needs no cgo and is a small download: four modules, 4 MB.
	// modernc.org/sqlite works too, with ten modules and 45 MB.
	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/seed-891a2e1b/tickwork/core"
)

// passiveAfter is how long a user may stay away.
const passiveAfter = 30 * 24 * time.Hour

const schema = `
CREATE TABLE IF NOT EXISTS users (
	id            INTEGER PRIMARY KEY,
	email         TEXT NOT NULL,
	last_login    INTEGER NOT NULL, -- Unix seconds
	passive_since INTEGER           -- NULL: active
);
CREATE INDEX IF NOT EXISTS active_users ON users (last_login) WHERE passive_since IS NULL;
CREATE TABLE IF NOT EXISTS passive_runs (
	tick   TEXT PRIMARY KEY, -- the run that marked them
	marked INTEGER NOT NULL
);`

// openUsers opens the database and makes the tables that are missing.
func openUsers(ctx context.Context, path string) (*sql.DB, error) {
	return openDB(ctx, path, false)
}

// openUsersReadOnly opens a database that exists.
func openUsersReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("-db: %w (and a dry run does not make it)", err)
	}
	return openDB(ctx, path, true)
}

func openDB(ctx context.Context, path string, readOnly bool) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dataSource(path, readOnly))
	if err != nil {
		return nil, fmt.Errorf("-db: open %s: %w", path, err)
	}
	if err := prepare(ctx, db, readOnly); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("-db: open %s: %w", path, err)
	}
	return db, nil
}

func dataSource(path string, readOnly bool) string {
	mode := "mode=rwc"
	if readOnly {
		mode = "mode=ro"
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	slashes := "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	return (&url.URL{Scheme: "file", Path: slashes, RawQuery: mode}).String()
}

// prepare makes the tables. It does not change a database that has another table
// of users.
func prepare(ctx context.Context, db *sql.DB, readOnly bool) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: readOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if !readOnly {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return fmt.Errorf("make the tables: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `SELECT id, email, last_login, passive_since FROM users LIMIT 0`); err != nil {
		return fmt.Errorf("no table of users as this program makes it: %w", err)
	}
	return tx.Commit()
}

// marker marks users passive who have not logged in for passiveAfter.
type marker struct {
	dryRun bool
	users  atomic.Int64
}

// Run is the worker's function. It marks the users and notes the run in one
// transaction, so that neither is written without the other.
func (m *marker) Run(ctx context.Context) error {
	tx, now := txFrom(ctx), time.Now()
	limit := now.Add(-passiveAfter).Unix()
	if m.dryRun {
		return m.count(ctx, tx, limit)
	}

	result, err := tx.ExecContext(ctx,
		`UPDATE users SET passive_since = ? WHERE passive_since IS NULL AND last_login < ?`, now.Unix(), limit)
	if err != nil {
		return fmt.Errorf("mark users: %w", err)
	}
	marked, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("mark users: %w", err)
	}
	if marked > 0 {
		// The tick's ID is the key: a tick cannot be noted twice.
		tick, _ := core.TickFrom(ctx)
		if _, err := tx.ExecContext(ctx, `INSERT INTO passive_runs (tick, marked) VALUES (?, ?)`, tick.ID(), marked); err != nil {
			return fmt.Errorf("note the run: %w", err)
		}
	}
	tx.afterCommit(func() {
		m.users.Add(marked)
		core.Logger(ctx).Info("marked users passive", "users", marked)
	})
	return nil
}

// count logs how many users a run would mark.
func (m *marker) count(ctx context.Context, tx *transaction, limit int64) error {
	var due int64
	err := tx.QueryRowContext(ctx,
		`SELECT count(*) FROM users WHERE passive_since IS NULL AND last_login < ?`, limit).Scan(&due)
	if err != nil {
		return fmt.Errorf("count users: %w", err)
	}
	m.users.Store(due)
	core.Logger(ctx).Info("would mark users passive", "users", due)
	return nil
}

// done reports what was done so far.
func (m *marker) done() string {
	if m.dryRun {
		return fmt.Sprintf("would mark %d users", m.users.Load())
	}
	return fmt.Sprintf("marked %d users", m.users.Load())
}
