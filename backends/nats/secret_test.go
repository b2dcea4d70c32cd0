package nats_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/certtest"
)

// awkward is a password that no URL can have as it is.
const awkward = "s3cr3t#?/@:%41 ,&+"

// written returns the path of a file with a text and a line end.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// reaches asserts that the server is reached with a configuration, given by the
// program.
func reaches(t *testing.T, cfg nats.Config) {
	t.Helper()
	c := backends.Config{Backend: "nats"}
	c.Set("nats", cfg)
	assert.NoError(t, backends.Preflight(t.Context(), c, core.Options{Logger: quiet}, nil).Err())
}

func TestSecretsInFiles(t *testing.T) {
	s := startServer(t, users(&server.User{Username: "me", Password: awkward}))
	host := strings.TrimPrefix(s.URL(), "nats://")
	reaches(t, nats.Config{URL: s.URL(), User: "me", Password: awkward})
	reaches(t, nats.Config{URL: s.URL(), User: "me", PasswordFile: written(t, awkward)})
	reaches(t, nats.Config{URLFile: written(t, host), User: "me", PasswordFile: written(t, awkward)})
	reaches(t, nats.Config{URLFile: written(t, "nats://me:s3cr3t%23%3F%2F%40%3A%2541%20%2C%26%2B@"+host)})

	tokens := startServer(t, func(o *server.Options) { o.Authorization = awkward })
	reaches(t, nats.Config{URL: tokens.URL(), TokenFile: written(t, awkward)})

	path := filepath.Join(t.TempDir(), "tickwork.yaml")
	require.NoError(t, os.WriteFile(path, []byte("backend: nats\nnats:\n  url: "+s.URL()+"\n  user: me\n"), 0o600))
	t.Setenv("TICKWORK_NATS_PASSWORD_FILE", written(t, awkward))
	cfg, err := backends.Load(path)
	require.NoError(t, err)
	assert.NoError(t, backends.Preflight(t.Context(), cfg, core.Options{Logger: quiet}, nil).Err())
}

// Start says which file it could not read, and for which field, at once.
func TestStartNamesTheFileThatItCannotRead(t *testing.T) {
	empty, wrong := written(t, ""), written(t, "s3cr3t")
	for want, cfg := range map[string]nats.Config{
		"nats: PasswordFile: read /nowhere/p: ":                              {User: "me", PasswordFile: "/nowhere/p"},
		"nats: PasswordFile: read " + empty + ": it is empty":                {User: "me", PasswordFile: empty},
		"nats: TokenFile: read /nowhere/t: ":                                 {TokenFile: "/nowhere/t"},
		"nats: URLFile: read /nowhere/url: ":                                 {URLFile: "/nowhere/url"},
		"nats: URL: cannot be read for certain":                              {URLFile: written(t, "nats://me:"+awkward+"@host")},
		"nats: URL: has a user or a token":                                   {URLFile: written(t, "nats://me:s3cr3t@host"), Token: "s3cr3t"},
		"nats: Creds: read /nowhere/creds: ":                                 {Creds: "/nowhere/creds"},
		"nats: NKey: read " + empty + ": it is empty":                        {NKey: empty},
		"nats: NKey: read " + wrong + ": ":                                   {NKey: wrong},
		"nats: TLS.CA: read " + wrong + ": it has no certificate":            {TLS: nats.TLS{CA: wrong}},
		"nats: TLS.Cert: read the certificate " + wrong + " and the key /n/": {TLS: nats.TLS{Cert: wrong, Key: "/n/k"}},
	} {
		assert.Contains(t, startFails(t, cfg, time.Second), want)
	}

	cfg, err := backends.ParseURL("nats://localhost?creds=/nowhere/creds")
	require.NoError(t, err)
	err = backends.Preflight(t.Context(), cfg, core.Options{Logger: quiet}, nil).Err()
	assert.ErrorContains(t, err, "backends: nats.creds: read /nowhere/creds: ")
}

func TestTheNameInTheServersCertificate(t *testing.T) {
	cert, key := certtest.New(t)
	s := startServer(t, func(o *server.Options) {
		config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: cert, KeyFile: key, CaFile: cert, Timeout: 2})
		require.NoError(t, err)
		o.TLSConfig, o.TLSTimeout = config, 2
	})
	other := strings.Replace(s.URL(), "127.0.0.1", "localhost", 1)
	reaches(t, nats.Config{URL: other, TLS: nats.TLS{CA: cert, ServerName: "127.0.0.1"}})
	assert.Contains(t, startFails(t, nats.Config{URL: other, TLS: nats.TLS{CA: cert}}, time.Second), "localhost")
	assert.Contains(t, startFails(t, nats.Config{URL: s.URL(), TLS: nats.TLS{CA: cert, ServerName: "nats.internal"}}, time.Second), "nats.internal")
}

// A Config that is printed shows no secret.
func TestAConfigShowsNoSecret(t *testing.T) {
	cfg := nats.Config{URL: "nats://me:s3cr3t@host", User: "me", Password: "s3cr3t", Token: "s3cr3t", Namespace: "nats://s3cr3t"}
	var b bytes.Buffer
	for _, v := range []any{cfg, &cfg, []nats.Config{cfg}, struct{ C nats.Config }{cfg}} {
		fmt.Fprintf(&b, "%v%+v%#v%s%q%x", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "config", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", v)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		b.Write(text)
	}
	assert.NotContains(t, b.String(), "s3cr3t")
	assert.Contains(t, b.String(), `nats: a URL, namespace "(not a namespace)"`)
}
