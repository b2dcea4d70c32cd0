package core

import (
	"context"
	"time"
)

// A Worker is a named piece of background work: what to run and when. It is a
// plain value: Manager.Add copies it, and changing it afterwards has no effect.
//
// The zero value of every field but Name and Run is the sensible default.
type Worker struct {
	// Name identifies the worker within its manager and, on a distributed
	// engine, within its namespace: 1 to 128 bytes of ASCII letters, digits
	// and . _ - / : (REG-3).
	Name string

	// Schedule says when the worker is due: Every, Cron, Delay, or any type
	// with a Next method. Nil makes it a long-running worker: it is run once
	// when it starts, again after a backoff if it fails, and is done when it
	// returns nil (LNG-1, LNG-2).
	Schedule Schedule

	// Run does the work. Its context ends when the attempt's Timeout passes,
	// when Stop or Remove lose patience, or when the lease is lost; the
	// context's cause says which. It carries the tick (TickFrom) and a logger
	// (Logger). A panic and a runtime.Goexit are contained (ERR-2). Run is
	// never called twice at a time for one worker (PER-5).
	Run func(ctx context.Context) error

	// Timeout is the deadline of each attempt; zero is none. A function that
	// ignores it keeps its worker busy: nothing can end it from outside (ERR-4).
	Timeout time.Duration

	// Retry repeats a failed attempt within its run (ERR-5). The zero value
	// makes one attempt.
	Retry Retry

	// Jitter delays every run by an amount between zero and Jitter that is
	// derived from Name, so that many workers of one schedule do not start at
	// the same instant, and each still runs exactly a period apart (PER-8).
	Jitter time.Duration

	// MaxLate is how old a missed slot may be and still be made up where Misfire
	// is RunLatest. Zero is without limit.
	MaxLate time.Duration

	// Scope says whether one instance of a cluster runs the worker at a time
	// (PerCluster, the default) or each runs it for itself (PerInstance).
	Scope Scope

	// Misfire says what becomes of slots that were missed (PER-7).
	Misfire Misfire

	// RunOnStart triggers one manual tick when the worker starts, in addition to
	// its schedule. With scope PerCluster it does so only if no other living
	// instance of the cluster already has the worker: once in a rolling deploy, and
	// again when the whole cluster was down (PER-6).
	RunOnStart bool

	// AtMostOnce forbids that a slot begins again after a crash (CLU-1). On an
	// engine that is not distributed it is always so.
	AtMostOnce bool

	// Disabled lists the worker without ever running it or its hooks (STA-5).
	Disabled bool

	// Middleware wraps each run of this worker, inside of Options.Middleware; the
	// first is the outermost (OBS-4). Nil is none.
	Middleware []Middleware

	// AttemptMiddleware wraps each attempt of this worker, inside of
	// Options.AttemptMiddleware; the first is the outermost (OBS-4). Nil is none.
	AttemptMiddleware []Middleware

	// OnStart is called once before the worker's first run: by Start, in the
	// order of Add, or by Add on a running manager. Its error is theirs
	// (STA-3, REG-2). Nil is none.
	OnStart func(ctx context.Context) error

	// OnStop is called once after the worker's last run: by Stop, in reverse
	// order of Add, or by Remove; also when they were cut short (STP-5). It is
	// called only if OnStart did not fail. Nil is none.
	OnStop func(ctx context.Context) error
}

// Scope says which instances of a cluster run a worker. On an engine that is
// not distributed the scopes are the same.
type Scope uint8

const (
	// PerCluster: one instance at a time runs the worker.
	PerCluster Scope = iota
	// PerInstance: each instance runs the worker for itself, by its own timers.
	PerInstance
)

// String returns "per-cluster" or "per-instance".
func (s Scope) String() string {
	if s == PerInstance {
		return "per-instance"
	}
	return "per-cluster"
}

// Misfire is what a worker does about slots that were missed: because the
// process was frozen, the clock jumped ahead, the broker was away or, on an
// engine with memory, every instance was down. A slot is missed when its
// successor is due too, or when it is found due more than MissedAfter late.
type Misfire uint8

const (
	// RunLatest runs the latest missed slot once, unless it is older than
	// MaxLate; the others are skipped with reason missed.
	RunLatest Misfire = iota
	// SkipMissed runs none of them.
	SkipMissed
)

// String returns "run-latest" or "skip-missed".
func (m Misfire) String() string {
	if m == SkipMissed {
		return "skip-missed"
	}
	return "run-latest"
}

// MissedAfter is how late a single slot may be found due before the policy
// SkipMissed takes it for missed, on an engine whose declared lateness is not
// longer than that; on a slower one it is the engine's lateness.
const MissedAfter = time.Second

// Retry says how often, and after which waits, a failed attempt is repeated
// within its run.
type Retry struct {
	// MaxAttempts is the number of attempts in one run, the first included;
	// zero and one are one attempt. A long-running worker is run again for as
	// long as it fails where MaxAttempts is zero; otherwise it gives up after
	// so many failures in a row.
	MaxAttempts int

	// Backoff is the wait before each further attempt. Nil is
	// Exponential(time.Second, time.Minute).
	Backoff Backoff
}
