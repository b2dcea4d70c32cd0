package backends_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

// What a backend refuses in its own section is told with the line of the key, or
// of the section where it cannot be told which key it is, or with the variable's
// name; and with the backend's name once.
func TestWhatABackendRefusesIsToldWithItsPlace(t *testing.T) {
	for _, c := range []struct{ data, environ, want string }{
		{"backend: asynq\nasynq: {lease: 1ns}", "", "f:2:9: asynq.lease: 1ns is shorter than 1s"},
		{"backend: asynq\nasynq:\n  url: http://me:secret@host", "", "f:3:3: asynq.url: its scheme must be one of redis, "},
		{"backend: asynq\nasynq: {lease: 5s}", "TICKWORK_ASYNQ_LEASE=1ns", "TICKWORK_ASYNQ_LEASE: asynq.lease: 1ns is shorter than 1s"},
		{"backend: asynq\nasynq: {lease: 5s}", "TICKWORK_ASYNQ_POLL=1s", "TICKWORK_ASYNQ_POLL: asynq.poll: 1s is not between "},
		{"backend: nats\nnats:\n  storage: file\n  replicas: 9", "", "f:4:3: nats.replicas: 9 is not 1, 3 or 5"},
		{"backend: nats\nnats:\n  tls:\n    cert: a.pem", "", "f:4:5: nats.tls.cert: is given without a Key"},
		{"backend: nats\nnats:\n  lease: 5s", "TICKWORK_NATS_TLS_KEY=a.pem", "TICKWORK_NATS_TLS_KEY: nats.tls.key: is given without a Cert"},
		{"backend: nats\nnats: {user: me, token: secret}", "", "f:2:8: nats.user: set one of them, 2 are set (user, token, creds, nkey)\n" +
			"f:2:18: nats.token: set one of them, 2 are set (user, token, creds, nkey)"},
		{"backend: nats\nnats:\n  creds: file", "TICKWORK_NATS_TOKEN=secret", "TICKWORK_NATS_TOKEN: nats.token: set one of them, 2 are set (user, token, creds, nkey)\n" +
			"f:3:3: nats.creds: set one of them, 2 are set (user, token, creds, nkey)"},
		{"backend: nats\nnats: {replicas: 2, storage: disk}", "", "f:2:8: nats.replicas: 2 is not 1, 3 or 5\nf:2:21: nats.storage: is neither "},
		// One that says a text alone.
		{"backend: fakeredis\nfakeredis: {lease: -1s}", "", "f:2:1: fakeredis: lease must not be negative"},
		{"backend: fakeredis\nfakeredis: {queues: 1}", "TICKWORK_FAKEREDIS_LEASE=-1s", "f:2:1: fakeredis: lease must not be negative"},
		{"backend: fakeredis", "TICKWORK_FAKEREDIS_LEASE=-1s", "TICKWORK_FAKEREDIS_LEASE: fakeredis: lease must not be negative"},
	} {
		cfg, err := backends.LoadFrom("f", c.data, c.environ)
		require.NoError(t, err, c.data)
		_, err = backends.Open(t.Context(), cfg, quiet)
		if assert.ErrorContains(t, err, c.want, c.data) {
			assert.Equal(t, c.want, err.Error()[:len(c.want)])
			assert.NotContains(t, err.Error(), "secret")
		}
		var e *backends.Error
		assert.ErrorAs(t, err, &e)
		assert.Equal(t, backends.Preflight(t.Context(), cfg, quiet, nil).Err().Error(), err.Error())
	}

	cfg, err := backends.LoadFrom("f", "backend: asynq\nasynq: {poll: 1s}")
	require.NoError(t, err)
	cfg.Set("asynq", asynq.Config{Lease: time.Nanosecond})
	_, err = backends.Open(t.Context(), cfg, quiet)
	var field *core.ConfigError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "Lease", field.Field)
	assert.EqualError(t, err, "backends: asynq.lease: 1ns is shorter than 1s", "the program's own")
	cfg = backends.Config{Backend: "nats"}
	cfg.Set("nats", nats.Config{User: "me", Token: "secret"})
	_, err = backends.Open(t.Context(), cfg, quiet)
	assert.EqualError(t, err, "backends: nats: User, Token, Creds, NKey: set one of them, 2 are set", "the program's own, which has no line")
	_, err = backends.OpenURL(t.Context(), "redis://host?lease=1ns", quiet)
	assert.EqualError(t, err, "backends: asynq.lease: 1ns is shorter than 1s")
}

// A broker that is not reached is told with the backend's name once, too.
func TestWhoIsNotReachedIsNamedOnce(t *testing.T) {
	for backend, url := range map[string]string{"asynq": "redis://127.0.0.1:1", "nats": "nats://127.0.0.1:1"} {
		cfg, err := backends.ParseURL(url)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = backends.Preflight(ctx, cfg, quiet, nil).Err()
		cancel()
		require.ErrorContains(t, err, "backends: "+backend+": ")
		assert.NotContains(t, err.Error(), backend+": "+backend)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	}
}
