package asynq

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// Asynq's server subscribes to a channel on which its tools cancel tasks, which does
// nothing to the run of a worker. Its subscriber (v0.26) reads from the subscription
// without asking whether that has ended: if the client is closed, by the program that
// owns it, a nil message ends the process. So it never gets a subscription: it tries
// again every five seconds, with a client that connects to nothing.

// notListening is in what asynq's log says of each try, which is not passed on.
const notListening = "asynq's cancel channel is not listened to"

// Subscribe returns a subscription that cannot be had.
func (s *source) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	return s.deaf.Subscribe(ctx, channels...)
}

// newDeaf makes a client that connects to nothing.
func newDeaf() *redis.Client {
	return redis.NewClient(&redis.Options{
		MaxRetries:               -1,
		DialerRetries:            1,
		MaintNotificationsConfig: noNotices(),
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New(notListening)
		},
	})
}
