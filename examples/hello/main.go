// Hello is the program in the README: one worker that logs a line each second.
//
//	go run ./examples/hello
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func main() {
	ctx := context.Background()
	m, err := native.New(native.Config{}, core.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Add(ctx, core.Worker{Name: "hello", Schedule: core.Every(time.Second), Run: hello}); err != nil {
		log.Fatal(err)
	}
	if err := m.Start(ctx); err != nil {
		log.Fatal(err)
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	<-interrupt
	if err := m.Stop(ctx); err != nil {
		log.Fatal(err)
	}
}

func hello(ctx context.Context) error {
	core.Logger(ctx).Info("hello")
	return nil
}
