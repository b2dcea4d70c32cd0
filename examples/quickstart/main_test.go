package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what core.Logger is outside of a run
	os.Exit(m.Run())
}

// program runs the whole program, and returns what it printed and how it ended.
func program(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// summaryOf returns the summary's row of a worker, with its blanks squeezed.
func summaryOf(stdout, worker string) string {
	_, summary, _ := strings.Cut(stdout, "\nran for ")
	for line := range strings.Lines(summary) {
		if strings.HasPrefix(line, worker+" ") {
			return strings.Join(strings.Fields(line)[1:], " ")
		}
	}
	return ""
}

func TestForEndsByItself(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		code, stdout, stderr := program(t.Context(), "-for", "10s", "-period", "3s")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
		if ran := time.Since(start); ran < 10*time.Second || ran > 11*time.Second {
			t.Errorf("-for 10s took %s", ran)
		}
		// At the start and at seconds 3, 6 and 9. A sample log grows old every
		// two seconds, a user passive every second, once past the limit.
		if got, want := summaryOf(stdout, deleteOldLogs), "4 0 0 deleted 16 files,"; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q …", deleteOldLogs, got, want)
		}
		if got, want := summaryOf(stdout, markPassiveUsers), "4 0 0 marked 1508 users"; got != want {
			t.Errorf("%s: %q, want %q", markPassiveUsers, got, want)
		}
		for _, want := range []string{`because="-for 10s is over"`, "ran for 10s", "worker=" + deleteOldLogs} {
			if !strings.Contains(stdout, want) {
				t.Errorf("stdout lacks %q:\n%s", want, stdout)
			}
		}
	})
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("samples left behind: %q", left)
	}
}

func TestSignalStopsInOrder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		ctx, signal := context.WithCancelCause(t.Context())
		time.AfterFunc(4*time.Second, func() { signal(errors.New("interrupt signal received")) })
		code, stdout, stderr := program(ctx)
		if code != 0 || stderr != "" {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
		if !strings.Contains(stdout, `because="interrupt signal received"`) || !strings.Contains(stdout, "ran for 4s") {
			t.Errorf("stdout:\n%s", stdout)
		}
	})
}

func TestChaosDisturbsNobody(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		code, stdout, stderr := program(t.Context(), "-chaos", "-for", "13s")
		if code != 0 || stderr != "" {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
		for worker, want := range map[string]string{
			"chaos-fails":    "4 1 0 got through 3 times",
			"chaos-panics":   "4 4 0 nothing, ever",
			markPassiveUsers: "5 0 0 marked 1511 users",
		} {
			if got := summaryOf(stdout, worker); got != want {
				t.Errorf("%s: %q, want %q", worker, got, want)
			}
		}
		for _, want := range []string{"panic: chaos: on purpose", "attempt failed, another follows", "chaos: nobody answers"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("stdout lacks %q", want)
			}
		}
		if strings.Contains(stdout, "goroutine ") {
			t.Error("stdout has a stack")
		}
	})
}

func TestOnNamedInput(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	logs, db := t.TempDir(), filepath.Join(t.TempDir(), "users with 100% love?.db")
	synctest.Test(t, func(t *testing.T) {
		write(t, logs, "old.log", time.Now().Add(-2*time.Hour))
		write(t, logs, "new.log", time.Now())
		code, stdout, stderr := program(t.Context(), "-logs", logs, "-max-age", "1h", "-db", db, "-for", "1s")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
		if got, want := names(t, logs), []string{"new.log"}; !slices.Equal(got, want) {
			t.Errorf("left: %q, want %q", got, want)
		}
		if got, want := summaryOf(stdout, markPassiveUsers), "1 0 0 marked 1499 users"; got != want {
			t.Errorf("first time: %q, want %q", got, want)
		}
		// The second time finds the users of the first.
		_, stdout, _ = program(t.Context(), "-logs", logs, "-max-age", "1h", "-db", db, "-for", "1s")
		if got, want := summaryOf(stdout, markPassiveUsers), "1 0 0 marked 1 users"; got != want {
			t.Errorf("second time: %q, want %q", got, want)
		}
	})
}

