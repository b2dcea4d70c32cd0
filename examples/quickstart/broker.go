package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/nats-io/nats-server/v2/server"
)

// This file lets the example run on asynq and nats with nothing installed. Delete
// it from a copy: without it the program does not contain the brokers, and a
// backend that is given no URL looks for its broker on this machine.
func init() { startBroker = brokerHere }

// brokerHere starts the broker of a backend, asynq or nats, in this process and
// returns its URL. It listens on a free port of the loopback interface, so that
// other processes reach it too. For other backends the URL is empty. Stop is
// never nil.
func brokerHere(backend string) (url string, stop func(), err error) {
	switch backend {
	case "asynq":
		return redisHere()
	case "nats":
		return natsHere()
	}
	return "", func() {}, nil
}

func redisHere() (url string, stop func(), err error) {
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		return "", func() {}, fmt.Errorf("start a miniredis: %w", err)
	}
	return "redis://" + m.Addr(), m.Close, nil
}

func natsHere() (url string, stop func(), err error) {
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
