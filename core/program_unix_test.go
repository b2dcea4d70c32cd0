//go:build unix

package core_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// programVariable is set in the processes that TestRunInAProcess starts.
const programVariable = "TICKWORK_TEST_PROGRAM"

// signalled is the program of those processes. Its run goes on until it reads a
// line after the manager began to stop.
func signalled() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	m, err := native.New(native.Config{}, core.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	err = m.Add(ctx, core.Worker{
		Name: "w", Schedule: core.Every(24 * time.Hour), RunOnStart: true,
		Run: func(ctx context.Context) error {
			fmt.Println("running")
			<-core.Stopping(ctx)
			fmt.Println("stopping")
			_, err := bufio.NewReader(os.Stdin).ReadString('\n')
			fmt.Println("done", err, ctx.Err())
			return err
		},
		OnStop: func(context.Context) error { fmt.Println("OnStop"); return nil },
	})
	if err != nil {
		return err
	}
	return core.Run(ctx, m, time.Minute)
}

// TestRunInAProcess: the first signal ends the program in order, with the run in
// progress and OnStop; the second, while that goes on, kills it.
func TestRunInAProcess(t *testing.T) {
	if os.Getenv(programVariable) != "" {
		if err := signalled(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			p := startProgram(t)
			p.says("running")
			p.signal(s)
			p.says("stopping")
			_, err := io.WriteString(p.stdin, "\n")
			require.NoError(t, err)
			p.says("done <nil> <nil>")
			p.says("OnStop")
			require.NoError(t, p.cmd.Wait())
		})
		t.Run("second "+s.String(), func(t *testing.T) {
			p := startProgram(t)
			p.says("running")
			p.signal(s)
			p.says("stopping")
			over := make(chan error, 1)
			go func() { over <- p.cmd.Wait() }()
			err := p.killed(s, over)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			status, ok := exit.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			assert.True(t, status.Signaled() && status.Signal() == s, "%v", exit)
		})
	}
}

// A process is one that runs signalled.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Writer
	lines *bufio.Reader
}

func startProgram(t *testing.T) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestRunInAProcess$")
	cmd.Env = append(os.Environ(), programVariable+"=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &process{t: t, cmd: cmd, stdin: stdin, lines: bufio.NewReader(stdout)}
}

// says waits for the next line.
func (p *process) says(want string) {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	require.NoError(p.t, err, "before %q", want)
	require.Equal(p.t, want+"\n", line)
}

// killed sends a signal until the process is over. The first one may come before
// the process has gone back to the default.
func (p *process) killed(s os.Signal, over <-chan error) error {
	for {
		p.signal(s)
		select {
		case err := <-over:
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }
