package nats_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// Open, by a URL of several servers of which one is there, to a run.
func TestByURL(t *testing.T) {
	s := startServer(t, users(&server.User{Username: "me", Password: "s3cr3t!"}))
	host := s.URL()[len("nats://"):]
	text := "nats://me:" + secret + "@127.0.0.1:1," + host + "?namespace=billing&lease=1s&replicas=1&storage=memory"
	m, err := backends.OpenURL(t.Context(), text, core.Options{Logger: quiet, Instance: "a"})
	require.NoError(t, err)
	ran := make(chan struct{})
	require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), RunOnStart: true, Run: func(context.Context) error {
		close(ran)
		return nil
	}}))
	require.NoError(t, m.Start(t.Context()))
	<-ran
	stop(t, m)
}

// What looks like another server in a password is none.
func TestByURLWithACommaInThePassword(t *testing.T) {
	for _, password := range []string{"a,b", "12,nats://localhost", "%2C"} {
		s := startServer(t, users(&server.User{Username: "me", Password: password}))
		host := s.URL()[len("nats://"):]
		for _, hosts := range []string{host, "127.0.0.1:1," + host} {
			cfg, err := backends.ParseURL("nats://" + url.UserPassword("me", "").String() + url.QueryEscape(password) + "@" + hosts)
			require.NoError(t, err, password)
			report := backends.Preflight(t.Context(), cfg, core.Options{Logger: quiet}, nil)
			assert.Empty(t, report.Errors, password)
			assert.True(t, report.Reached, password)
		}
	}
}

func TestByURLOfAnAddressWithAZone(t *testing.T) {
	cfg, err := backends.ParseURL("nats://me:" + secret + "@[fe80::1%25eth0]:4222")
	require.NoError(t, err)
	_, err = backends.Open(t.Context(), cfg, core.Options{})
	require.NoError(t, err)
}

func TestByURLWhatIsWrongIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"nats://me:" + secret + "@localhost?replicas=2":   "backends: nats.replicas: 2 is not",
		"nats://me:" + secret + "@localhost?lease=never":  "lease",
		"nats://me:" + secret + "@localhost?storage=disk": "backends: nats.storage: is neither",
		"nats://me:" + secret + "@localhost?bucket=mine":  "bucket",
		"nats://me:" + secret + "@localhost/billing":      "backends: nats.url: has a path or parameters",
		"nats://me:" + secret + "@a,b#billing":            "has a #, and a broker's URL has no fragment",
		"nats://me:" + secret + "@?namespace=billing":     "backends: nats://… has no host",
		"tls://me:" + secret + "@localhost?namespace=a*b": "amespace",
	} {
		_, err := backends.OpenURL(t.Context(), text, core.Options{})
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "s3cr3t")
	}
}

func TestPreflight(t *testing.T) {
	s := startServer(t, users(&server.User{Username: "me", Password: "s3cr3t!"}))
	host := s.URL()[len("nats://"):]
	cfg, err := backends.ParseURL("nats://me:" + secret + "@" + host)
	require.NoError(t, err)
	report := backends.Preflight(t.Context(), cfg, core.Options{Logger: quiet}, nil)
	assert.Empty(t, report.Errors)
	assert.True(t, report.Reached)

	cfg, err = backends.ParseURL("nats://you:" + secret + "@" + host)
	require.NoError(t, err)
	report = backends.Preflight(t.Context(), cfg, core.Options{Logger: quiet}, nil)
	assert.False(t, report.Reached)
	require.Len(t, report.Errors, 1)
	assert.Contains(t, report.Errors[0].Error(), host)
	assert.NotContains(t, report.Errors[0].Error(), "s3cr3t")
}
