package asynq_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/certtest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

func TestConfigIsValidatedAtTheDoor(t *testing.T) {
	lent := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	defer lent.Close()
	careless := redis.NewClient(&redis.Options{})
	defer careless.Close()
	far := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"host:1"}, ContextTimeoutEnabled: true, RouteByLatency: true})
	defer far.Close()
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "host:1"}, ContextTimeoutEnabled: true})
	defer ring.Close()
	for want, cfg := range map[string]asynq.Config{
		"Client: a Ring takes another server":     {Client: ring},
		"Lease: 999ms is shorter than 1s":         {Lease: 999 * time.Millisecond},
		"Poll: 2s is not between 10ms and":        {Poll: 2 * time.Second},
		"Poll: 1ms is not between 10ms and":       {Poll: time.Millisecond},
		"Concurrency: must not be negative, got":  {Concurrency: -1},
		"Retention: 1ms is shorter":               {Retention: time.Millisecond},
		`Namespace: "a}b" is not`:                 {Namespace: "a}b"},
		"Namespace":                               {Namespace: strings.Repeat("n", 65)},
		"URL: its scheme must be one of redis":    {URL: "http://localhost"},
		"URL: cannot be read for certain; escape": {URL: "redis://user:se%cret@host"},
		"URL: cannot be read for certain":         {URL: "redis://se/secret@host"},
		"URL: its path must be the number":        {URL: "redis://user:se%2Fcret@host/zero"},
		"URL: has no host":                        {URL: "redis://"},
		"URL: has a parameter twice":              {URL: "redis://:secret@host?db=1&db=2"},
		"URL: has a host, but the URL of a sock":  {URL: "unix://run/redis.sock"},
		"URL: has no path of a socket":            {URL: "unix://"},
		"URL: has a user and no password":         {URL: "redis://secret@host"},
		"URL: has an unknown parameter, which is": {URL: "redis-sentinel://host?master_name=m&password=a&secret=b"},
		"which only a Sentinel's URL":             {URL: "redis://host?password=secret"},
		"Password: the URL has a user or":         {URL: "redis://user:secret@host", Password: "secret"},
		"Password: the URL has a user or a":       {URL: "redis-sentinel://host?master_name=m&password=secret", Password: "secret"},
		"User: is set without a Password":         {User: "user"},
		"PasswordFile: is set together with P":    {Password: "secret", PasswordFile: "f"},
		"URLFile: is set together with U":         {URL: "redis://host", URLFile: "f"},
		"PasswordFile: must be the path of a":     {PasswordFile: "redis://:secret@host"},
		"TLS.Key: must be the path of a file":     {TLS: asynq.TLS{Cert: "c.pem", Key: "-----BEGIN KEY-----\nsecret"}},
		"TLS.Cert: is set without a Key":          {URL: "rediss://host", TLS: asynq.TLS{Cert: "c.pem"}},
		"TLS.Key: is set without a Cert":          {URL: "rediss://host", TLS: asynq.TLS{Key: "k.pem"}},
		"TLS: is set, but the scheme of the URL":  {URL: "redis://host", TLS: asynq.TLS{CA: "ca.pem"}},
		"TLS: is set, but the scheme of the":      {URL: "unix:///run/redis.sock", TLS: asynq.TLS{ServerName: "x"}},
		"Client: is set together with settings":   {Client: lent, PasswordFile: "f"},
		"Namespace: looks like a URL":             {Namespace: "redis://:secret@host"},
		"URL: has no parameter master_name":       {URL: "redis-sentinel://host"},
		"unknown parameter: colour":               {URL: "redis://host?colour=red"},
		"Client: is set together with se":         {URL: "redis://host", Client: lent},
		"its ContextTimeoutEnabled must be true":  {Client: careless},
		"Client: would have records read":         {Client: far},
		"URL: its parameter read_timeout cannot":  {URL: "redis://host?read_timeout=soon"},
		"URL: has a further host, after a comma":  {URL: "redis-cluster://host?addr=host"},
		"URL: has a further host, after a comma ": {URL: "redis-cluster://host:1,host"},
		"from replicas, which lag behind: read":   {URL: "redis-cluster://host?read_only=true"},
		"from replicas, which lag behind":         {URL: "redis-cluster://host?route_by_latency=true"},
		"replica_only":                            {URL: "redis-sentinel://host?master_name=m&replica_only=true"},
		"and route_randomly must be off":          {URL: "redis-sentinel://host?master_name=m&route_randomly=true"},
	} {
		_, err := asynq.New(cfg, core.Options{})
		if assert.ErrorContains(t, err, want) {
			assert.NotContains(t, err.Error(), "cret", "a password")
			assert.True(t, strings.HasPrefix(err.Error(), "asynq: "), err)
		}
	}
	for _, cfg := range []asynq.Config{
		{},
		{Client: lent},
		{URL: "redis://user:password@host:6379/3", Namespace: "billing", Lease: time.Second, Poll: 100 * time.Millisecond},
		{URL: "rediss://host"},
		{URL: "unix:///run/redis.sock?db=2"},
		{URL: "redis-cluster://a:7000,b:7001/?addr=c:7002"},
		{URL: "redis://host", User: "user", Password: "p@#?/:ss"},
		{Password: "p"},
		{PasswordFile: "read by Start"},
		{URLFile: "read by Start", PasswordFile: "read by Start"},
		{URL: "rediss://host", TLS: asynq.TLS{CA: "read by Start", Cert: "c.pem", Key: "k.pem", ServerName: "redis.internal"}},
		{URL: "redis-sentinel://:p%40ss@a:26379?master_name=m", User: "user", PasswordFile: "read by Start"},
		{URL: "rediss-sentinel://a:26379,b:26379/0?master_name=m&username=u&password=p"},
	} {
		_, err := asynq.New(cfg, core.Options{})
		assert.NoError(t, err)
	}
}

