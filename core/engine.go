package core

import (
	"context"
	"log/slog"
	"time"
)

// An Engine decides when, and on which instance, a tick runs. How it runs (one
// at a time, timeout, retry, panics, middleware, status, log, hooks, stop) is
// the manager's, once, for every engine. This is what an author of a new
// backend writes; NewManager makes a Manager of it, and the package conformance
// tests it.
//
// The obligations of an engine:
//
//   - A delivery is a call of job.Go or job.Run with a tick, at the tick's slot
//     plus job.Jitter() or later, never before (PER-2). A slot is delivered
//     once, and a worker's slots in order (PER-3).
//   - A slot that it passes over it reports with job.Skip (OBS-2). What is
//     overdue it submits to job.Misfire first (PER-7). A Clock does the finding.
//   - Cancelling the context of a delivery cancels the run, with the context's
//     cause. An engine whose lease is lost cancels with ErrLeaseLost.
//   - Start, Schedule, Unschedule and Stop are called by the manager only:
//     Start first, Stop once and last, the others between them, from
//     several goroutines, also from inside a run. Schedule and Unschedule never
//     wait for a run. Start is called once, but that of a ClusterEngine on a disabled
//     manager may be called again after it failed: see Host.Disabled.
//   - Nothing of it is left when Stop has returned (STP-6).
//   - Schedule may be called several times at once for a job. The schedule in force
//     is then the one that job.Schedule returns after the last call has begun. A
//     Clock does this (CTL-2).
//
// An engine may call Go, Skip and Misfire while it holds its own locks: the manager
// does not call the engine from inside of them.
//
// What the manager promises in turn: a delivery always comes to its end by
// Stop's deadline plus the grace, if need be with Abandoned; after Stop was
// called, and for a job that is not scheduled any more, it ends at once with
// Refused. Disabled workers are never given to Schedule, and long-running ones
// only if the engine is a ClusterEngine.
type Engine interface {
	// Features returns what the engine lacks and its figures. It is called
	// before Start, and returns the same every time.
	Features() Features

	// Start connects and makes ready. Its context bounds it, and nothing that
	// goes on after it. Its error says what it tried to reach and why that
	// failed, without any password (STA-6). After an error Stop is not called.
	Start(ctx context.Context, host Host) error

	// Schedule delivers the job's ticks from now on: the slots of
	// job.Schedule() after the present. For a name that is scheduled already
	// it replaces the schedule: it is called so for Reschedule, and after each
	// run of a Delay, whose next slot job.Next then tells.
	Schedule(ctx context.Context, job *Job) error

	// Unschedule delivers no further ticks of a job that was scheduled.
	Unschedule(ctx context.Context, job *Job) error

	// Stop delivers nothing more, waits for the deliveries in progress until
	// its context ends, and lets go of everything.
	Stop(ctx context.Context) error
}

// A ClusterEngine is an Engine whose instances form a cluster: what is said to
// one of them holds for all. NewManager finds out once whether its engine is
// one. The manager then leaves to it what it does by itself for other engines:
//
//   - Trigger of workers of scope PerCluster. It is delivered as a manual tick, on
//     one instance that has the worker (CTL-3).
//   - RunOnStart of workers of scope PerCluster. The first Schedule of a job is the
//     worker's start on this instance. If the worker has RunOnStart, the engine
//     triggers it after Host.Ready is closed, unless another living instance has the
//     worker (PER-6). Schedule does not wait for that.
//   - Pause and Resume of all workers. A pause is told each instance's job with
//     job.SetPaused, and slots are skipped with reason paused (CTL-4).
//   - Long-running workers of scope PerCluster: they are given to Schedule with
//     a Schedule that is nil. The engine delivers a tick with job.Go while this
//     instance holds the worker's lease. The delivery lasts through the restarts
//     after failures; it ends as Succeeded or Failed when the worker is done for
//     good, and otherwise when another instance may have it (LNG-3).
//   - That an instance which is starting is given no ticks: Host.Ready (CLU-5).
//   - The runs elsewhere: job.Ran tells of them, and job.DelayFrom when a Delay
//     is to count from (PER-10).
//
// Workers of scope PerInstance it delivers on each instance by the instance's own
// clock; the manager triggers them itself, as it runs those that are long-running.
type ClusterEngine interface {
	Engine

	// Trigger has the worker run once, on any instance that has it, and returns
	// the tick that will run. If a trigger already waits, that is its tick (CTL-3).
	// If a long-running worker is up, it is the tick in progress.
	Trigger(ctx context.Context, job *Job) (Tick, error)
	// Pause has every instance skip the worker's slots until Resume.
	Pause(ctx context.Context, job *Job) error
	// Resume ends a Pause.
	Resume(ctx context.Context, job *Job) error
}

