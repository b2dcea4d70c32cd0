package main

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The instances are this test binary, started again.
func TestMain(m *testing.M) {
	if os.Getenv(nodeVariable) != "" {
		os.Exit(node(os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// output is written to from several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestOneIsKilledAndAnotherTakesOver(t *testing.T) {
	for _, backend := range []string{"asynq", "nats"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			var out, errs output
			args := []string{"-backend", backend, "-n", "3", "-for", "14s", "-kill", "4s", "-lease", "2s"}
			code := run(t.Context(), args, strings.NewReader(""), &out, &errs)
			t.Log(out.String())
			require.Zero(t, code, errs.String())
			for _, text := range []string{"has joined", "is killed", "runs quick@", "has run flaky@", "verdict: good"} {
				assert.Contains(t, out.String(), text)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, backend := range []string{"asynq", "nats"} {
		var out, errs output
		require.Zero(t, run(t.Context(), []string{"-check", "-backend", backend}, strings.NewReader(""), &out, &errs), errs.String())
		for _, text := range []string{
			"no -url is given: " + backend + " is checked on a broker in this process", "backend " + backend + ": the broker was reached\n",
			"slow: every 2s\n", alwaysUp + ": long-running\n", "Opens, with 4 workers.\n",
		} {
			assert.Contains(t, out.String(), text)
		}
		assert.NotContains(t, out.String(), "has joined")
	}
	var out, errs output
	args := []string{"-check", "-for", "1s", "-url", "nats://user:secret@127.0.0.1:1"}
	assert.Equal(t, 1, run(t.Context(), args, strings.NewReader(""), &out, &errs))
	assert.Contains(t, out.String(), "Does not open:")
	assert.NotContains(t, out.String()+errs.String(), "secret")
}

func TestFlagsThatCannotBeRight(t *testing.T) {
	for _, args := range [][]string{
		{"-backend", "native"}, {"-n", "0"}, {"-n", "10"}, {"-for", "-1s"}, {"-kill", "-1s"}, {"-lease", "10ms"}, {"more"}, {"-unknown"},
		{"-backend", "nats://user:secret@host"},
	} {
		var out, errs output
		assert.Equal(t, 2, run(t.Context(), args, strings.NewReader(""), &out, &errs), "%v", args)
		assert.NotEmpty(t, errs.String(), "%v", args)
		assert.NotContains(t, errs.String(), "secret")
	}
}

// A URL that could be misread is refused before the lease and the namespace are
// added to it, which would escape a part of the password.
func TestAURLWithAnUnescapedPassword(t *testing.T) {
	for _, password := range []string{"12?34secret", "12#34secret", "12/34secret", "12@34secret"} {
		var out, errs output
		args := []string{"-check", "-backend", "nats", "-url", "nats://user:" + password + "@127.0.0.1:1"}
		assert.NotZero(t, run(t.Context(), args, strings.NewReader(""), &out, &errs))
		assert.Contains(t, errs.String(), "escape the user and the password")
		assert.NotContains(t, out.String()+errs.String(), "secret")
	}
}

func TestABrokerThatIsNotThere(t *testing.T) {
	var out, errs output
	args := []string{"-backend", "nats", "-url", "nats://user:secret@127.0.0.1:1", "-n", "1", "-for", "30s"}
	assert.Equal(t, 1, run(t.Context(), args, strings.NewReader(""), &out, &errs))
	assert.NotContains(t, out.String()+errs.String(), "secret")
}
