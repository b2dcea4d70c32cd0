package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write makes a file of seven bytes that was last written at a given time.
func write(t *testing.T, dir, name string, written time.Time) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestLogFileNames(t *testing.T) {
	for name, want := range map[string]bool{
		"app.log":                 true,
		"app.log.1":               true,
		"app.log.12.gz":           true,
		"app.log-20260329":        true,
		"app.log-20260329.zst":    true,
		"app.log.2026-03-29":      true,
		"app-2026-03-29.log":      true,
		"app.log.gz":              true,
		".log":                    false,
		".hidden.log":             false,
		"app.log.bak":             false,
		"app.logs":                false,
		"app.log.":                false,
		"catalog":                 false,
		"app.log.1.exe":           false,
		"app.log.gz.gz":           false,
		"notes.txt":               false,
		"my.log.of.the.trip.docx": false,
	} {
		if got := logFile.MatchString(name); got != want {
			t.Errorf("%q is a log file: %t, want %t", name, got, want)
		}
	}
}

func TestCleanerDeletesOnlyOldLogs(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		old := now.Add(-2 * time.Hour)
		for _, name := range []string{"app.log.1", "app.log.2.gz", "exact.log", "notes.txt", ".hidden.log"} {
			write(t, dir, name, old)
		}
		write(t, dir, "app.log", now)
		write(t, dir, "young.log", now.Add(-time.Hour+time.Nanosecond))
		write(t, dir, "exact.log", now.Add(-time.Hour))

		// What leads elsewhere, and what is below, is not its business.
		write(t, outside, "precious.log", old)
		symlink(t, filepath.Join(outside, "precious.log"), filepath.Join(dir, "link.log"))
		symlink(t, outside, filepath.Join(dir, "away.log"))
		if err := os.Mkdir(filepath.Join(dir, "archive.log"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "archive.log"), "deep.log", old)
		if err := os.Mkdir(filepath.Join(dir, "empty.log"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, "empty.log"), old, old); err != nil {
			t.Fatal(err)
		}

		c := newCleaner(dir, time.Hour, false)
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{".hidden.log", "app.log", "archive.log", "away.log", "empty.log", "link.log", "notes.txt", "young.log"}
		if got := names(t, dir); !slices.Equal(got, want) {
			t.Errorf("left: %q\nwant: %q", got, want)
		}
		if got := names(t, outside); len(got) != 1 {
			t.Errorf("outside: %q", got)
		}
		if got := names(t, filepath.Join(dir, "archive.log")); len(got) != 1 {
			t.Errorf("below: %q", got)
		}
		if got, want := c.done(), "deleted 3 files, 21 B"; got != want {
			t.Errorf("done: %q, want %q", got, want)
		}

		time.Sleep(time.Nanosecond) // and another one is an hour old
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := c.done(), "deleted 4 files, 28 B"; got != want {
			t.Errorf("done: %q, want %q", got, want)
		}
	})
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skip(err)
	}
}

func TestCleanerWithoutItsDirectory(t *testing.T) {
	dir := t.TempDir()
	c := newCleaner(filepath.Join(dir, "logs"), time.Hour, false)
	if err := c.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	// It is looked for anew in each run.
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCleanerGivesUpWhenCancelled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "app.log.1", time.Now().Add(-2*time.Hour))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := newCleaner(dir, time.Hour, false).Run(ctx); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

func TestHumanSize(t *testing.T) {
	var got []string
	for _, n := range []int64{0, 999, 1000, 251_700, 1_000_000, 3_210_000_000} {
		got = append(got, humanSize(n))
	}
	if got, want := strings.Join(got, ", "), "0 B, 999 B, 1.0 kB, 251.7 kB, 1.0 MB, 3.2 GB"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