// Host is what the manager gives its engine at Start.
type Host struct {
	// Logger is the manager's, with the engine's name.
	Logger *slog.Logger
	// Instance names this instance in the cluster.
	Instance string
	// Now is the instance's wall clock; never nil.
	Now func() time.Time
	// Broker takes the state of the connection whenever it changes: nil for
	// connected, otherwise why not. It logs it and tells the observers.
	Broker func(err error)
	// Ready is closed when the workers that were added before Start, or while it
	// ran their hooks, are scheduled; never nil. An engine whose instances share a
	// queue takes nothing out of it before: it would come to one that does not have
	// the worker yet (CLU-5). Where Start fails or Stop ends it, it may stay open;
	// the engine's Start and Schedule are not to wait for it.
	Ready <-chan struct{}
	// Room returns how many more runs can begin now without waiting their turn under
	// Options.MaxConcurrent (ERR-7): math.MaxInt if there is no limit. It is never nil, and
	// may be called from any goroutine. While it is zero, an engine whose instances form a
	// cluster leaves ticks to instances that have room (CLU-5).
	Room func() int
	// Disabled is set if the manager is disabled. It then uses a ClusterEngine only for
	// Trigger, Pause and Resume (CTL-4): the first of these calls Start, and if that
	// fails the next one calls it again. The manager never calls Schedule, and Ready
	// stays open: the instance must take no tick, and must not count as one that has a
	// worker. A disabled manager does not start an engine without a cluster.
	Disabled bool
}

// Outcome is how a delivery ended.
type Outcome uint8

const (
	// Succeeded: the run returned nil. Acknowledge the tick.
	Succeeded Outcome = iota + 1
	// Failed: the run's last attempt failed. Acknowledge the tick, as failed.
	Failed
	// Cancelled: Stop or Remove cut the run off, and it has returned (ERR-6), or
	// it returned HandBack during a Stop (STP-9). Hand the tick back, so that
	// another instance runs it (CLU-11).
	Cancelled
	// LeaseLost: the delivery's context was cancelled with ErrLeaseLost, and
	// the run has returned. Drop it: the tick is another's (CLU-10).
	LeaseLost
	// Skipped: the slot was not run, for the Reason given, and counted so.
	// Acknowledge it.
	Skipped
	// Refused: the tick was not run, because the manager is stopping, or the
	// worker was removed. Hand it back.
	Refused
	// Abandoned: the run ignored its context and may still be going on. Neither
	// acknowledge nor hand back: let the lease lapse.
	Abandoned
)

var outcomes = [...]string{"none", "succeeded", "failed", "cancelled", "lease lost", "skipped", "refused", "abandoned"}

// String returns the outcome in lower case: "succeeded".
func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return "unknown"
}

// A Result is the outcome of a delivery with its particulars.
type Result struct {
	Outcome  Outcome
	Err      error         // of a run that Failed, was Cancelled, or lost its lease
	Reason   SkipReason    // of a slot that was Skipped
	Started  time.Time     // when the run began, by the instance's clock; zero where none did
	Duration time.Duration // of the run
	Attempts int           // that the run took
}

// String returns the outcome with its error or reason.
func (r Result) String() string {
	switch {
	case r.Outcome == Skipped:
		return "skipped: " + r.Reason.String()
	case r.Err != nil:
		return r.Outcome.String() + ": " + printed(r.Err)
	default:
		return r.Outcome.String()
	}
}
