package conformance

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// panickingEnv has TestPanicking run.
const panickingEnv = "TICKWORK_TEST_PANICKING"

// A panicking manager is one by hand that panics, on a goroutine of its own, when it is
// asked for its workers while one runs.
type panicking struct{ *byHand }

func (m panicking) Workers() []core.WorkerStatus {
	list := m.byHand.Workers()
	for _, w := range list {
		if w.State == core.StateRunning {
			gone := make(chan struct{})
			go func() { defer close(gone); panic("the first panic") }()
			<-gone
		}
	}
	return list
}

// TestPanicking is what TestPanicIsOneCases starts.
func TestPanicking(t *testing.T) {
	if os.Getenv(panickingEnv) == "" {
		t.Skip("TestPanicIsOneCases starts it")
	}
	Run(t, Backend{Name: "panicking", Only: []string{"OBS-1", "REG-1", "PER-1"}, Open: func(opts core.Options) (core.Manager, error) {
		m, err := newByHand(opts)
		if err != nil {
			return nil, err
		}
		return panicking{m.(*byHand)}, nil
	}})
}

// TestPanicIsOneCases: a panic on a goroutine of a manager written from scratch is the
// failure of the case that was tried, and the other cases are tried after it.
func TestPanicIsOneCases(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run", "^TestPanicking$", "-test.v")
	cmd.Env = append(os.Environ(), panickingEnv+"=1")
	out, err := cmd.CombinedOutput()
	text := string(out)
	require.Error(t, err)
	failed := regexp.MustCompile(`--- FAIL: TestPanicking/(\S+)`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, failed, text)
	for _, f := range failed {
		assert.Contains(t, f[1], "OBS-1/")
	}
	assert.Contains(t, text, "panic: the first panic", "the failure shows the panic")
	for _, c := range selected(Backend{Only: []string{"REG-1", "PER-1"}}) {
		assert.Regexp(t, "--- (PASS|SKIP): TestPanicking/"+c.id(), text)
	}
	assert.Equal(t, len(selected(Backend{Only: []string{"OBS-1", "REG-1", "PER-1"}})), strings.Count(text, "=== RUN   TestPanicking/"), "cases tried")
}