// TestOnEachBackend: -backend takes the name of each that is registered, and the
// broker that it wants comes along. In real time, and side by side.
func TestOnEachBackend(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var all sync.WaitGroup
	for _, backend := range backends.Registered() {
		all.Go(func() {
			code, stdout, stderr := program(t.Context(), "-backend", backend, "-period", "500ms", "-for", "5s")
			if code != 0 || stderr != "" {
				t.Errorf("%s: exit code %d, stderr %q", backend, code, stderr)
			}
			for _, worker := range []string{deleteOldLogs, markPassiveUsers} {
				var runs, failed int
				if _, err := fmt.Sscan(summaryOf(stdout, worker), &runs, &failed); err != nil || runs < 2 || failed > 0 {
					t.Errorf("%s: %s: %d runs, %d failed (%v):\n%s", backend, worker, runs, failed, err, stdout)
				}
			}
		})
	}
	all.Wait()
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestCheck: on each backend, and nothing is run or made.
func TestCheck(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	missing := filepath.Join(temp, "missing.db")
	for _, backend := range backends.Registered() {
		code, stdout, stderr := program(t.Context(), "-check", "-backend", backend, "-period", "1h", "-db", missing)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", backend, code, stderr)
		}
		for _, want := range []string{"backend " + backend, deleteOldLogs + ": every 1h, and once at the start\n", "Opens, with 2 workers.\n"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: stdout lacks %q:\n%s", backend, want, stdout)
			}
		}
		remote := backend == "asynq" || backend == "nats"
		for _, text := range []string{"the broker was reached", "is checked on one in this process"} {
			if strings.Contains(stdout, text) != remote {
				t.Errorf("%s: stdout says %q, or does not:\n%s", backend, text, stdout)
			}
		}
	}
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	code, stdout, stderr := program(t.Context(), "-check", "-period", "1ns")
	if code != 1 || !strings.Contains(stdout, "Does not open:") || !strings.Contains(stderr, "does not open") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	logs, db := t.TempDir(), filepath.Join(t.TempDir(), "users.db")
	synctest.Test(t, func(t *testing.T) {
		write(t, logs, "old.log", time.Now().Add(-2*time.Hour))
		seeded(t, db)
		before, err := os.ReadFile(db)
		if err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := program(t.Context(), "-dry-run", "-logs", logs, "-max-age", "1h", "-db", db, "-for", "10s")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
		if got, want := summaryOf(stdout, deleteOldLogs), "4 0 0 would delete 1 files, 7 B"; got != want {
			t.Errorf("%s: %q, want %q", deleteOldLogs, got, want)
		}
		if got, want := summaryOf(stdout, markPassiveUsers), "4 0 0 would mark 1508 users"; got != want {
			t.Errorf("%s: %q, want %q", markPassiveUsers, got, want)
		}
		if n := strings.Count(stdout, "file=old.log"); n != 1 {
			t.Errorf("the file is named %d times, want once", n)
		}
		if got := names(t, logs); !slices.Equal(got, []string{"old.log"}) {
			t.Errorf("left: %q", got)
		}
		after, err := os.ReadFile(db)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the database has changed (%v)", err)
		}
		if left := names(t, filepath.Dir(db)); len(left) != 1 {
			t.Errorf("beside the database: %q", left)
		}
	})
}

func TestRealFailuresAreAnError(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	logs := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(4*time.Second, func() { _ = os.Remove(logs) })
		code, _, stderr := program(t.Context(), "-logs", logs, "-for", "10s")
		if code != 1 || !strings.Contains(stderr, deleteOldLogs+" failed in 2 of 4 runs, the last time: ") {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
	})
}

func TestBadFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-period 0", "-period must be longer than zero"},
		{"-period -1s", "-period must be longer than zero"},
		{"-period 3", "a duration is like 3s"},
		{"-max-age 0", "-max-age must be longer than zero"},
		{"-for -1s", "-for must not be negative"},
		{"-chaos=perhaps", "-chaos"},
		{"-frobnicate", "-frobnicate"},
		{"logs", `"logs" is not a flag`},
		{"redis://u:s3cret@host", "the URL of a backend is for -backend"},
	} {
		code, stdout, stderr := program(t.Context(), strings.Fields(c.args)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "-help") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", c.args, code, stdout, stderr, c.want)
		}
		if strings.Contains(stderr, "s3cret") {
			t.Errorf("%s: stderr shows the password: %q", c.args, stderr)
		}
	}
}

func TestBadInput(t *testing.T) {
	temp, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-logs", file}, "is not a directory"},
		{[]string{"-logs", missing}, "-logs: "},
		{[]string{"-db", file}, "not a database"},
		{[]string{"-db", dir}, "-db: open"},
		{[]string{"-db", filepath.Join(missing, "users.db")}, "-db: open"},
		{[]string{"-dry-run", "-db", missing}, "a dry run does not make it"},
		{[]string{"-period", "1ns"}, "the shortest period"},
		{[]string{"-backend", "nowhere"}, `unknown backend "nowhere": registered: `},
	} {
		code, _, stderr := program(t.Context(), c.args...)
		if code != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit code %d, stderr %q, want %q", c.args, code, stderr, c.want)
		}
	}
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("samples left behind: %q", left)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"file"}) {
		t.Errorf("made on the way: %q", left)
	}
}

func TestHelp(t *testing.T) {
	code, stdout, stderr := program(t.Context(), "-help")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	for _, flag := range []string{"backend", "check", "period", "logs", "max-age", "db", "for", "dry-run", "chaos", "plain"} {
		if !regexp.MustCompile(`(?m)^  -` + flag + `\b`).MatchString(stdout) {
			t.Errorf("-help does not explain -%s", flag)
		}
	}
	newFlagSet(new(config)).VisitAll(func(f *flag.Flag) {
		if f.Usage == "" || !strings.Contains(stdout, "  -"+f.Name) {
			t.Errorf("-help does not explain -%s", f.Name)
		}
	})
	for _, backend := range backends.Registered() {
		if !regexp.MustCompile(`such as .*\b` + backend + `\b`).MatchString(stdout) {
			t.Errorf("-help does not name the backend %s", backend)
		}
	}
	if !strings.Contains(stdout, "Examples:") {
		t.Error("-help has no examples")
	}
}
