package asynq_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

func TestRegistered(t *testing.T) {
	for _, scheme := range asynq.Schemes() {
		url := map[string]string{
			"unix":            "unix:///run/redis.sock?db=1",
			"redis-sentinel":  "redis-sentinel://a:1,b:2/0?master_name=m&password=s3cret",
			"rediss-sentinel": "rediss-sentinel://a:1?master_name=m",
		}[scheme]
		if url == "" {
			url = scheme + "://user:s3cret@host:6379?read_timeout=1s"
		}
		_, err := backends.OpenURL(t.Context(), url, core.Options{})
		assert.NoError(t, err, scheme)
	}
	for _, url := range []string{
		"redis://user:s3cret@host?lease=1ms",
		"redis://user:s3cret@host/s3cret",
		"redis-sentinel://host?password=s3cret",
	} {
		_, err := backends.OpenURL(t.Context(), url, core.Options{})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestPreflight(t *testing.T) {
	server := redistest.Real(t)
	cfg, err := backends.ParseURL(server.URL + "?lease=1s")
	require.NoError(t, err)
	report := backends.Preflight(t.Context(), cfg, core.Options{}, nil)
	assert.True(t, report.Reached)
	assert.Empty(t, report.Errors)

	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	report = backends.Preflight(ctx, cfg, core.Options{}, nil)
	assert.False(t, report.Reached)
	require.Len(t, report.Errors, 1)
	assert.ErrorContains(t, report.Errors[0], server.Addr)
}
