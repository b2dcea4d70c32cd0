package conformance

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// hangEnv has TestHanging run, and says how its engine hangs.
const hangEnv = "TICKWORK_TEST_HANGING"

// A hangingEngine is native's, which hangs once in a test binary.
type hangingEngine struct {
	core.Engine
	how   string
	slept atomic.Bool
	mu    sync.Mutex
	jobs  sync.Map
}

var hung atomic.Bool

func (e *hangingEngine) hangs(how string) bool {
	return e.how == how && hung.CompareAndSwap(false, true)
}

func (e *hangingEngine) Schedule(ctx context.Context, job *core.Job) error {
	_, again := e.jobs.LoadOrStore(job.Name(), true)
	switch {
	case again && e.hangs("lock"):
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.Schedule(ctx, job)
	case e.hangs("sleep"), e.hangs("sleep and stop"):
		e.slept.Store(true)
		go e.sleepForEver()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Engine.Schedule(ctx, job)
}

func (e *hangingEngine) Stop(ctx context.Context) error {
	if e.hangs("stop") || e.how == "sleep and stop" && e.slept.Load() {
		e.waitForEver()
	}
	return e.Engine.Stop(ctx)
}

func (e *hangingEngine) waitForEver() { <-make(chan int) }

func (e *hangingEngine) sleepForEver() {
	for {
		time.Sleep(time.Second)
	}
}

// A hangingManager waits for ever in Stop, whatever its context, while its engine goes on.
type hangingManager struct {
	core.Manager
	e *hangingEngine
}

func (m hangingManager) Stop(ctx context.Context) error {
	if m.e.hangs("manager") {
		go m.e.sleepForEver()
		m.e.waitForEver()
	}
	return m.Manager.Stop(ctx)
}

// TestHanging is what TestWatchdog starts.
func TestHanging(t *testing.T) {
	how := os.Getenv(hangEnv)
	if how == "" {
		t.Skip("TestWatchdog starts it")
	}
	Run(t, Backend{Name: "hanging", Only: []string{"REG-1", "CTL-2"}, Open: func(opts core.Options) (core.Manager, error) {
		e := &hangingEngine{Engine: native.NewEngine(native.Config{}), how: how}
		return hangingManager{core.NewManager(e, opts), e}, nil
	}})
}

// TestWatchdog: a case in which an engine hangs fails alone, in whatever way it hangs,
// with the stack of the goroutine that does, and the other cases go on.
func TestWatchdog(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	for how, shown := range map[string]string{
		"stop":           `hangingEngine\).waitForEver`,
		"lock":           `(?s)\[sync.Mutex.Lock\]:.*hangingEngine\).Schedule`,
		"sleep":          `hangingEngine\).sleepForEver`,
		"sleep and stop": `hangingEngine\).waitForEver`,
		"manager":        `hangingEngine\).waitForEver`,
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(exe, "-test.run", "^TestHanging$", "-test.v")
			cmd.Env = append(os.Environ(), hangEnv+"="+how)
			out, err := cmd.CombinedOutput()
			text := string(out)
			require.Error(t, err)
			assert.NotContains(t, text, "panic: ")
			assert.Len(t, regexp.MustCompile(`--- FAIL: TestHanging/`).FindAllString(text, -1), 1, "cases that failed:\n%s", text)
			passed := strings.Count(text, "--- PASS: TestHanging/")
			assert.Greater(t, passed, len(selected(Backend{Only: []string{"REG-1", "CTL-2"}}))/2, "cases that passed")
			assert.Regexp(t, shown, text)
			assert.NotContains(t, text, "created by testing.(*T).Run", "a goroutine that is not the engine's")
		})
	}
}
