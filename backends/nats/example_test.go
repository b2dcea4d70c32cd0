package nats_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// Two instances share a server; what one of them has run, the other knows.
func ExampleNew() {
	ctx := context.Background()
	server, err := natstest.New() // in a program: a nats-server with JetStream
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Stop() }()

	ran := make(chan string, 1)
	open := func(instance string) core.Manager {
		m, err := nats.New(nats.Config{URL: server.URL(), Namespace: "billing", Lease: time.Second}, core.Options{Instance: instance})
		if err != nil {
			panic(err)
		}
		err = m.Add(ctx, core.Worker{
			Name:     "invoices",
			Schedule: core.Cron("0 3 * * *"),
			Run: func(context.Context) error {
				ran <- "invoices are sent"
				return nil
			},
		})
		if err != nil {
			panic(err)
		}
		if err := m.Start(ctx); err != nil {
			panic(err)
		}
		return m
	}
	one, two := open("one"), open("two")
	_, _ = two.Trigger(ctx, "invoices") // one of them runs it, once
	fmt.Println(<-ran)
	fmt.Println("stopped:", one.Stop(ctx), two.Stop(ctx))
	// Output:
	// invoices are sent
	// stopped: <nil> <nil>
}
