//go:build unix

package docs

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExamplesStopOnSignals starts every example, ends it with SIGTERM and with
// SIGINT once its workers run, and expects that it stops them in order: it prints
// what it prints last, and its exit code is 0.
func TestExamplesStopOnSignals(t *testing.T) {
	examples := map[string]struct {
		args []string
		runs string // a part of the line after which its workers run
		last string // a part of a line that it prints when they have stopped
	}{
		"hello":          {nil, "worker=hello", "stopped"},
		"custom-backend": {[]string{"-for", "1h"}, "tick@", "stopped"},
		"config":         {nil, "worker=heartbeat", "night-shift"},
		"quickstart":     {nil, "worker=mark-passive-users", "ran for"},
		"cluster":        {nil, "has run quick@", "verdict: good"},
	}
	found, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.go"))
	require.NoError(t, err)
	assert.Len(t, examples, len(found), "an example is missing here: %v", found)

	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "./examples/...")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	for name, example := range examples {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(name+"/"+sig.String(), func(t *testing.T) {
				t.Parallel()
				cmd := exec.CommandContext(t.Context(), filepath.Join(bin, name), example.args...)
				cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
				read, write, err := os.Pipe()
				require.NoError(t, err)
				defer func() { _ = read.Close() }()
				cmd.Stdout, cmd.Stderr = write, write
				require.NoError(t, cmd.Start())
				_ = write.Close() // the process has it
				// A program whose workers do not run, or that does not stop, fails the
				// test, and does not hang it.
				kill := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
				defer kill.Stop()

				var said strings.Builder
				var signal sync.Once
				lines := bufio.NewScanner(io.TeeReader(read, &said))
				for lines.Scan() {
					if strings.Contains(lines.Text(), example.runs) {
						signal.Do(func() { require.NoError(t, cmd.Process.Signal(sig)) })
					}
				}
				require.NoError(t, cmd.Wait(), "%s", said.String())
				require.Contains(t, said.String(), example.runs)
				_, after, _ := strings.Cut(said.String(), example.runs)
				assert.Contains(t, after, example.last)
			})
		}
	}
}
