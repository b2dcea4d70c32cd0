// Hello is the program in the README: one worker that logs a line each second.
//
//	go run ./examples/hello
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once

	m, err := native.New(native.Config{}, core.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.Add(ctx, core.Worker{Name: "hello", Schedule: core.Every(time.Second), Run: hello}); err != nil {
		log.Fatal(err)
	}
	// Until Ctrl-C or SIGTERM. Then a run in progress has 20 seconds to end.
	if err := core.Run(ctx, m, 20*time.Second); err != nil {
		log.Fatal(err)
	}
	log.Print("stopped")
}

func hello(ctx context.Context) error {
	core.Logger(ctx).Info("hello")
	return nil
}
