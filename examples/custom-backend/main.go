package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

//go:embed tickwork.yaml
var files embed.FS

// patience is how long a run in progress may go on when the program stops.
const patience = 10 * time.Second

func main() {
	check := flag.Bool("check", false, "print whether the configuration opens, and when the workers would run")
	runFor := flag.Duration("for", 10*time.Second, "end after this time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	ctx, cancel := context.WithTimeout(ctx, *runFor)
	err := run(ctx, *check, os.Stdout)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the program, until its context ends.
func run(ctx context.Context, check bool, out io.Writer) error {
	cfg, err := backends.LoadFS(files, "tickwork.yaml")
	if err != nil {
		return err
	}
	add := func(ctx context.Context, m core.Manager) error { return addWorkers(ctx, m, out) }
	if check {
		report := backends.Preflight(ctx, cfg, core.Options{}, add)
		fmt.Fprint(out, report)
		return report.Err()
	}
	m, err := backends.Open(ctx, cfg, core.Options{})
	if err != nil {
		return err
	}
	if err := add(ctx, m); err != nil {
		return err
	}
	fmt.Fprintf(out, "running on %s\n", m.Features().Engine)
	if err := core.Run(ctx, m, patience); err != nil {
		return err
	}
	fmt.Fprintln(out, "stopped")
	return nil
}

// addWorkers adds the workers to a manager over any engine.
func addWorkers(ctx context.Context, m core.Manager, out io.Writer) error {
	show := func(ctx context.Context) error {
		tick, _ := core.TickFrom(ctx)
		_, err := fmt.Fprintln(out, tick)
		return err
	}
	if err := m.Add(ctx, core.Worker{Name: "tick", Schedule: core.Every(time.Second), Run: show}); err != nil {
		return err
	}
	return m.Add(ctx, core.Worker{Name: "tock", Schedule: core.Every(2 * time.Second), Run: show})
}
