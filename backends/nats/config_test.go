package nats_test

import (
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

func TestWhatCannotBeRightIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   nats.Config
		field string
	}{
		"a scheme of another broker":   {nats.Config{URL: "redis://localhost"}, "URL"},
		"a URL that cannot be read":    {nats.Config{URL: "nats://user:s3cr%zzet@localhost"}, "URL"},
		"a URL without a host":         {nats.Config{URL: "nats://"}, "URL"},
		"a URL with a path":            {nats.Config{URL: "nats://localhost/s3cret"}, "URL"},
		"a URL with a fragment":        {nats.Config{URL: "nats://localhost#s3cret"}, "URL"},
		"a URL with parameters":        {nats.Config{URL: "nats://one,nats://two?lease=s3cret"}, "URL"},
		"a bad one of several":         {nats.Config{URL: "nats://one:4222,http://two"}, "URL"},
		"a connection and a URL":       {nats.Config{Conn: &natsgo.Conn{}, URL: "nats://localhost"}, "Conn"},
		"a connection and options":     {nats.Config{Conn: &natsgo.Conn{}, Options: []natsgo.Option{natsgo.NoEcho()}}, "Conn"},
		"a password of nobody":         {nats.Config{Password: "s3cret"}, "Password"},
		"a token and a user":           {nats.Config{Token: "s3cret", User: "me"}, "Token"},
		"a user in the URL and nkey":   {nats.Config{URL: "nats://me:s3cret@localhost", NKey: "nats.seed"}, "URL"},
		"a user in one of two URLs":    {nats.Config{URL: "nats://me:s3cret@one,nats://two"}, "URL"},
		"a seed where its file should": {nats.Config{NKey: "SUACS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRET"}, "NKey"},
		"creds where their file":       {nats.Config{Creds: "-----BEGIN NATS USER JWT-----\ns3cret"}, "Creds"},
		"a seed in quotes":             {nats.Config{NKey: `"SUACS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRET"`}, "NKey"},
		"creds in base 64":             {nats.Config{Creds: "LS0tLS1CRUdJTis3cret"}, "Creds"},
		"a PEM's body":                 {nats.Config{TLS: nats.TLS{Cert: "cert.pem", Key: "MIIEs3cret" + strings.Repeat("A", 40)}}, "TLS.Key"},
		"a JWT where its file":         {nats.Config{Creds: "eyJs3cret"}, "Creds"},
		"a key where its file":         {nats.Config{TLS: nats.TLS{Cert: "cert.pem", Key: "s3cret\ns3cret"}}, "TLS.Key"},
		"an unescaped comma":           {nats.Config{URL: "nats://me:1,s3cret@localhost"}, "URL"},
		"a # in a password":            {nats.Config{URL: "nats://me:12#s3cret@localhost"}, "URL"},
		"two users":                    {nats.Config{URL: "nats://me:s3cret@one,nats://you:s3cret@two"}, "URL"},
		"a user in the URL and beside": {nats.Config{URL: "nats://me:s3cret@localhost", User: "me", Password: "s3cret"}, "URL"},
		"a user in the URL and creds":  {nats.Config{URL: "nats://me:s3cret@localhost", Creds: "nats.creds"}, "URL"},
		"a password and its file":      {nats.Config{User: "me", Password: "s3cret", PasswordFile: "p"}, "PasswordFile"},
		"a password file of nobody":    {nats.Config{PasswordFile: "p"}, "PasswordFile"},
		"a token and its file":         {nats.Config{Token: "s3cret", TokenFile: "p"}, "TokenFile"},
		"a token file and a user":      {nats.Config{TokenFile: "p", User: "me"}, "Token"},
		"a URL and its file":           {nats.Config{URL: "nats://localhost", URLFile: "p"}, "URLFile"},
		"a URL where its file should":  {nats.Config{URLFile: "nats://me:s3cret@localhost"}, "URLFile"},
		"a connection and a URL file":  {nats.Config{Conn: &natsgo.Conn{}, URLFile: "p"}, "Conn"},
		"a certificate without a key":  {nats.Config{TLS: nats.TLS{Cert: "cert.pem"}}, "TLS"},
		"a namespace with a wildcard":  {nats.Config{Namespace: "all.>"}, "Namespace"},
		"a namespace with a space":     {nats.Config{Namespace: "my app"}, "Namespace"},
		"a namespace that is too long": {nats.Config{Namespace: strings.Repeat("n", 65)}, "Namespace"},
		"two replicas":                 {nats.Config{Replicas: 2}, "Replicas"},
		"negative replicas":            {nats.Config{Replicas: -1}, "Replicas"},
		"a storage that there is not":  {nats.Config{Storage: "disk"}, "Storage"},
		"a negative lease":             {nats.Config{Lease: -time.Second}, "Lease"},
		"a lease of no time":           {nats.Config{Lease: time.Microsecond}, "Lease"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := nats.New(c.cfg, core.Options{})
			require.Error(t, err)
			assert.Nil(t, m)
			assert.Contains(t, err.Error(), c.field)
			assert.NotContains(t, strings.ToLower(err.Error()), "s3cr")
		})
	}
}

func TestEngineSaysWhatItsLedgerCanLose(t *testing.T) {
	for want, cfg := range map[string]nats.Config{
		"a server that loses power":       {},
		"servers that lose power at once": {Replicas: 3},
		"in memory":                       {Storage: "memory", Replicas: 3},
	} {
		engine, err := nats.NewEngine(cfg)
		require.NoError(t, err)
		f := engine.Features()
		assert.Equal(t, "nats", f.Engine)
		assert.Contains(t, f.Loses, want)
		assert.Equal(t, nats.DefaultLease+5*time.Second, f.Failover)
	}
}
