package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

//go:embed sample.yaml
var sample embed.FS

// patience is how long a run in progress may go on when the program stops.
const patience = 10 * time.Second

// startBroker starts a broker in this process for a backend that needs one, and
// returns its URL, which is empty if it started none. broker.go replaces it.
var startBroker = func(backend string) (url string, stop func(), err error) { return "", func() {}, nil }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C exits at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code: 0 if all went well, 1 after an
// error, 2 for invalid flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("config", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "the configuration `FILE` (default the sample)")
	backend := flags.String("backend", "", "the `NAME` of the backend, instead of the one in the configuration: "+strings.Join(backends.Registered(), ", "))
	check := flags.Bool("check", false, "print whether the configuration opens and when the workers would run, and end")
	runFor := flags.Duration("for", 0, "end after this time (default at Ctrl-C)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0 || *runFor < 0:
		fmt.Fprintln(stderr, "config: there are no arguments but the flags, and -for is not negative")
		return 2
	case strings.ContainsAny(*backend, ":/@"): // it may hold a password, and so is not shown
		fmt.Fprintln(stderr, "config: -backend takes the name of a backend; write a URL to the configuration file, or to TICKWORK_NATS_URL or TICKWORK_ASYNQ_URL")
		return 2
	case *backend != "" && !slices.Contains(backends.Registered(), *backend):
		fmt.Fprintf(stderr, "config: -backend: unknown backend %q: registered: %s\n", *backend, strings.Join(backends.Registered(), ", "))
		return 2
	}
	if *runFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *runFor)
		defer cancel()
	}
	cfg, err := load(*file)
	cfg.Backend = cmp.Or(*backend, cfg.Backend)
	if err == nil {
		if *check {
			err = preflight(ctx, cfg, stdout)
		} else {
			err = application(ctx, cfg, stdout)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "config: %s\n", strings.ReplaceAll(err.Error(), "\n", "\nconfig: "))
		return 1
	}
	return 0
}

// load reads the file, or the sample, and the environment.
func load(file string) (backends.Config, error) {
	if file == "" {
		return backends.LoadFS(sample, "sample.yaml")
	}
	return backends.Load(file)
}

// preflight prints what the configuration would do.
func preflight(ctx context.Context, cfg backends.Config, stdout io.Writer) error {
	embedded, stopBroker, err := broker(&cfg)
	if err != nil {
		return err
	}
	defer stopBroker()
	if embedded {
		fmt.Fprintf(stdout, "no URL of a broker is given: %s is checked on one in this process, and on no other\n", cfg.Backend)
	}
	report := backends.Preflight(ctx, cfg, core.Options{}, func(ctx context.Context, m core.Manager) error {
		return addWorkers(ctx, m)
	})
	fmt.Fprint(stdout, report)
	if report.Err() != nil {
		return errors.New("the configuration does not open")
	}
	return nil
}

// application runs the workers until the context ends.
func application(ctx context.Context, cfg backends.Config, stdout io.Writer) error {
	logger := slog.New(slog.NewTextHandler(stdout, nil))
	_, stopBroker, err := broker(&cfg)
	if err != nil {
		return err
	}
	defer stopBroker()
	m, err := backends.Open(ctx, cfg, core.Options{Logger: logger})
	if err != nil {
		return err
	}
	if err := addWorkers(ctx, m); err != nil {
		return err
	}
	logger.Info("starting", "config", cfg)
	err = core.Run(ctx, m, patience)
	summary(stdout, m.Workers())
	return err
}

// broker starts a broker in this process if the configuration chooses a backend
// that needs one and gives no URL. The other settings of the backend in the
// configuration override those that are set here.
func broker(cfg *backends.Config) (embedded bool, stop func(), err error) {
	if cfg.Given(cfg.Backend, "url") || cfg.Given(cfg.Backend, "url_file") || cfg.Enabled != nil && !*cfg.Enabled {
		return false, func() {}, nil
	}
	url, stop, err := startBroker(cfg.Backend)
	if err != nil {
		return false, nil, err
	}
	const lease = 3 * time.Second // a new ledger waits for a fifth of it
	switch cfg.Backend {
	case "asynq":
		cfg.Set("asynq", asynq.Config{URL: url, Lease: lease})
	case "nats":
		cfg.Set("nats", nats.Config{URL: url, Lease: lease})
	}
	return url != "", stop, nil
}

// summary prints a line for each worker.
func summary(stdout io.Writer, workers []core.WorkerStatus) {
	for _, w := range workers {
		fmt.Fprintf(stdout, "%-14s %-36s %4d runs, %d failed", w.Name, w.Schedule, w.Runs, w.Failures)
		if w.State == core.StateDisabled {
			fmt.Fprint(stdout, ", disabled")
		}
		if len(w.Configured) > 0 {
			fmt.Fprintf(stdout, "   configured: %s", strings.Join(w.Configured, ", "))
		}
		fmt.Fprintln(stdout)
	}
}
