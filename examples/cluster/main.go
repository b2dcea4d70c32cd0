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

// settings are what the flags say.
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

// run is the parent. It returns the exit code: 0 when the verdict is good, 1
// when it is not or after an error, 2 for flags that cannot be right.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.backend, "backend", "nats", "the `BACKEND`: asynq or nats")
	flags.StringVar(&s.url, "url", "", "the broker's `URL`; with no namespace in it the session has one of its own (default a broker in this process)")
	flags.IntVar(&s.n, "n", 3, "how many instances, 1 to 9")
	flags.DurationVar(&s.runFor, "for", 0, "end by itself after so long (default when you press Ctrl-C)")
	flags.DurationVar(&s.kill, "kill", 0, "kill, after so long, the instance that runs the worker which is always up (default when you say so)")
	flags.DurationVar(&s.lease, "lease", 3*time.Second, "how long a claim holds without being renewed")
	flags.BoolVar(&s.check, "check", false, "say whether an instance could be started and when its workers would run, and end")
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
		return "there are no arguments but the flags"
	case s.backend != "asynq" && s.backend != "nats":
		return "-backend is asynq or nats: the instances of no other backend form a cluster; the URL of a broker is for -url"
	case s.n < 1 || s.n > 9:
		return "-n is a number from 1 to 9"
	case s.runFor < 0 || s.kill < 0:
		return "-for and -kill are not negative"
	case s.lease < time.Second:
		return "-lease is a second at least"
	}
	return ""
}
