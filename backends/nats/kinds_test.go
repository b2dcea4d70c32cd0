package nats_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/internal/certtest"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// A worker runs over each kind of connection that the configuration knows, and
// Preflight reaches the server.
func TestKindsOfConnection(t *testing.T) {
	t.Parallel() // it mostly waits
	runs := func(t *testing.T, cfg nats.Config) {
		t.Helper()
		cfg.Lease = time.Second
		r := newRecorder()
		m := start(t, cfg, "a", r.worker("w", "a", 100*time.Millisecond, 0))
		r.more(t, 3)
		stop(t, m)
	}

	t.Run("token", func(t *testing.T) {
		s := startServer(t, func(o *server.Options) { o.Authorization = "s3cr3t!" })
		runs(t, nats.Config{URL: s.URL(), Token: "s3cr3t!"})
	})
	t.Run("nkey", func(t *testing.T) {
		user, public := newKey(t, nkeys.CreateUser)
		s := startServer(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
		runs(t, nats.Config{URL: s.URL(), NKey: seedFile(t, user)})
		other, _ := newKey(t, nkeys.CreateUser)
		assert.Contains(t, startFails(t, nats.Config{URL: s.URL(), NKey: seedFile(t, other)}, time.Second), "Authorization Violation")
	})
	t.Run("creds", func(t *testing.T) {
		option, creds := operated(t)
		s := startServer(t, option)
		runs(t, nats.Config{URL: s.URL(), Creds: creds})
	})
	t.Run("tls", func(t *testing.T) {
		cert, key := certtest.New(t)
		s := startServer(t, func(o *server.Options) {
			config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: cert, KeyFile: key, CaFile: cert, Verify: true, Timeout: 2})
			require.NoError(t, err)
			config.MinVersion = tls.VersionTLS13
			o.TLSConfig, o.TLSTimeout = config, 2
		})
		runs(t, nats.Config{URL: s.URL(), TLS: nats.TLS{CA: cert, Cert: cert, Key: key}})
		assert.Contains(t, startFails(t, nats.Config{URL: s.URL()}, time.Second), "certificate", "a server whose certificate nobody knows")
	})
	t.Run("several servers", func(t *testing.T) {
		s := startServer(t)
		runs(t, nats.Config{URL: "nats://127.0.0.1:1," + s.URL()})
	})
	t.Run("lent", func(t *testing.T) {
		s := startServer(t)
		nc, err := natsgo.Connect(s.URL())
		require.NoError(t, err)
		defer nc.Close()
		runs(t, nats.Config{Conn: nc})
		assert.True(t, nc.IsConnected(), "a connection that is lent is not closed")
		assert.LessOrEqual(t, nc.NumSubscriptions(), 1, "subscriptions that are left on it; one is its own, for answers")
	})
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	t.Helper()
	pair, err := create()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	return pair, public
}

func seedFile(t *testing.T, pair nkeys.KeyPair) string {
	t.Helper()
	seed, err := pair.Seed()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "seed.nk")
	require.NoError(t, os.WriteFile(path, seed, 0o600))
	return path
}

// operated has a server believe an operator, and returns the credentials file of a
// user of an account that may use JetStream.
func operated(t *testing.T) (option natstest.Option, creds string) {
	t.Helper()
	operator, operatorID := newKey(t, nkeys.CreateOperator)
	account, accountID := newKey(t, nkeys.CreateAccount)
	_, systemID := newKey(t, nkeys.CreateAccount)
	user, userID := newKey(t, nkeys.CreateUser)

	believed := jwt.NewOperatorClaims(operatorID)
	believed.SystemAccount = systemID
	accounts := &server.MemAccResolver{}
	for _, id := range []string{accountID, systemID} {
		claims := jwt.NewAccountClaims(id)
		if id == accountID {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		token, err := claims.Encode(operator)
		require.NoError(t, err)
		require.NoError(t, accounts.Store(id, token))
	}
	token, err := jwt.NewUserClaims(userID).Encode(account)
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	file, err := jwt.FormatUserConfig(token, seed)
	require.NoError(t, err)
	creds = filepath.Join(t.TempDir(), "user.creds")
	require.NoError(t, os.WriteFile(creds, file, 0o600))
	return func(o *server.Options) {
		o.TrustedOperators = []*jwt.OperatorClaims{believed}
		o.AccountResolver, o.SystemAccount = accounts, systemID
	}, creds
}
