package conformance

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// closedEnv has TestClosed run, and says what is closed.
const closedEnv = "TICKWORK_TEST_CLOSED"

// A closedWorld is one in which no manager can be opened.
type closedWorld struct{ World }

func (closedWorld) Open(Node, core.Options) (core.Manager, error) {
	return nil, errors.New("nobody answers")
}
func (closedWorld) Close() {}

// TestClosed is what TestCannotBeTried starts.
func TestClosed(t *testing.T) {
	b := Backend{Name: "closed", Open: func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }}
	switch os.Getenv(closedEnv) {
	case "":
		t.Skip("TestCannotBeTried starts it")
	case "manager":
		b.Open = func(core.Options) (core.Manager, error) { return core.UnimplementedManager{}, nil }
	case "world":
		b.Cluster = func() (World, error) { return closedWorld{}, nil }
	}
	Run(t, b)
}

// TestCannotBeTried: a backend whose managers do not open or start is one failure, and
// not one of each case.
func TestCannotBeTried(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	for what, shown := range map[string]string{
		"manager": "open and start a manager: ",
		"world":   "open and start a manager in a world: nobody answers",
	} {
		cmd := exec.Command(exe, "-test.run", "^TestClosed$", "-test.v")
		cmd.Env = append(os.Environ(), closedEnv+"="+what)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "closed cannot be tried, and no case was: "+shown)
		assert.NotContains(t, string(out), "TestClosed/", "a case")
	}
}
