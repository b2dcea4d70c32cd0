package nats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// A write has happened, and its answer is lost with the connection. What became of
// it is read before anything is decided: the instance goes on with the lease that it
// has, and the run happens once.
func TestLostAnswers(t *testing.T) {
	for name, nth := range map[string]int{"of a claim": 2, "of a renewal": 3, "of a second renewal": 4, "of a release": 5} {
		t.Run(name, func(t *testing.T) {
			natstest.Bubble(t, func(t *testing.T) { loseAnswer(t, nth) })
		})
	}
}

// loseAnswer loses the answer of the nth write of a worker's record. The first
// makes it, the second is the claim; the run takes two renewals, so that the fifth
// is the release.
func loseAnswer(t *testing.T, nth int) {
	const lease, takes = 15 * time.Second, 12 * time.Second
	server := startServer(t, natstest.InProcess)
	link := natstest.NewLink(server)
	runs := newRecorder()
	var log bytes.Buffer // read when all is stopped
	open := func(instance string, dial natsgo.Option) core.Manager {
		m, err := nats.New(
			nats.Config{Options: []natsgo.Option{dial, natsgo.PingInterval(time.Hour)}, Lease: lease},
			core.Options{Instance: instance, Logger: slog.New(slog.NewTextHandler(&log, nil))},
		)
		require.NoError(t, err)
		require.NoError(t, m.Add(t.Context(), runs.worker("w", instance, time.Minute, takes)))
		require.NoError(t, m.Start(t.Context()))
		t.Cleanup(func() { stop(t, m) })
		return m
	}

	lost := link.LoseAnswer("$KV.tickwork_default.w.w", nth)
	a := open("a", link.Dial())
	<-lost
	synctest.Wait()               // it has arrived
	b := open("b", server.Dial()) // it would take over what nobody holds
	written := leaseOf(t, server)
	assert.Equal(t, "a", written.Owner, "the write has happened")
	assert.Equal(t, nth < 5, written.Running)
	time.Sleep(time.Second)
	link.Cut(false)
	time.Sleep(takes + lease)

	require.Equal(t, 1, runs.count())
	first := runs.runs[0]
	assert.Equal(t, "a", first.instance)
	assert.False(t, first.tick.Redelivered)
	assert.Equal(t, written.Fence, first.tick.Fence, "the run is that of the claim")
	now := leaseOf(t, server)
	assert.False(t, now.Running)
	assert.Equal(t, written.Fence, now.Fence)
	require.NotNil(t, now.Last)
	assert.Equal(t, core.Succeeded.String(), now.Last.Outcome)

	time.Sleep(3 * time.Minute)
	assert.Equal(t, 4, runs.count(), "the slots after it run, too")
	for _, r := range runs.runs {
		assert.False(t, r.tick.Redelivered, r.tick.ID())
	}
	runs.judge(t)
	stop(t, a)
	stop(t, b)
	assert.NotContains(t, log.String(), "lease")
}

// leaseOf reads the lease of the worker w.
func leaseOf(t *testing.T, server *natstest.Server) (lease ledger.Lease) {
	t.Helper()
	kv, err := operator(t, server, natsgo.PingInterval(time.Hour)).KeyValue(t.Context(), "tickwork_default")
	require.NoError(t, err)
	e, err := kv.Get(context.WithoutCancel(t.Context()), "w.w")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(e.Value(), &lease))
	return lease
}