// What a file and the program say of concurrent runs is one and the same.
func TestConcurrencyIsMaxConcurrent(t *testing.T) {
	for _, c := range []struct {
		file, program int
		good          bool
	}{{0, 0, true}, {3, 0, true}, {0, 3, true}, {3, 3, true}, {3, -1, true}, {3, 4, false}, {4, 3, false}} {
		_, err := asynq.New(asynq.Config{Concurrency: c.file}, core.Options{MaxConcurrent: c.program})
		if c.good {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, fmt.Sprintf("asynq: Concurrency: %d, but core.Options.MaxConcurrent is %d: they say the same, and one is enough", c.file, c.program))
		}
	}
}

// Start tells what it tried to reach, and why that failed, without the password
// (STA-6).
func TestStartTellsWhatItCannotReach(t *testing.T) {
	server := redistest.Real(t, "--requirepass", "right")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := free.Addr().String()
	free.Close()
	for _, c := range []struct{ url, address, why string }{
		{"redis://user:s3cret@" + nobody, nobody, "connection refused"},
		{"redis://:s3cret@" + server.Addr, server.Addr, "WRONGPASS"},
		{"redis://" + server.Addr, server.Addr, "NOAUTH"},
		{"redis-cluster://:s3cret@" + nobody, nobody, "connection refused"},
		{"redis-sentinel://:s3cret@" + nobody + "?master_name=m&password=s3cret", nobody, "m of the Sentinels"},
	} {
		var log bytes.Buffer
		opts := core.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		m, err := asynq.New(asynq.Config{URL: c.url}, opts)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = m.Start(ctx)
		cancel()
		require.Error(t, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for _, want := range []string{c.address, c.why} {
			assert.Contains(t, err.Error(), want)
		}
		assert.NotContains(t, err.Error()+log.String(), "s3cret")
		assert.Contains(t, log.String(), "Redis is not reached yet")
	}
}

// The last try is cut short by the deadline, and what is told is why those before it
// failed.
func TestStartTellsWhyTheTriesFailedThatWereNotCutShort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	conns.Go(func() {
		for refuse := true; ; refuse = false { // the first, and what comes then is not answered
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				for asked := make([]byte, 1024); ; {
					n, err := conn.Read(asked)
					if err != nil {
						return
					}
					if refuse {
						commands := bytes.Count(asked[:n], []byte("*"))
						_, _ = io.WriteString(conn, strings.Repeat("-NOAUTH Authentication required.\r\n", commands))
						if bytes.Contains(asked[:n], []byte("ping")) {
							return
						}
					}
				}
			})
		}
	})
	t.Cleanup(conns.Wait)
	t.Cleanup(func() { listener.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = asynq.Reach(ctx, asynq.Config{URL: "redis://" + listener.Addr().String()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "NOAUTH")
}

// A Redis that comes up while Start waits for it is found.
func TestStartWaitsForRedis(t *testing.T) {
	server := redistest.Real(t)
	server.Kill()
	time.AfterFunc(300*time.Millisecond, func() { _ = server.Start() })
	r := newRecord()
	real(t, asynq.Config{URL: server.URL, Lease: time.Second}, quiet("a"), every(1, 100*time.Millisecond, r.run("a"))...)
	eventually(t, 5*time.Second, "a slot runs", func() bool { return r.count() > 0 })
}

// acl is what a user needs, as doc.go says it.
const acl = `~tickwork:{tickwork}:* ~asynq:{tickwork}:* ~asynq:queues ~asynq:servers* ~asynq:workers*
	+@connection +evalsha +eval +time
	+hset +hget +hmget +hgetall +hdel +exists +del +get +set +setex +incr +expire +expireat
	+lpush +rpush +lrem +lrange +rpoplpush +sadd +smembers +zadd +zrem +zrange +zrangebyscore +zremrangebyscore +zremrangebyrank`

// clusterACL is what a Redis Cluster's needs besides.
const clusterACL = "+cluster|slots"

// A user who may do nothing else is enough, with a user name, which asynq's own
// reading of URLs drops.
func TestAMinimalUser(t *testing.T) {
	t.Parallel() // it mostly waits
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	flat := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "//", " ")), " ") }
	require.Contains(t, flat(string(doc)), flat(acl), "the ACL in doc.go")
	require.Contains(t, string(doc), clusterACL, "the ACL in doc.go")
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		server := redistest.Real(t)
		minimalUser(t, server, acl)
		minimalUserRuns(t, server, "redis://tick:s3cret@"+server.Addr)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		server := lonelyCluster(t)
		minimalUser(t, server, acl+" "+clusterACL)
		minimalUserRuns(t, server, "redis-cluster://tick:s3cret@"+server.Addr)
	})
}

