package nats_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// Three instances go on through a restart of their server, and no slot runs
// twice.
func TestServerIsRestarted(t *testing.T) {
	t.Parallel() // it mostly waits
	server := startServer(t)
	runs := newRecorder()
	for i := range 3 {
		instance := fmt.Sprint("instance-", i)
		start(t, nats.Config{URL: server.URL(), Lease: 2 * time.Second}, instance,
			runs.worker("quick", instance, 100*time.Millisecond, 0),
			runs.worker("slow", instance, 500*time.Millisecond, 300*time.Millisecond))
	}
	runs.more(t, 20)
	for range 2 {
		server.Shutdown()
		require.NoError(t, server.Start())
		runs.more(t, 20)
	}
	runs.judge(t)
	t.Logf("%d runs, the longest gap %s", runs.count(), runs.gap("quick"))
}

// election is how long servers take at most to elect a leader, as Config.Lease says.
const election = 10 * time.Second

// In a cluster of three, runs go on after the ledger's leader has ended, and when
// it is back. One that ends by itself hands its lead on first.
func TestLeaderEnds(t *testing.T) {
	t.Parallel() // it mostly waits
	cluster, err := natstest.NewCluster(3)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cluster.Stop()) })
	runs := newRecorder()
	for i := range 3 {
		instance := fmt.Sprint("instance-", i)
		start(t, nats.Config{URL: cluster.URL(), Replicas: 3, Lease: 3 * time.Second}, instance,
			runs.worker("quick", instance, 200*time.Millisecond, 0),
			runs.worker("slow", instance, time.Second, 600*time.Millisecond))
	}
	runs.more(t, 20)
	outage := outages(t, cluster.URL())
	leader := cluster.Leader("KV_tickwork_default")
	require.NotNil(t, leader)
	leader.Shutdown()
	runs.more(t, 20)
	require.NoError(t, leader.Start())
	runs.more(t, 20)
	runs.judge(t)
	longest := outage()
	t.Logf("the ledger had no leader for %s at most", longest)
	noLonger(t, runs, "quick", 200*time.Millisecond, longest, 3*time.Second)
}

// Three servers are killed and started again one after the other, each when the one
// before is back and has caught up: no slot runs twice, and a worker waits for little
// longer than the election of a leader.
func TestRollingRestart(t *testing.T) {
	inRealTime(t)
	children, err := natstest.NewChildren(3)
	require.NoError(t, err)
	servers := &ownServers{all: children}
	t.Cleanup(servers.Close)
	cfg := nats.Config{URL: servers.Address(), Replicas: 3}
	runs := newRecorder()
	for i := range 3 {
		instance := fmt.Sprint("instance-", i)
		start(t, cfg, instance,
			runs.worker("one", instance, time.Second, 0),
			runs.worker("two", instance, time.Second, 300*time.Millisecond))
	}
	runs.more(t, 10)
	outage := outages(t, cfg.URL)
	for _, c := range children {
		caughtUp(t, cfg.URL, ledgerStream)
		require.NoError(t, c.Kill())
		time.Sleep(2 * time.Second)
		require.NoError(t, c.Start())
		runs.more(t, 10)
	}
	caughtUp(t, cfg.URL, ledgerStream)
	runs.judge(t)
	longest := outage()
	t.Logf("the ledger had no leader for %s at most", longest)
	assert.LessOrEqual(t, longest, election, "the longest time without a leader")
	noLonger(t, runs, "one", time.Second, longest, nats.DefaultLease)
	noLonger(t, runs, "two", time.Second, longest, nats.DefaultLease)
}

// noLonger tells the longest gap of a worker with a period, and in real time, on a
// machine of its own, fails the test if it waited for longer than the ledger did, and
// than a request of that time which nobody answers (a fifth of the lease, or of the
// default one of a ledger if that is shorter) and the pause after it (an eighth).
func noLonger(t *testing.T, runs *recorder, worker string, period, outage, lease time.Duration) {
	t.Helper()
	engine, err := nats.NewEngine(nats.Config{})
	require.NoError(t, err)
	lease = min(lease, ledger.DefaultLease)
	gap := runs.gap(worker)
	t.Logf("the longest gap between the runs of %s, every %s: %s", worker, period, gap)
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		return
	}
	assert.LessOrEqual(t, gap, period+outage+lease/5+lease/8+engine.Features().Lateness, "the longest gap between the runs of %s", worker)
}

// outages writes to the ledger's bucket all the time, beside the ledger. What it
// returns ends that, and tells the longest time between writes that succeeded.
func outages(t *testing.T, url string) (end func() (longest time.Duration)) {
	t.Helper()
	nc, err := natsgo.Connect(url, natsgo.MaxReconnects(-1), natsgo.ReconnectWait(50*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	kv, err := js.KeyValue(t.Context(), "tickwork_default")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan time.Duration, 1)
	go func() {
		longest, last := time.Duration(0), time.Now()
		for ctx.Err() == nil {
			op, stop := context.WithTimeout(ctx, 200*time.Millisecond)
			if _, err := kv.Put(op, "probe", nil); err == nil {
				longest, last = max(longest, time.Since(last)), time.Now()
			}
			stop()
			time.Sleep(20 * time.Millisecond)
		}
		told <- longest
	}()
	t.Cleanup(cancel)
	return func() time.Duration {
		cancel()
		return <-told
	}
}

// caughtUp waits until a stream has a leader, and all its replicas what that has.
func caughtUp(t *testing.T, url, stream string) {
	t.Helper()
	nc, err := natsgo.Connect(url)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			return false
		}
		group := s.CachedInfo().Cluster
		return group != nil && isComplete(group)
	}, patience, 100*time.Millisecond, "%s has caught up", stream)
}
