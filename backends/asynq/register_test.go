package asynq_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
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

// The parameters that OpenURL takes, and for which kinds of Redis, as doc.go says
// it.
func TestParametersOfURLs(t *testing.T) {
	one := []string{"redis://host?", "rediss://host?", "unix:///redis.sock?"}
	cluster := []string{"redis-cluster://host?", "rediss-cluster://host?"}
	sentinel := []string{"redis-sentinel://host?master_name=m&", "rediss-sentinel://host?master_name=m&"}
	all := slices.Concat(one, cluster, sentinel)
	for param, takes := range map[string][]string{
		"lease=2s": all, "concurrency=3": all, "poll=20ms": all, "retention=1h": all, "namespace=billing": all,
		"dial_timeout=1s": all, "read_timeout=1s": all, "write_timeout=1s": all,
		"pool_size=3": all, "pool_timeout=1s": all, "pool_fifo=true": all,
		"min_idle_conns=1": all, "max_idle_conns=1": all, "max_active_conns=5": all,
		"conn_max_idle_time=1s": all, "conn_max_lifetime=1s": all,
		"client_name=c": all, "protocol=3": all,
		"db=1":              slices.Concat(one, sentinel),
		"addr=b:7001":       slices.Concat(cluster, sentinel),
		"username=u":        sentinel,
		"password=p":        all, // a key of the section, as in the next two
		"password_file=/p":  all,
		"user=u&password=p": all,
		"skip_verify=true":  {one[1], sentinel[1]},
		"max_retries=3":     nil,
		"max_redirects=3":   nil,
		"read_only=true":    nil,
	} {
		for _, url := range all {
			_, err := backends.OpenURL(t.Context(), url+param, core.Options{})
			assert.Equal(t, slices.Contains(takes, url), err == nil, "%s: %v", url+param, err)
		}
	}
}

// A file limits the runs of a program that does not, and is refused by one that does
// otherwise.
func TestConcurrencyOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tickwork.yaml")
	require.NoError(t, os.WriteFile(file, []byte("{backend: asynq, asynq: {concurrency: 3}}"), 0o600))
	cfg, err := backends.Load(file)
	require.NoError(t, err)
	_, err = backends.Open(t.Context(), cfg, core.Options{})
	require.NoError(t, err)
	_, err = backends.Open(t.Context(), cfg, core.Options{MaxConcurrent: 4})
	require.ErrorContains(t, err, "tickwork.yaml:1:26: asynq.concurrency: 3, but core.Options.MaxConcurrent is 4")
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
