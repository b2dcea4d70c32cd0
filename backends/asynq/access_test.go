package asynq_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/certtest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// awkward is a password that no URL can have as it is.
const awkward = "s3cret#?/@:%41 ,&+"

// written returns the path of a file with a text and a line end.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// reaches asserts that Redis is reached, or refuses.
func reaches(t *testing.T, cfg asynq.Config, refuses string) {
	t.Helper()
	var err error
	for wait := 300 * time.Millisecond; wait < 30*time.Second; wait *= 4 { // a busy machine takes longer
		if refuses == "" {
			wait = 20 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		err = asynq.Reach(ctx, cfg)
		cancel()
		if err == nil || refuses != "" && strings.Contains(err.Error(), refuses) {
			break
		}
	}
	if refuses == "" {
		assert.NoError(t, err)
	} else if assert.ErrorContains(t, err, refuses) {
		assert.NotContains(t, err.Error(), "s3cr")
	}
}

func TestAUserAndAPasswordBesideTheURL(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("operator", awkward)
	host := "redis://" + server.Addr()
	reaches(t, asynq.Config{URL: host, User: "operator", Password: awkward}, "")
	reaches(t, asynq.Config{URL: host, User: "operator", PasswordFile: written(t, awkward)}, "")
	reaches(t, asynq.Config{URLFile: written(t, host), User: "operator", PasswordFile: written(t, awkward)}, "")
	reaches(t, asynq.Config{URLFile: written(t, "redis://operator:s3cret%23%3F%2F%40%3A%2541%20%2C%26%2B@"+server.Addr())}, "")
	reaches(t, asynq.Config{URL: host, User: "operator", Password: "s3cret"}, "WRONGPASS")
	reaches(t, asynq.Config{URL: host, User: "operator", PasswordFile: written(t, "s3cret")}, "WRONGPASS")
	reaches(t, asynq.Config{URL: host}, "NOAUTH")
	reaches(t, asynq.Config{URLFile: written(t, "redis://operator:"+awkward+"@"+server.Addr())}, "asynq: URL: cannot be read for certain")
	reaches(t, asynq.Config{URLFile: written(t, "redis://operator:s3cret@"+server.Addr()), Password: awkward}, "asynq: Password: the URL has a user or a password, and")

	alone := miniredis.RunT(t) // with a password and no users
	alone.RequireAuth(awkward)
	reaches(t, asynq.Config{URL: "redis://" + alone.Addr(), PasswordFile: written(t, awkward)}, "")
}

// The file and the environment give the same as the program.
func TestAPasswordByConfiguration(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("operator", awkward)
	host, file := "redis://"+server.Addr(), written(t, awkward)
	yaml := func(lines ...string) string {
		path := filepath.Join(t.TempDir(), "tickwork.yaml")
		require.NoError(t, os.WriteFile(path, []byte("backend: asynq\nasynq:\n  url: "+host+"\n  "+strings.Join(lines, "\n  ")), 0o600))
		return path
	}
	for name, c := range map[string]struct {
		path string
		env  map[string]string
	}{
		"file":                     {path: yaml("user: operator", "password: '"+awkward+"'")},
		"file, password in a file": {path: yaml("user: operator", "password_file: "+file)},
		"environment":              {path: yaml(), env: map[string]string{"USER": "operator", "PASSWORD": awkward}},
		"environment, in files":    {path: yaml("user: operator"), env: map[string]string{"PASSWORD_FILE": file}},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv("TICKWORK_ASYNQ_"+key, value)
			}
			cfg, err := backends.Load(c.path)
			require.NoError(t, err)
			report := backends.Preflight(t.Context(), cfg, quiet("a"), nil)
			require.NoError(t, report.Err())
			assert.True(t, report.Reached)
		})
	}
	cfg, err := backends.ParseURL(host + "?user=operator&password_file=" + file)
	require.NoError(t, err)
	assert.NoError(t, backends.Preflight(t.Context(), cfg, quiet("a"), nil).Err())

	cfg, err = backends.Load(yaml("user: operator", "password_file: /nowhere/password"))
	require.NoError(t, err)
	err = backends.Preflight(t.Context(), cfg, quiet("a"), nil).Err()
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "tickwork.yaml:5:3: asynq.password_file: read /nowhere/password: ")
}

