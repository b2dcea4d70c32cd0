package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// logFile matches the names of log files, rotated ones included:
// app.log, app.log.2, app.log.3.gz, app.log-20260329, app.log.2026-03-29.zst.
var logFile = regexp.MustCompile(`^[^.].*\.log([.-][0-9][0-9-]*)?(\.(gz|bz2|xz|zst))?$`)

// cleaner deletes old log files from a directory.
type cleaner struct {
	dir    string
	maxAge time.Duration
	dryRun bool

	mu    sync.Mutex
	files int
	bytes int64
	named map[string]bool // the files that a dry run has logged
}

func newCleaner(dir string, maxAge time.Duration, dryRun bool) *cleaner {
	return &cleaner{dir: dir, maxAge: maxAge, dryRun: dryRun, named: map[string]bool{}}
}

// Run is the worker's function. If a file cannot be deleted, Run still deletes the
// others, and then fails.
func (c *cleaner) Run(ctx context.Context) error {
	// Operations on a Root cannot leave its directory.
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list %s: %w", c.dir, err)
	}

	var files int
	var bytes int64
	var failed []error
	for _, entry := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx) // the patience of Stop is over
		}
		if !logFile.MatchString(entry.Name()) {
			continue
		}
		size, deleted, err := c.delete(ctx, root, entry.Name())
		if err != nil {
			failed = append(failed, err)
		}
		if deleted {
			files++
			bytes += size
			c.count(size)
		}
	}
	if !c.dryRun {
		core.Logger(ctx).Info("deleted old logs", "files", files, "size", humanSize(bytes))
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d files could not be deleted, the first: %w", len(failed), failed[0])
	}
	return nil
}

// delete deletes a file if it is a regular file and old. It looks at the file again
// before it deletes: rotation may have given the name to a new file since the
// directory was listed.
func (c *cleaner) delete(ctx context.Context, root *os.Root, name string) (size int64, deleted bool, err error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, false, nil // somebody else has deleted it
	case err != nil:
		return 0, false, err
	case !info.Mode().IsRegular() || time.Since(info.ModTime()) < c.maxAge:
		return 0, false, nil
	case c.dryRun:
		return info.Size(), c.name(ctx, info), nil
	}
	err = root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	return info.Size(), err == nil, err
}

// name logs once for each file that it would be deleted.
func (c *cleaner) name(ctx context.Context, info fs.FileInfo) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named[info.Name()] {
		return false
	}
	c.named[info.Name()] = true
	core.Logger(ctx).Info("would delete", "file", info.Name(), "size", humanSize(info.Size()),
		"age", time.Since(info.ModTime()).Round(time.Second))
	return true
}

func (c *cleaner) count(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files++
	c.bytes += bytes
}

// done reports what was done so far.
func (c *cleaner) done() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dryRun {
		return fmt.Sprintf("would delete %d files, %s", c.files, humanSize(c.bytes))
	}
	return fmt.Sprintf("deleted %d files, %s", c.files, humanSize(c.bytes))
}

// humanSize formats a number of bytes for people.
func humanSize(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	case bytes < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	default:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
}
