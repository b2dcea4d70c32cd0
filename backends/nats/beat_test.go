package nats_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// An instance beats each second, and asks for the stream's description only to
// compare clocks, each half lease.
func TestABeatAsksForTheStreamNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		natstest.Forget()
		server := startServer(t, natstest.InProcess)
		nc, err := server.Connect(natsgo.PingInterval(time.Hour))
		require.NoError(t, err)
		defer nc.Close()
		var beats, asked atomic.Int64
		counts := func(subject string, n *atomic.Int64) {
			_, err := nc.Subscribe(subject, func(*natsgo.Msg) { n.Add(1) })
			require.NoError(t, err)
		}
		counts("$KV.tickwork_default.i.>", &beats)
		counts("$JS.API.STREAM.INFO.KV_tickwork_default", &asked)
		require.NoError(t, nc.Flush())
		start(t, nats.Config{Options: []natsgo.Option{server.Dial()}, Lease: 10 * time.Second}, "a", newRecorder().worker("w", "a", time.Hour, 0))
		synctest.Wait()
		beats.Store(0)
		asked.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.InDelta(t, 60, beats.Load(), 1, "beats")
		assert.InDelta(t, 12, asked.Load(), 1, "requests for the stream")
	})
}
