package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The samples are files and logins for the workers to process if the flags name no
// others. They are dated so that some are past the limit at the start, and more
// pass it one by one while the program runs.
const (
	oldLogs     = 12
	agingLogs   = 300 // ten minutes' worth
	agingLogGap = 2 * time.Second

	spreadUsers  = 3000 // logins in the last 60 days: half are past the limit
	agingUsers   = 2000 // half an hour's worth
	agingUserGap = time.Second
)

// sampleLogs fills a directory with log files of different ages, and with a few
// other files that a cleaner must leave alone.
func sampleLogs(dir string, maxAge time.Duration, now time.Time) error {
	limit := now.Add(-maxAge)
	if err := sampleLog(dir, "app.log", 4, now); err != nil {
		return err
	}
	for i := range oldLogs {
		age := time.Duration(i+1) * time.Hour
		if err := sampleLog(dir, fmt.Sprintf("app.log.%d", i+1), 2*i+10, limit.Add(-age)); err != nil {
			return err
		}
	}
	for i := range agingLogs {
		late := time.Duration(i+1) * agingLogGap
		if err := sampleLog(dir, fmt.Sprintf("batch-%03d.log", i+1), i%20+1, limit.Add(late)); err != nil {
			return err
		}
	}
	if err := sampleLog(dir, "notes.txt", 1, limit.Add(-time.Hour)); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "archive.log"), 0o755); err != nil {
		return err
	}
	_ = os.Symlink("notes.txt", filepath.Join(dir, "link.log")) // not every system has them
	return nil
}

// sampleLog writes a log of about kB kilobytes that was last written at a given time.
func sampleLog(dir, name string, kB int, written time.Time) error {
	path := filepath.Join(dir, name)
	line := written.UTC().Format(time.RFC3339) + " GET /index.html 200\n"
	text := strings.Repeat(line, kB*1000/len(line))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, written, written)
}

// seedUsers fills the table of users if it is empty.
func seedUsers(ctx context.Context, db *sql.DB, now time.Time) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("seed users: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var users int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM users`).Scan(&users); err != nil {
		return fmt.Errorf("seed users: %w", err)
	}
	if users > 0 {
		return nil
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO users (email, last_login) VALUES (?, ?)`)
	if err != nil {
		return fmt.Errorf("seed users: %w", err)
	}
	defer func() { _ = insert.Close() }()
	for i := range spreadUsers + agingUsers {
		if _, err := insert.ExecContext(ctx, fmt.Sprintf("user%04d@example.com", i+1), lastLogin(i, now).Unix()); err != nil {
			return fmt.Errorf("seed users: %w", err)
		}
	}
	return tx.Commit()
}

func lastLogin(i int, now time.Time) time.Time {
	if i < spreadUsers {
		return now.Add(-time.Duration(i) * (2 * passiveAfter / spreadUsers))
	}
	return now.Add(-passiveAfter).Add(time.Duration(i-spreadUsers+1) * agingUserGap)
}
