package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings are the values of the flags.
type settings struct {
	backend string
	url     string
	n       int
	runFor  time.Duration
	kill    time.Duration
	lease   time.Duration
	check   bool
}

func main() {
	if os.Getenv(nodeVariable) != "" {
		os.Exit(node(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C exits at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the parent. It returns the exit code: 0 for a good verdict, 1 for a bad
// one or after an error, 2 for invalid flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.backend, "backend", "nats", "the `BACKEND`: asynq or nats")
	flags.StringVar(&s.url, "url", "", "the broker's `URL`; without a namespace in it the session gets one of its own (default a broker in this process)")
	flags.IntVar(&s.n, "n", 3, "how many instances, 1 to 9")
	flags.DurationVar(&s.runFor, "for", 0, "end after this time (default at Ctrl-C)")
	flags.DurationVar(&s.kill, "kill", 0, "after this time kill the instance that runs the worker always-up (default only when you type its number)")
	flags.DurationVar(&s.lease, "lease", 3*time.Second, "how long a claim holds unless it is renewed")
	flags.BoolVar(&s.check, "check", false, "print whether an instance would start and when its workers would run, and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if problem := s.problem(flags.NArg()); problem != "" {
		fmt.Fprintln(stderr, "cluster:", problem)
		return 2
	}
	if s.runFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.runFor)
		defer cancel()
	}
	if s.check {
		if err := check(ctx, s, stdout); err != nil {
			fmt.Fprintln(stderr, "cluster:", err)
			return 1
		}
		return 0
	}
	good, err := cluster(ctx, s, stdin, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "cluster:", err)
	}
	if err != nil || !good {
		return 1
	}
	return 0
}

func (s settings) problem(args int) string {
	switch {
	case args > 0:
		return "it takes flags only, and no other arguments"
	case s.backend != "asynq" && s.backend != "nats":
		return "-backend is asynq or nats: the instances of no other backend form a cluster; the URL of a broker is for -url"
	case s.n < 1 || s.n > 9:
		return "-n must be a number from 1 to 9"
	case s.runFor < 0 || s.kill < 0:
		return "-for and -kill must not be negative"
	case s.lease < time.Second:
		return "-lease must be at least one second"
	}
	return ""
}
