package nats_test

import (
	"context"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

const secret = "s3cr3t%21" // in a URL: s3cr3t!

func users(users ...*server.User) func(*server.Options) {
	return func(o *server.Options) { o.Users = users }
}

// startFails starts a manager that cannot start, and returns why.
func startFails(t *testing.T, cfg nats.Config, within time.Duration) string {
	t.Helper()
	m, err := nats.New(cfg, core.Options{Logger: quiet, ConnectTimeout: within})
	require.NoError(t, err)
	began := time.Now()
	err = m.Start(context.Background())
	require.Error(t, err)
	assert.Less(t, time.Since(began), within+5*time.Second)
	for _, form := range []string{secret, "s3cr3t"} {
		assert.NotContains(t, err.Error(), form)
	}
	return err.Error()
}

func TestWrongPasswordEndsStart(t *testing.T) {
	s := startServer(t, users(&server.User{Username: "me", Password: "right"}))
	host := strings.TrimPrefix(s.URL(), "nats://")
	for name, cfg := range map[string]nats.Config{
		"in the URL": {URL: "nats://me:" + secret + "@" + host},
		"beside it":  {URL: s.URL(), User: "me", Password: "s3cr3t!"},
		"a token":    {URL: s.URL(), Token: "s3cr3t!"},
	} {
		t.Run(name, func(t *testing.T) {
			why := startFails(t, cfg, patience)
			assert.Contains(t, why, host)
			assert.Contains(t, why, "Authorization Violation")
		})
	}
}

func TestStartSaysWhatItCouldNotReach(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	for name, host := range map[string]string{"nobody": closed.Addr().String(), "somebody who says nothing": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			why := startFails(t, nats.Config{URL: "nats://me:" + secret + "@" + host + ",nats://me:" + secret + "@" + host}, 500*time.Millisecond)
			assert.Contains(t, why, host)
			t.Log(why)
		})
	}
}

func TestServerWithoutJetStreamEndsStart(t *testing.T) {
	s := startServer(t, func(o *server.Options) { o.JetStream = false })
	why := startFails(t, nats.Config{URL: s.URL()}, time.Second)
	assert.Contains(t, why, "JetStream")
}

func packageComment(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	return string(text)
}

// documented returns the permissions that the package comment lists.
func documented(t *testing.T, namespace string) *server.Permissions {
	t.Helper()
	text := packageComment(t)
	list := func(what string) []string {
		m := regexp.MustCompile(`(?m)^//\t` + what + `: \[\n((?://\t  .*\n)+)//\t\]`).FindStringSubmatch(text)
		require.NotNil(t, m, "the package comment has no list of what to %s", what)
		var subjects []string
		for _, s := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(m[1], -1) {
			subjects = append(subjects, strings.ReplaceAll(s[1], "default", namespace))
		}
		return subjects
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: list("publish")},
		Subscribe: &server.SubjectPermission{Allow: list("subscribe")},
	}
}

// A user with the documented permissions, and no other, runs workers, and of
// another namespace it reaches nothing.
func TestDocumentedPermissionsAreEnough(t *testing.T) {
	t.Parallel() // it mostly waits
	s := startServer(t, users(
		&server.User{Username: "worker", Password: "pw", Permissions: documented(t, "billing")},
	))
	cfg := nats.Config{URL: s.URL(), User: "worker", Password: "pw", Namespace: "billing", Lease: time.Second}
	runs := newRecorder()
	a := start(t, cfg, "a", runs.worker("w", "a", 100*time.Millisecond, 0))
	b := start(t, cfg, "b", runs.worker("w", "b", 100*time.Millisecond, 0))
	ctx := context.Background()
	runs.more(t, 10)
	require.NoError(t, a.Pause(ctx, "w"))
	require.Eventually(t, func() bool { return b.Workers()[0].State == core.StatePaused }, patience, time.Millisecond)
	require.NoError(t, b.Resume(ctx, "w"))
	require.NoError(t, errOf(b.Trigger(ctx, "w")))
	runs.more(t, 5)
	stop(t, a)
	stop(t, b)

	other := cfg
	other.Namespace = "payroll"
	why := startFails(t, other, time.Second)
	assert.Contains(t, strings.ToLower(why), "permissions violation")
}