// minimalUser adds a user who may do what an ACL says.
func minimalUser(t *testing.T, server *redistest.Server, acl string) {
	t.Helper()
	args := []any{"ACL", "SETUSER", "tick", "on", ">s3cret"}
	for field := range strings.FieldsSeq(acl) {
		args = append(args, field)
	}
	require.NoError(t, clientOf(t, server.URL).Do(t.Context(), args...).Err())
}

// minimalUserRuns has the user do all there is, and nothing denied.
func minimalUserRuns(t *testing.T, server *redistest.Server, url string) {
	t.Helper()
	log := &lockedBuffer{}
	opts := quiet("a")
	opts.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := newRecord()
	workers := every(1, 100*time.Millisecond, r.run("a"))
	workers = append(workers, core.Worker{Name: "bad", Schedule: core.Every(100 * time.Millisecond),
		Run: func(context.Context) error { return context.Canceled }})
	m := real(t, asynq.Config{URL: url, Lease: time.Second}, opts, workers...)
	eventually(t, 5*time.Second, "slots run", func() bool { return r.count() > 3 })
	require.NoError(t, m.Pause(t.Context(), "bad"))
	require.NoError(t, errOf(m.Trigger(t.Context(), "bad")))
	time.Sleep(9 * time.Second) // what asynq does every eight seconds, too
	stop(t, m)
	assert.NotContains(t, log.String(), "s3cret")
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "NOPERM") && !strings.Contains(line, "maxmemory-policy") {
			t.Error(line)
		}
	}
	denied, err := clientOf(t, server.URL).Do(t.Context(), "ACL", "LOG").Slice()
	require.NoError(t, err)
	for _, entry := range denied {
		if text := fmt.Sprint(entry); !strings.Contains(text, "config") && !strings.Contains(text, "info") {
			t.Error(text)
		}
	}
}

// lonelyCluster starts a Redis Cluster of one node.
func lonelyCluster(t *testing.T) *redistest.Server {
	t.Helper()
	server := redistest.Real(t, "--cluster-enabled", "yes")
	admin := clientOf(t, server.URL)
	require.NoError(t, admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	eventually(t, 10*time.Second, "the cluster is up", func() bool {
		info, _ := admin.ClusterInfo(t.Context()).Result()
		return strings.Contains(info, "cluster_state:ok")
	})
	return server
}

// sentinelOf starts a Sentinel that watches over a server.
func sentinelOf(t *testing.T, server *redistest.Server) *redistest.Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(server.Addr)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "sentinel monitor mymaster %s %s 1\n", host, port), 0o600))
	return redistest.Sentinel(t, conf)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestARedisThatEvictsIsWarnedOf(t *testing.T) {
	server := redistest.Real(t, "--maxmemory-policy", "allkeys-lru")
	for _, c := range []struct {
		policy string
		warns  bool
	}{{"allkeys-lru", true}, {"noeviction", false}} {
		require.NoError(t, clientOf(t, server.URL).ConfigSet(t.Context(), "maxmemory-policy", c.policy).Err())
		log := &lockedBuffer{}
		opts := quiet("a")
		opts.Logger = slog.New(slog.NewTextHandler(log, nil))
		stop(t, real(t, asynq.Config{URL: server.URL, Lease: time.Second}, opts))
		assert.Equal(t, c.warns, strings.Contains(log.String(), "noeviction"), log.String())
	}
}

