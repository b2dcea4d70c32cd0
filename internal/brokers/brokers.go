// Package brokers starts the brokers that the examples run on where they are
// given none: in this process, and on a free port of the loopback interface, so
// that other processes of the example reach them too.
package brokers

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/nats-io/nats-server/v2/server"
)

// Start starts the broker of a backend, "asynq" or "nats", and returns its URL.
// Other backends have none: the URL is empty then. Stop is never nil.
func Start(backend string) (url string, stop func(), err error) {
	switch backend {
	case "asynq":
		return startRedis()
	case "nats":
		return startNATS()
	}
	return "", func() {}, nil
}

func startRedis() (string, func(), error) {
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return "", func() {}, fmt.Errorf("start a miniredis: %w", err)
	}
	return "redis://" + m.Addr(), m.Close, nil
}

func startNATS() (string, func(), error) {
	dir, err := os.MkdirTemp("", "tickwork-nats-")
	if err != nil {
		return "", func() {}, fmt.Errorf("make a folder for the nats-server: %w", err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir,
	})
	if err == nil {
		go s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			err = errors.New("it is not ready after 10 s")
			s.Shutdown()
		}
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", func() {}, fmt.Errorf("start a nats-server: %w", err)
	}
	return s.ClientURL(), func() {
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}, nil
}
