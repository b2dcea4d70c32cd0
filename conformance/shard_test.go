package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func TestMain(m *testing.M) { Main(m, nil) }

// A package may have flags of its own of these names.
var (
	_ = flag.Duration("duration", 0, "not used")
	_ = flag.Uint64("seed", 0, "not used")
	_ = flag.Int("shards", 0, "not used")
)

// TestFlagsHaveNamesOfTheirOwn: the suite's flags do not collide with those above, and
// are defined next to them.
func TestFlagsHaveNamesOfTheirOwn(t *testing.T) {
	for _, name := range []string{durationFlag, seedFlag, shardsFlag} {
		assert.NotNil(t, flag.Lookup(name), "-%s", name)
	}
}

// shardedEnv has TestSharded run, and says on what.
const shardedEnv = "TICKWORK_TEST_SHARDED"

// TestSharded is what TestShards starts.
func TestSharded(t *testing.T) {
	what := os.Getenv(shardedEnv)
	isShard := os.Getenv(shardEnv) != ""
	b := Backend{Name: "native", Only: []string{"PER-1", "PER-2", "REG-1"}}
	b.Open = func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }
	switch {
	case what == "":
		t.Skip("TestShards starts it")
	case what == "broken":
		b.Open = swapped(func(w core.Worker) core.Schedule { return core.Every(7 * 1e9) })
	case what == "dies":
		open, calls, tries := b.Open, 0, os.Getenv(reportEnv)+"/tries"
		b.Open = func(opts core.Options) (core.Manager, error) {
			switch calls++; {
			case isShard && calls == 2: // the first was to ask what it can do
				_ = os.WriteFile(tries, nil, 0o600)
				fmt.Println("it has died")
				os.Exit(3)
			case !isShard: // leaves it one
				for range 10_000_000 { // in a bubble no time passes
					if _, err := os.Stat(tries); err == nil {
						break
					}
					runtime.Gosched()
				}
			}
			return open(opts)
		}
	case what == "leaves" && isShard:
		t.Cleanup(func() { t.Error("something was left behind") })
	}
	Run(t, b)
}

// Each case is tried by one of the processes, and what comes of it is told by the
// first.
func TestShards(t *testing.T) {
	report := t.TempDir()
	run := func(what string, shards int) (string, error) {
		exe, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(exe, "-test.run", "^TestSharded$", "-test.v", "-conformance.shards", fmt.Sprint(shards))
		cmd.Env = append(os.Environ(), shardedEnv+"="+what, reportEnv+"="+report)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	var reports []string
	for _, shards := range []int{1, 2, 5} {
		out, err := run("well", shards)
		require.NoError(t, err, out)
		for _, c := range selected(Backend{Only: []string{"PER-1", "PER-2", "REG-1"}}) {
			assert.Regexp(t, `--- (PASS|SKIP): TestSharded/`+c.id(), out, "of %d processes", shards)
		}
		file, err := os.ReadFile(report + "/native.json")
		require.NoError(t, err)
		reports = append(reports, string(file))
	}
	for _, r := range reports[1:] {
		assert.JSONEq(t, reports[0], r, "the report, of several processes")
	}

	alone, err := run("broken", 1)
	require.Error(t, err)
	shared, err := run("broken", 2)
	require.Error(t, err)
	for _, c := range selected(Backend{Only: []string{"PER-1", "PER-2", "REG-1"}}) {
		failed := "--- FAIL: TestSharded/" + c.id()
		assert.Equal(t, strings.Contains(alone, failed), strings.Contains(shared, failed), "%s fails", c.id())
	}

	out, err := run("dies", 2)
	require.Error(t, err)
	assert.Contains(t, out, "exit status 3")
	assert.Contains(t, out, "it has died")
	assert.Contains(t, out, "the process that was to try it ended before")

	out, err = run("leaves", 2)
	require.Error(t, err)
	assert.Contains(t, out, "something was left behind")
	assert.NotContains(t, out, "--- FAIL: TestSharded/", "a case")
}
