package nats_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
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

// In a cluster of three, runs go on after the ledger's leader has ended, and when
// it is back.
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
	leader := cluster.Leader("KV_tickwork_default")
	require.NotNil(t, leader)
	leader.Shutdown()
	runs.more(t, 20)
	t.Logf("%d runs, the longest gap %s", runs.count(), runs.gap("quick"))
	require.NoError(t, leader.Start())
	runs.more(t, 20)
	runs.judge(t)
}
