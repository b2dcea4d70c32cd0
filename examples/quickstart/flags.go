package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// config holds the values of the flags.
type config struct {
	period time.Duration
	logs   string
	maxAge time.Duration
	db     string
	runFor time.Duration
	dryRun bool
	chaos  bool
	plain  bool
	check  bool

	backend string
}

func newFlagSet(cfg *config) *flag.FlagSet {
	fs := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints the errors
	fs.DurationVar(&cfg.period, "period", 3*time.Second, "how often each worker runs")
	fs.StringVar(&cfg.logs, "logs", "", "the `directory` to delete old log files from (default one made for this run)")
	fs.DurationVar(&cfg.maxAge, "max-age", 7*24*time.Hour, "how old a log file may get: 168h is a week")
	fs.StringVar(&cfg.db, "db", "", "the SQLite `file` with the users, made and filled if it is empty\n(default one made for this run)")
	fs.DurationVar(&cfg.runFor, "for", 0, "end after this time (default at Ctrl-C)")
	fs.BoolVar(&cfg.dryRun, "dry-run", false, "print what would be done, and change nothing")
	fs.BoolVar(&cfg.chaos, "chaos", false, "add a worker that fails now and then, and one that panics")
	fs.StringVar(&cfg.backend, "backend", "native", "what runs the workers: a `name or URL`, such as native, gocron, asynq, nats,\nor redis://localhost:6379; with a name only, asynq and nats run on a broker in this process")
	fs.BoolVar(&cfg.check, "check", false, "print whether the backend opens and when the workers would run, and end")
	fs.BoolVar(&cfg.plain, "plain", false, "print log lines on a terminal too")
	return fs
}

// parseFlags returns the values of the flags, flag.ErrHelp, or an error that says
// which flag is invalid and why.
func parseFlags(args []string) (config, error) {
	var cfg config
	fs := newFlagSet(&cfg)
	if err := fs.Parse(args); err != nil {
		if strings.HasPrefix(err.Error(), "invalid value") { // only durations have those
			err = fmt.Errorf("%w: a duration is like 3s, 5m or 168h", err)
		}
		return config{}, err
	}
	switch {
	case fs.NArg() > 0:
		if strings.ContainsAny(fs.Arg(0), ":/@") { // it may hold a password, and so is not shown
			return config{}, errors.New("there are no arguments but the flags; the URL of a backend is for -backend")
		}
		return config{}, fmt.Errorf("%q is not a flag, and there is nothing else to give", fs.Arg(0))
	case cfg.period <= 0:
		return config{}, fmt.Errorf("-period must be longer than zero, got %s", cfg.period)
	case cfg.maxAge <= 0:
		return config{}, fmt.Errorf("-max-age must be longer than zero, got %s: every log file would be too old", cfg.maxAge)
	case cfg.runFor < 0:
		return config{}, errors.New("-for must not be negative")
	}
	return cfg, nil
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, `Quickstart runs two background workers with tickwork: one deletes old log files,
one marks users passive who have not logged in for 30 days. Without flags it
works on a directory and a database that it makes, and removes at the end.

Flags:
`)
	fs := newFlagSet(new(config))
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprint(w, `
Examples:
  quickstart                                    watch it work; Ctrl-C stops it, twice at once
  quickstart -chaos -for 30s                    with workers that fail
  quickstart -logs /var/log/myapp -dry-run      what would be deleted there?
  quickstart -backend nats://localhost -check   is the broker there, and when would they run?
  quickstart -db users.db -period 1m -plain     keep the database; log lines

Only regular files in the directory itself are deleted, and only those with the
name of a log file: app.log, app.log.2, app.log-20260329.gz and the like.

Exit codes: 0 all went well, 1 an error, or a run of one of the two workers
failed, 2 invalid flags.
`)
}