// Start says which file it could not read, and for which field, at once.
func TestStartNamesTheFileThatItCannotRead(t *testing.T) {
	empty, cert := written(t, ""), written(t, "s3cret")
	for want, cfg := range map[string]asynq.Config{
		"asynq: PasswordFile: read /nowhere/p: ":                              {PasswordFile: "/nowhere/p"},
		"asynq: PasswordFile: read " + empty + ": it is empty":                {PasswordFile: empty},
		"asynq: URLFile: read /nowhere/url: ":                                 {URLFile: "/nowhere/url"},
		"asynq: TLS.CA: read " + cert + ": it has no certificate":             {URL: "rediss://host", TLS: asynq.TLS{CA: cert}},
		"asynq: TLS.Cert: read the certificate " + cert + " and the key /n/k": {URL: "rediss://host", TLS: asynq.TLS{Cert: cert, Key: "/n/k"}},
	} {
		m, err := asynq.New(cfg, quiet("a"))
		require.NoError(t, err, "New reads no file")
		began := time.Now()
		err = m.Start(t.Context())
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "s3cr")
		assert.Less(t, time.Since(began), 5*time.Second)
	}
}

// Some servers and proxies quote the arguments of a command that they do not know,
// the password among them, or the beginning of it.
func TestWhatAServerQuotesIsStruckOut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				for asked := make([]byte, 4096); ; {
					n, err := conn.Read(asked)
					if err != nil {
						return
					}
					quoted := strings.Join(strings.Fields(string(asked[:n])), "` `")
					for range bytes.Count(asked[:n], []byte("*")) {
						_, _ = io.WriteString(conn, "-ERR unknown command, with args beginning with: `"+quoted+"`\r\n")
					}
				}
			})
		}
	})
	t.Cleanup(conns.Wait)
	t.Cleanup(func() { listener.Close() })
	for _, cfg := range []asynq.Config{
		{URL: "redis://operator:s3cretpassword@" + listener.Addr().String()},
		{URL: "redis://" + listener.Addr().String(), Password: "s3cretpassword"},
		{URL: "redis-cluster://" + listener.Addr().String(), PasswordFile: written(t, "s3cretpassword")},
		{URL: "redis-sentinel://:s3cretpassword@" + listener.Addr().String() + "?master_name=m"},
	} {
		var log lockedBuffer
		opts := core.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		m, err := asynq.New(cfg, opts)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		err = m.Start(ctx)
		cancel()
		require.Error(t, err)
		assert.NotContains(t, fmt.Sprintf("%v%+v%s", err, err, log.String()), "s3cr")
		assert.NotContains(t, err.Error()+log.String(), "word")
		if !strings.Contains(cfg.URL, "sentinel") {
			assert.ErrorContains(t, err, "unknown command")
		}
	}
}

func TestTLSByConfiguration(t *testing.T) {
	cert, key := certtest.New(t)
	server := redistest.Real(t, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "optional")
	both := asynq.TLS{CA: cert, Cert: cert, Key: key}
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr, TLS: both}, "")
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr, TLS: asynq.TLS{CA: cert, Cert: cert, Key: key, ServerName: "redis.internal"}}, "redis.internal")
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr, TLS: asynq.TLS{Cert: cert, Key: key}}, "unknown authority")
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr, TLS: asynq.TLS{CA: cert}}, "")
}

// A miniredis can be made to require a client's certificate.
func TestTLSOfAServerInTheProcess(t *testing.T) {
	cert, key := certtest.New(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	server := miniredis.NewMiniRedis()
	require.NoError(t, server.StartTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}))
	t.Cleanup(server.Close)
	both := asynq.TLS{CA: cert, Cert: cert, Key: key}
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr(), TLS: both}, "")
	reaches(t, asynq.Config{URL: "rediss-cluster://" + server.Addr(), TLS: both}, "")
	reaches(t, asynq.Config{URL: "rediss://" + strings.Replace(server.Addr(), "127.0.0.1", "localhost", 1), TLS: both}, "localhost")
	both.ServerName = "127.0.0.1"
	reaches(t, asynq.Config{URL: "rediss://" + strings.Replace(server.Addr(), "127.0.0.1", "localhost", 1), TLS: both}, "")
	both.ServerName = "redis.internal"
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr(), TLS: both}, "redis.internal")
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr(), TLS: asynq.TLS{Cert: cert, Key: key}}, "unknown authority")
	reaches(t, asynq.Config{URL: "rediss://" + server.Addr(), TLS: asynq.TLS{CA: cert}}, "certificate required")
}

// A Config that is printed shows no secret.
func TestAConfigShowsNoSecret(t *testing.T) {
	cfg := asynq.Config{URL: "redis://u:s3cret@host", Password: "s3cret", Namespace: "redis://s3cret"}
	var b bytes.Buffer
	for _, v := range []any{cfg, &cfg, []asynq.Config{cfg}, struct{ C asynq.Config }{cfg}} {
		fmt.Fprintf(&b, "%v%+v%#v%s%q%x", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "config", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", v)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		b.Write(text)
	}
	assert.NotContains(t, b.String(), "s3cret")
	assert.Contains(t, b.String(), `asynq: a URL, namespace "(not a namespace)"`)
}