// Each kind of Redis that a URL can name.
func TestKindsOfRedis(t *testing.T) {
	t.Parallel() // it mostly waits
	runs := func(t *testing.T, cfg asynq.Config) {
		t.Helper()
		cfg.Lease = time.Second
		r := newRecord()
		m := real(t, cfg, quiet("a"), every(3, 100*time.Millisecond, r.run("a"))...)
		eventually(t, 10*time.Second, "slots run", func() bool { return r.count() > 6 })
		require.NoError(t, asynq.Reach(t.Context(), cfg))
		stop(t, m)
		r.once(t)
	}
	// refused tells that a server is not believed whose certificate nobody vouches
	// for.
	refused := func(t *testing.T, cfg asynq.Config) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		require.ErrorContains(t, asynq.Reach(ctx, cfg), "certificate signed by unknown authority")
	}
	t.Run("cluster", func(t *testing.T) {
		server := lonelyCluster(t)
		runs(t, asynq.Config{URL: "redis-cluster://" + server.Addr})
	})
	t.Run("sentinel", func(t *testing.T) {
		sentinel := sentinelOf(t, redistest.Real(t))
		runs(t, asynq.Config{URL: "redis-sentinel://" + sentinel.Addr + "/1?master_name=mymaster"})
	})
	t.Run("tls", func(t *testing.T) {
		cert, key := certtest.New(t)
		server := redistest.RealTLS(t, cert, key)
		runs(t, asynq.Config{URL: "rediss://" + server.Addr + "?skip_verify=true"})
		refused(t, asynq.Config{URL: "rediss://" + server.Addr})
		pem, err := os.ReadFile(cert)
		require.NoError(t, err)
		private := x509.NewCertPool()
		require.True(t, private.AppendCertsFromPEM(pem))
		client := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true, TLSConfig: &tls.Config{RootCAs: private}})
		defer client.Close()
		runs(t, asynq.Config{Client: client})
	})
	t.Run("unix", func(t *testing.T) {
		socket := filepath.Join(t.TempDir(), "redis.sock")
		redistest.Real(t, "--unixsocket", socket)
		runs(t, asynq.Config{URL: "unix://" + socket + "?db=2"})
	})
	lend := func(t *testing.T, client redis.UniversalClient) {
		t.Helper()
		defer client.Close()
		lent := &lentClient{UniversalClient: client}
		runs(t, asynq.Config{Client: client})
		require.NoError(t, client.Ping(t.Context()).Err(), "a client that is lent is not closed")
		runs(t, asynq.Config{Client: lent})
		require.Zero(t, lent.closed.Load())
	}
	t.Run("lent", func(t *testing.T) {
		server := redistest.Real(t)
		lend(t, redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true}))
	})
	t.Run("lent, of a cluster", func(t *testing.T) {
		server := lonelyCluster(t)
		lend(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr}, ContextTimeoutEnabled: true}))
	})
	t.Run("lent, of a sentinel", func(t *testing.T) {
		sentinel := sentinelOf(t, redistest.Real(t))
		lend(t, redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "mymaster", SentinelAddrs: []string{sentinel.Addr}, ContextTimeoutEnabled: true}))
	})
	t.Run("lent, as a universal client", func(t *testing.T) {
		server := redistest.Real(t)
		lend(t, redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{server.Addr}, ContextTimeoutEnabled: true}))
	})
}

// lentClient is a program's own kind of client.
type lentClient struct {
	redis.UniversalClient
	closed atomic.Int32
}

func (c *lentClient) Close() error {
	c.closed.Add(1)
	return c.UniversalClient.Close()
}

// A client that is lent is not closed where Redis is not reached either, and what is
// said of that has no password in it.
func TestALentClientThatDoesNotReachRedis(t *testing.T) {
	server := redistest.Real(t, "--requirepass", "right")
	down := redistest.Real(t)
	down.Kill()
	for _, addr := range []string{server.Addr, down.Addr} {
		client := redis.NewClient(&redis.Options{Addr: addr, Username: "default", Password: "s3cret", ContextTimeoutEnabled: true})
		defer client.Close()
		lent := &lentClient{UniversalClient: client}
		for _, lend := range []redis.UniversalClient{client, lent} {
			log := &lockedBuffer{}
			opts := core.Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			m, err := asynq.New(asynq.Config{Client: lend}, opts)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			err = m.Start(ctx)
			reached := asynq.Reach(ctx, asynq.Config{Client: lend})
			cancel()
			require.Error(t, err)
			require.Error(t, reached)
			assert.NotContains(t, err.Error()+reached.Error()+log.String(), "s3cret")
			assert.Zero(t, lent.closed.Load())
			assert.NotErrorIs(t, client.Ping(t.Context()).Err(), redis.ErrClosed)
		}
	}
}
