package core_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// The first Ctrl-C or SIGTERM ends ctx, and Run stops the manager. From then on
// signals do what they do by default, so that a second one kills a program that
// does not end.
func ExampleRun() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	m, err := native.New(native.Config{}, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = m.Add(ctx, core.Worker{
		Name:       "delete-old-logs",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(context.Context) error {
			stop() // what a signal does
			fmt.Println("deleting old logs")
			return nil
		},
		OnStop: func(context.Context) error { fmt.Println("stopped"); return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(core.Run(ctx, m, 20*time.Second))
	// Output:
	// deleting old logs
	// stopped
	// <nil>
}
