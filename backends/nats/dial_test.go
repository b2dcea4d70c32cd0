package nats

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A server that accepts and says nothing holds nats.Connect up, which knows no context.
func TestAServerThatSaysNothingHoldsNothingUpLongerThanItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		var held []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				for _, c := range held {
					_ = c.Close()
				}
				return
			}
			held = append(held, conn)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	cfg := Config{URL: "nats://" + listener.Addr().String(), Options: []natsgo.Option{natsgo.Timeout(time.Minute), natsgo.RetryOnFailedConnect(false)}}
	began := time.Now()
	_, err = connect(ctx, cfg, core.Host{Instance: "a", Logger: slog.New(slog.DiscardHandler)})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(began), 30*time.Second)
	require.NoError(t, listener.Close())
	<-accepted
}
