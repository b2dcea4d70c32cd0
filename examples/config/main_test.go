package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func TestMain(m *testing.M) {
	for _, entry := range os.Environ() { // which Load would read
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "TICKWORK_") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// TestOneLineChoosesTheBackend: with another word in that line, or with the flag,
// the program prints the same.
func TestOneLineChoosesTheBackend(t *testing.T) {
	data, err := sample.ReadFile("sample.yaml")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	edited := strings.Replace(string(data), "\nbackend: native\n", "\nbackend: gocron\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
	want := program(t, "-for", "9m59s")
	for _, args := range [][]string{{"-config", file}, {"-backend", "gocron"}} {
		got := program(t, append(args, "-for", "9m59s")...)
		require.Len(t, got, len(want), "%v", args)
		for i := range got {
			require.Equal(t, want[i], got[i], "%v", args)
		}
	}
	for _, line := range []string{
		"heartbeat      every 2s                              299 runs, 0 failed   configured: Schedule",
		"memory-report  cron */5 * * * * * Europe/Berlin      120 runs, 0 failed   configured: Schedule, RunOnStart",
		"flaky-import   every 3s                              199 runs, 0 failed   configured: Timeout, Retry",
		"night-shift    cron 0 2 * * *                          0 runs, 0 failed, disabled   configured: Disabled",
	} {
		assert.True(t, slices.Contains(want, line), line)
	}
}

// TestOnEachBackend: with another word in that line the workers run on any backend
// as the file has them, on a broker of the program's own where they want one. In
// real time, and side by side.
func TestOnEachBackend(t *testing.T) {
	data, err := sample.ReadFile("sample.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	var all sync.WaitGroup
	for _, backend := range backends.Registered() {
		all.Go(func() {
			file := filepath.Join(dir, backend+".yaml")
			edited := strings.Replace(string(data), "\nbackend: native\n", "\nbackend: "+backend+"\n", 1)
			assert.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
			var stdout, stderr safeBuffer
			code := run(t.Context(), []string{"-config", file, "-for", "8s"}, &stdout, &stderr)
			assert.Zero(t, code, "%s: %s", backend, stderr.String())
			for _, line := range []string{
				`heartbeat +every 2s +[2-5] runs, 0 failed +configured: Schedule`,
				`memory-report +cron \*/5 \* \* \* \* \* Europe/Berlin +[2-4] runs, 0 failed +configured: Schedule, RunOnStart`,
				`flaky-import +every 3s +[1-4] runs, 0 failed +configured: Timeout, Retry`,
				`night-shift +cron 0 2 \* \* \* +0 runs, 0 failed, disabled +configured: Disabled`,
			} {
				assert.Regexp(t, "(?m)^"+line+"$", stdout.String(), backend)
			}
		})
	}
	all.Wait()
}

// program runs the program in virtual time and returns the lines that it
// printed, sorted and without what differs from run to run.
func program(t *testing.T, args ...string) []string {
	t.Helper()
	runtime.GC() // timers that a library keeps must not go from one bubble to the next
	var stdout, stderr safeBuffer
	synctest.Test(t, func(t *testing.T) {
		require.Zero(t, run(t.Context(), args, &stdout, &stderr), stderr.String())
	})
	text := regexp.MustCompile(`heap_kib=\d+|manual:\w+|time=\S+|config="[^"]*"|(duration|took)=\S+|instance=\S+`).ReplaceAllString(stdout.String(), "")
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

func TestCheck(t *testing.T) {
	var stdout, stderr safeBuffer
	require.Zero(t, run(t.Context(), []string{"-check"}, &stdout, &stderr), stderr.String())
	assert.Contains(t, stdout.String(), "Opens, with 4 workers.")
	assert.Contains(t, stdout.String(), "Europe/Berlin, and once at the start (configured: Schedule, RunOnStart)")

	t.Setenv("TICKWORK_WORKERS", "heart-beat: {every: 1s}")
	assert.Equal(t, 1, run(t.Context(), []string{"-check"}, &stdout, &stderr))
	assert.Contains(t, stdout.String(), `TICKWORK_WORKERS:1:1: workers.heart-beat: no worker of this name was added; did you mean "heartbeat"?`)
	assert.Contains(t, stderr.String(), "config: the configuration does not open\n")
}

// TestABrokerOfItsOwn: there is one for a backend without a URL, whatever else
// the configuration says of the backend, and -check says whose it reached.
func TestABrokerOfItsOwn(t *testing.T) {
	const own = "is checked on one in this process, and on no other\n"
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	check := func(content string) (code int, out string) {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		var stdout, stderr safeBuffer
		code = run(t.Context(), []string{"-check", "-config", file, "-for", "2s"}, &stdout, &stderr)
		return code, stdout.String()
	}
	for _, backend := range []string{"asynq", "nats"} {
		for _, section := range []string{"", "~", "{url: ~, lease: 5s}", "{lease: 5s}"} {
			code, out := check("backend: " + backend + "\n" + backend + ": " + section + "\n")
			assert.Zero(t, code, "%s: %s: %s", backend, section, out)
			assert.Contains(t, out, "no URL of a broker is given: "+backend+" "+own)
			assert.Contains(t, out, "backend "+backend+": the broker was reached\n")
		}
	}

	// The rest of the section counts: with a lease that is too short it is refused.
	code, out := check("backend: asynq\nasynq: {lease: 1ns}\n")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, own)
	assert.Contains(t, out, file+":2:9: asynq.lease: 1ns is shorter than ")

	// A URL is a URL, in the file or in the environment; nothing listens there.
	code, out = check("backend: asynq\nasynq: {url: \"redis://127.0.0.1:1\"}\n")
	assert.Equal(t, 1, code)
	assert.NotContains(t, out, own)
	t.Setenv("TICKWORK_ASYNQ_URL", "redis://127.0.0.1:1")
	code, out = check("backend: asynq\nasynq: {lease: 5s}\n")
	assert.Equal(t, 1, code)
	assert.NotContains(t, out, own)
}

func TestWhatCannotBeRight(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-help"}, 0, "-config FILE"},
		{[]string{"-nonsense"}, 2, "flag provided but not defined: -nonsense"},
		{[]string{"tickwork.yaml"}, 2, "no arguments but the flags"},
		{[]string{"-backend", "nowhere"}, 2, `-backend: unknown backend "nowhere": registered: `},
		{[]string{"-backend", "nats://user:secret@host"}, 2, "-backend takes the name of a backend; write a URL to "},
		{[]string{"-for", "-1s"}, 2, "-for is not negative"},
		{[]string{"-config", "/nowhere.yaml"}, 1, "config: /nowhere.yaml: cannot be read: "},
	} {
		var stdout, stderr safeBuffer
		assert.Equal(t, c.code, run(t.Context(), c.args, &stdout, &stderr), "%v", c.args)
		assert.Contains(t, stderr.String(), c.want)
		assert.NotContains(t, stderr.String(), "secret")
		assert.Empty(t, stdout.String())
	}
	t.Setenv("TICKWORK_BACKEND", "nowhere")
	var stdout, stderr safeBuffer
	assert.Equal(t, 1, run(t.Context(), nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), `TICKWORK_BACKEND: backend: unknown backend "nowhere": registered: `)
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
