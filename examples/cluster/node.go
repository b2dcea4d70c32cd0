package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all"
	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

// The parent sets these variables of the environment in the processes that it starts.
const (
	nodeVariable   = "TICKWORK_EXAMPLE_NODE"   // the name of the instance
	brokerVariable = "TICKWORK_EXAMPLE_BROKER" // the broker's URL
)

// node is an instance: an application with its workers. It ends in order when the
// parent closes its standard input or dies, and on SIGTERM.
func node(stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt) // a Ctrl-C reaches all processes, and the parent decides
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	out := json.NewEncoder(stdout)
	self := history.NewNode(os.Getenv(nodeVariable), func(e history.Event) {
		_ = out.Encode(e) // fails only if the parent has died
	})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	if err := application(ctx, self); err != nil {
		fmt.Fprintf(stderr, "instance %s: %v\n", os.Getenv(nodeVariable), err)
		return 1
	}
	return 0
}

func application(ctx context.Context, self *history.Node) error {
	m, err := backends.OpenURL(ctx, os.Getenv(brokerVariable), core.Options{
		Logger:    slog.New(slog.DiscardHandler), // the parent shows what happens
		Instance:  os.Getenv(nodeVariable),
		Observers: []core.Observer{self.Observe},
	})
	if err != nil {
		return err
	}
	for _, w := range workers() {
		if err := m.Add(ctx, self.Worker(w)); err != nil {
			return err
		}
	}
	return core.Run(ctx, recorded{m, self}, 5*time.Second)
}

// recorded is a manager that reports its start and its stop to the parent.
type recorded struct {
	core.Manager
	self *history.Node
}

// Start reports that the instance has joined, once it has.
func (r recorded) Start(ctx context.Context) error {
	if err := r.Manager.Start(ctx); err != nil {
		return err
	}
	r.self.Suffer(history.Started)
	return nil
}

// Stop reports that the instance leaves, before it does.
func (r recorded) Stop(ctx context.Context) error {
	r.self.Suffer(history.Stopping)
	return r.Manager.Stop(ctx)
}

// alwaysUp names the long-running worker.
const alwaysUp = "always-up"

// workers returns the workers of the application: one that is quick, one that takes
// longer than its period, one that fails now and then, and one that is always up.
func workers() []core.Worker {
	return []core.Worker{
		{Name: "quick", Schedule: core.Every(time.Second), Run: func(context.Context) error { return nil }},
		{Name: "slow", Schedule: core.Every(2 * time.Second), Run: func(ctx context.Context) error { return busy(ctx, 2500*time.Millisecond) }},
		{Name: "flaky", Schedule: core.Every(3 * time.Second), Run: func(context.Context) error {
			if rand.IntN(3) == 0 {
				return errors.New("no luck this time")
			}
			return nil
		}},
		{Name: alwaysUp, Run: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}},
	}
}

// busy takes d, and returns early if ctx ends.
func busy(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
