package nats_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

const ledgerStream = "KV_tickwork_default"

// operator is somebody who makes buckets.
func operator(t *testing.T, s *natstest.Server, options ...natsgo.Option) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect(options...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// kvAdd makes a bucket as nats kv add does.
func kvAdd(t *testing.T, js jetstream.JetStream, change func(*jetstream.KeyValueConfig)) {
	t.Helper()
	cfg := jetstream.KeyValueConfig{Bucket: "tickwork_default"}
	change(&cfg)
	_, err := js.CreateKeyValue(t.Context(), cfg)
	require.NoError(t, err)
}

func configOf(t *testing.T, js jetstream.JetStream) jetstream.StreamConfig {
	t.Helper()
	stream, err := js.Stream(t.Context(), ledgerStream)
	require.NoError(t, err)
	return stream.CachedInfo().Config
}

// runOn has a worker run a few times.
func runOn(t *testing.T, cfg nats.Config) {
	t.Helper()
	cfg.Lease = time.Second
	runs := newRecorder()
	m := start(t, cfg, "a", runs.worker("w", "a", 100*time.Millisecond, 0))
	runs.more(t, 3)
	stop(t, m)
	runs.judge(t)
}

// What a newer version has made is left as it is, and used.
func TestBucketOfANewerVersionIsNotDowngraded(t *testing.T) {
	t.Parallel() // it mostly waits
	s := startServer(t)
	js := operator(t, s)
	kvAdd(t, js, func(c *jetstream.KeyValueConfig) {
		c.Description, c.History = "as newer versions have it", 3
		c.Metadata = map[string]string{"tickwork.version": "2"}
	})
	before := configOf(t, js)
	for _, replicas := range []int{0, 3} { // which this server could not even have
		runOn(t, nats.Config{URL: s.URL(), Replicas: replicas})
		assert.Equal(t, before, configOf(t, js))
	}
}

// A bucket of nobody's is mended: its records are read from the leader.
func TestBucketOfNobodyIsMended(t *testing.T) {
	t.Parallel() // it mostly waits
	s := startServer(t)
	js := operator(t, s)
	kvAdd(t, js, func(c *jetstream.KeyValueConfig) { c.Metadata = map[string]string{"team": "billing"} })
	require.True(t, configOf(t, js).AllowDirect)
	runOn(t, nats.Config{URL: s.URL()})
	got := configOf(t, js)
	assert.False(t, got.AllowDirect)
	assert.Equal(t, "1", got.Metadata["tickwork.version"])
	assert.Equal(t, "billing", got.Metadata["team"])
}

// Replicas are added, and never taken away.
func TestReplicasAreOnlyAdded(t *testing.T) {
	t.Parallel() // it mostly waits
	cluster, err := natstest.NewCluster(3)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cluster.Stop()) })
	js := operator(t, cluster.Servers[0])
	for _, step := range []struct{ config, want int }{{1, 1}, {3, 3}, {1, 3}} {
		runOn(t, nats.Config{URL: cluster.URL(), Replicas: step.config})
		assert.Equal(t, step.want, configOf(t, js).Replicas, "after %d were asked for", step.config)
	}
}

// A bucket that would lose records ends Start at once, and stays as it is.
func TestBucketThatLosesRecordsEndsStart(t *testing.T) {
	for why, change := range map[string]func(*jetstream.KeyValueConfig){
		"forgets its keys after 1h0m0s": func(c *jetstream.KeyValueConfig) { c.TTL = time.Hour },
		"is kept in memory":             func(c *jetstream.KeyValueConfig) { c.Storage = jetstream.MemoryStorage },
	} {
		s := startServer(t)
		js := operator(t, s)
		kvAdd(t, js, change)
		before := configOf(t, js)
		began := time.Now()
		assert.Contains(t, startFails(t, nats.Config{URL: s.URL()}, patience), "the bucket tickwork_default "+why)
		assert.Less(t, time.Since(began), patience/2)
		assert.Equal(t, before, configOf(t, js))
	}
}

// Where instances may not make a bucket, the documented permissions are enough for
// one that was made for them; a bucket that is to be updated needs one more.
func TestPermissionsForABucketThatExists(t *testing.T) {
	t.Parallel() // it mostly waits
	allowed := func(more ...string) *server.Permissions {
		p := documented(t, "default")
		create := slices.IndexFunc(p.Publish.Allow, func(s string) bool { return strings.Contains(s, ".STREAM.CREATE.") })
		require.NotEqual(t, -1, create)
		p.Publish.Allow = append(slices.Delete(p.Publish.Allow, create, create+1), more...)
		return p
	}
	s := startServer(t, users(
		&server.User{Username: "operator", Password: "pw"},
		&server.User{Username: "worker", Password: "pw", Permissions: allowed()},
		&server.User{Username: "updater", Password: "pw", Permissions: allowed("$JS.API.STREAM.UPDATE." + ledgerStream)},
	))
	js := operator(t, s, natsgo.UserInfo("operator", "pw"))
	as := func(user string) nats.Config { return nats.Config{URL: s.URL(), User: user, Password: "pw"} }
	edit := func(allowDirect bool) {
		cfg := configOf(t, js)
		cfg.AllowDirect = allowDirect
		_, err := js.UpdateStream(context.Background(), cfg)
		require.NoError(t, err)
	}

	assert.Contains(t, startFails(t, as("worker"), time.Second), "STREAM.CREATE", "no bucket")
	kvAdd(t, js, func(*jetstream.KeyValueConfig) {})
	why := startFails(t, as("worker"), time.Second)
	assert.Contains(t, why, "STREAM.UPDATE", "a bucket with direct reads")
	assert.Contains(t, why, "allow_direct false")
	edit(false)
	runOn(t, as("worker"))
	edit(true)
	runOn(t, as("updater"))
	runOn(t, as("worker"))
}
