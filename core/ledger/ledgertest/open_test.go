package ledgertest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closedEnv has TestStoreThatDoesNotOpen run.
const closedEnv = "TICKWORK_TEST_CLOSED"

// TestStoreThatDoesNotOpen is what TestFailsAtOnce starts: its store tries until the
// context ends.
func TestStoreThatDoesNotOpen(t *testing.T) {
	if os.Getenv(closedEnv) == "" {
		t.Skip("TestFailsAtOnce starts it")
	}
	closed := breaking(func(b *broken) {
		b.open = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
	})
	Run(t, Backend{Name: "closed", New: closed, WallClock: true})
}

// TestFailsAtOnce: a store that cannot be opened is one failure, not one of each case
// after seconds of trying.
func TestFailsAtOnce(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run", "^TestStoreThatDoesNotOpen$", "-test.v")
	cmd.Env = append(os.Environ(), closedEnv+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "the store does not open, so no case was tried")
	assert.NotContains(t, string(out), "TestStoreThatDoesNotOpen/", "a case")
}
