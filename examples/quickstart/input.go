package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// input is what the workers work on: what the flags name, and samples of the rest.
type input struct {
	logs  string
	db    *sql.DB
	about []string // describes it for people
	temp  string   // the directory with the samples; empty if there are none
}

func openInput(ctx context.Context, cfg config) (*input, error) {
	in := &input{}
	if err := in.open(ctx, cfg); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *input) open(ctx context.Context, cfg config) (err error) {
	if cfg.logs == "" || cfg.db == "" {
		if in.temp, err = os.MkdirTemp("", "quickstart-"); err != nil {
			return err
		}
	}
	if err := in.openLogs(cfg); err != nil {
		return err
	}
	return in.openDB(ctx, cfg)
}

func (in *input) openLogs(cfg config) error {
	in.logs = cfg.logs
	if in.logs != "" {
		in.about = append(in.about, fmt.Sprintf("logs older than %s in %s", days(cfg.maxAge), in.logs))
		info, err := os.Stat(in.logs)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a directory", in.logs)
		}
		if err != nil {
			return fmt.Errorf("-logs: %w", err)
		}
		return nil
	}
	in.logs = filepath.Join(in.temp, "logs")
	in.about = append(in.about, fmt.Sprintf("logs older than %s in %s, a sample", days(cfg.maxAge), in.logs))
	if err := os.Mkdir(in.logs, 0o700); err != nil {
		return err
	}
	return sampleLogs(in.logs, cfg.maxAge, time.Now())
}

func (in *input) openDB(ctx context.Context, cfg config) (err error) {
	path := cfg.db
	about := fmt.Sprintf("users not seen for %s in %s", days(passiveAfter), path)
	if path == "" {
		path = filepath.Join(in.temp, "users.db")
		about = fmt.Sprintf("users not seen for %s in %s, a sample", days(passiveAfter), path)
	}
	in.about = append(in.about, about)
	if cfg.dryRun && cfg.db != "" {
		in.db, err = openUsersReadOnly(ctx, path)
		return err
	}
	if in.db, err = openUsers(ctx, path); err != nil {
		return err
	}
	return seedUsers(ctx, in.db, time.Now())
}

// close removes the samples.
func (in *input) close() {
	if in.db != nil {
		_ = in.db.Close()
	}
	if in.temp != "" {
		_ = os.RemoveAll(in.temp)
	}
}

// days formats a duration, in days if it is two days or more and whole days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
