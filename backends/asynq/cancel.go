package asynq

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// Asynq's server subscribes to a channel on which its tools cancel tasks. That has no
// effect on the run of a worker. Asynq's subscriber (v0.26) does not check whether the
// subscription has ended: if the program closes its client, the subscriber gets a nil
// message, and its panic ends the process. So it never gets a subscription. It tries
// again every five seconds, with a client that connects to nothing.

// notListening is in the log records of these tries, which are dropped.
const notListening = "asynq's cancel channel is not listened to"

// Subscribe returns a subscription that always fails.
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
