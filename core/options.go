package core

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Options are what every manager takes, whatever its engine. The zero value of
// each field is the sensible default.
type Options struct {
	// Logger gets what the manager has to say. Nil is slog.Default(). A run
	// that fails is an error, a missed slot a warning, a run's begin and end
	// are debug. A panic in its handler, or in a LogValue that the handler calls, is
	// contained (ERR-3): the handler gets the record once more, with the panic added
	// and with plain text in place of values that have methods.
	Logger *slog.Logger

	// Middleware wraps every run, with all its attempts; the first is the outermost
	// (OBS-4). Worker.Middleware does the same for one worker.
	Middleware []Middleware

	// AttemptMiddleware wraps every attempt, inside of the attempt's Timeout; the first
	// is the outermost (OBS-4). Worker.AttemptMiddleware does the same for one worker.
	AttemptMiddleware []Middleware

	// OnError is called once for each run that failed, after its last attempt
	// (ERR-1), on the run's goroutine. The context carries the tick and the
	// logger and is not cancelled by Stop. A panic and a runtime.Goexit in it are
	// contained. Nil is none; the error is logged and kept in the worker's status
	// all the same.
	OnError func(ctx context.Context, tick Tick, err error)

	// Observers are notified of what happens, in the order given.
	Observers []Observer

	// MaxConcurrent limits how many runs of this manager are in progress at a
	// time; those due wait their turn, in order (ERR-7). Zero is no limit.
	// Long-running workers do not count.
	MaxConcurrent int

	// StopGrace is how long a run, or an OnStop hook, may take to return once
	// Stop or Remove, out of patience, have cancelled its context. Zero is one
	// second; negative is none.
	StopGrace time.Duration

	// ConnectTimeout bounds what Start does on the broker where its context has no
	// deadline: attempts to reach it (STA-6), and the wait until a ledger that is new
	// is a fifth of a lease old, which is longer where a lease is over 50 seconds.
	// Zero is ten seconds.
	ConnectTimeout time.Duration

	// Instance names this manager within its cluster, in status and logs. It
	// must differ between instances. Empty is host name, process id and a
	// random part.
	Instance string

	// Now is the wall clock. Nil is time.Now. It is for tests that set one
	// instance's clock apart; timeouts, backoffs and waits are the runtime's. If it
	// panics when Start reads it, Start fails. If it panics later, the panic is logged
	// once, and time goes on from its last reading. It must not call the manager or
	// runtime.Goexit, which is not contained.
	Now func() time.Time

	// Disabled makes a manager that lists its workers and runs none (STA-5). Its Start
	// makes no connection. Trigger, Pause and Resume act on the cluster, if the engine
	// has one, and connect for that; else they return ErrDisabled (CTL-4).
	Disabled bool
}

// Middleware wraps a run: it calls next to go on, exactly once, with its
// context or one derived from it, and returns next's error, or its own. It
// opens a scoped dependency (a transaction, a span), puts it into the context, and
// releases it after next (OBS-4). Options.Middleware and Worker.Middleware wrap the
// run with all its attempts. Options.AttemptMiddleware and Worker.AttemptMiddleware
// wrap each attempt. If a worker has Retry, open its transaction there: a second
// attempt must not continue in the transaction of the first. For attempt middleware,
// "the run" below means the attempt.
//
// Before next, the context's tick (TickFrom) has attempt 1. After next, it has the
// number of attempts that were made.
//
// A middleware that returns an error without calling next refuses the run,
// which counts as failed; one that returns nil without calling next fails the
// run with ErrNextNotCalled. A panic in it is contained. A runtime.Goexit in the
// worker's function ends the middleware too, unless the worker has Retry: its deferred
// calls are made, but the code after next is not run. So use defer to release what you
// open.
type Middleware func(ctx context.Context, next func(context.Context) error) error

const (
	defaultStopGrace      = time.Second
	defaultConnectTimeout = 10 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.StopGrace == 0 {
		o.StopGrace = defaultStopGrace
	}
	o.StopGrace = max(o.StopGrace, 0)
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Instance == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "localhost"
		}
		o.Instance = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), unique())
	}
	return o
}
