package core

import "context"

// A Manager is what an application holds: workers are added to it, and it is
// started and stopped. Code that adds workers takes this interface, so that the
// engine is chosen in one place.
//
// All methods may be called from any goroutine, also from inside a run or a
// hook, with the context that those were given (CTL-5). A nil context is
// refused with an error by every method that takes one.
//
// NewManager makes one over an Engine. Who writes one from scratch embeds
// UnimplementedManager.
type Manager interface {
	// Add registers a worker. On a running manager the worker starts before
	// Add returns, its OnStart included (REG-2); before Start it does not run
	// (REG-1). It returns an error that is ErrInvalidWorker (REG-3),
	// ErrDuplicate (REG-4), ErrUnsupported (REG-6), ErrStopped (REG-5), or
	// that of OnStart; then nothing of the worker is left.
	Add(ctx context.Context, w Worker) error

	// Remove ends a worker on this instance: no run begins here after the
	// call, and the name is free again when it returns. It waits for the run
	// in progress until ctx ends; then it cancels the run with ErrRemoved,
	// gives it the grace, and returns a *StopError. From inside a run of the
	// worker itself it does not wait. ErrNotFound for an unknown name (CTL-1).
	Remove(ctx context.Context, name string) error

	// Reschedule replaces the worker's schedule on this instance: the next run
	// is the new schedule's next slot, and a run in progress goes on (CTL-2).
	// A schedule that cannot be right is refused as by Add, and the old one
	// stays. A long-running worker has none to replace: ErrUnsupported.
	Reschedule(ctx context.Context, name string, s Schedule) error

	// Trigger runs the worker once as soon as it can, on any instance that has
	// it, in addition to its schedule. Triggers that come while one is waiting are
	// one (CTL-3). Trigger does not wait for the run. It returns the tick that will
	// run, whose ID is in the logs and the history; if a trigger already waits, that
	// is its tick. The tick's Fence, Attempt and Redelivered are not known yet.
	// A long-running worker that is done or in a backoff is run again, after
	// Resume if it is paused. If it is up it stays up, and Trigger returns the tick in
	// progress. If another instance of the cluster holds the worker's lease, Trigger
	// returns the tick of the lease: restarts after a failure keep its fence, but have
	// IDs of their own. ErrNotFound, ErrDisabled, ErrNotStarted, ErrStopped.
	Trigger(ctx context.Context, name string) (Tick, error)

	// Pause makes the worker skip its slots, with reason paused, until Resume;
	// they are not made up, Trigger still works, and a run in progress goes
	// on, but for a long-running worker's, which is cancelled (CTL-4, LNG-1).
	// It holds for the whole cluster. Pausing a paused worker is no error, and
	// changes nothing. ErrNotFound, ErrDisabled, ErrNotStarted, ErrStopped.
	//
	// On a disabled manager Trigger, Pause and Resume act on the cluster, if the engine
	// has one: other instances skip the slots or run the tick, and this one runs
	// nothing. The first such call connects, within its context or
	// Options.ConnectTimeout, and the connection is kept until Stop; if it fails, the
	// next call tries again. Without a cluster they return ErrDisabled, and so does
	// Trigger of a worker that is disabled itself or has scope PerInstance.
	Pause(ctx context.Context, name string) error

	// Resume ends a Pause. Resuming what is not paused is no error.
	Resume(ctx context.Context, name string) error

	// Workers reports on every worker, in the order of Add (OBS-1).
	Workers() []WorkerStatus

	// Features returns what the engine lacks, and its figures.
	Features() Features

	// Start runs the OnStart hooks and starts the workers. Its context bounds
	// it and nothing after it (STA-4). It returns ErrStarted the second time,
	// ErrStopped after Stop or a failed Start (STA-2), the error of a hook
	// (STA-3), or why the broker cannot be reached (STA-6).
	Start(ctx context.Context) error

	// Stop begins no further run, waits for those in progress, runs the OnStop
	// hooks in reverse order of Add, and leaves nothing behind (STP-1 to
	// STP-6). When ctx ends first it cancels the runs with ErrStopping, gives
	// them the grace, and returns a *StopError. It may be called at any time,
	// twice, and by several at once: each waits for the one stop, and the
	// first context to end cuts it short. From inside a run or a hook it
	// returns nil at once, and the stop goes on without a limit until another
	// Stop bounds it.
	Stop(ctx context.Context) error
}

// UnimplementedManager answers ErrUnsupported to everything. A manager written
// from scratch embeds it, so that it keeps compiling when Manager gets another
// method, and answers right for what it leaves out.
type UnimplementedManager struct{}

var _ Manager = UnimplementedManager{}

func unimplemented(op, worker string) error {
	return &WorkerError{Op: op, Worker: worker, Err: ErrUnsupported}
}

// Add returns ErrUnsupported.
func (UnimplementedManager) Add(_ context.Context, w Worker) error {
	return unimplemented("add", w.Name)
}

// Remove returns ErrUnsupported.
func (UnimplementedManager) Remove(_ context.Context, name string) error {
	return unimplemented("remove", name)
}

// Reschedule returns ErrUnsupported.
func (UnimplementedManager) Reschedule(_ context.Context, name string, _ Schedule) error {
	return unimplemented("reschedule", name)
}

// Trigger returns ErrUnsupported.
func (UnimplementedManager) Trigger(_ context.Context, name string) (Tick, error) {
	return Tick{}, unimplemented("trigger", name)
}

// Pause returns ErrUnsupported.
func (UnimplementedManager) Pause(_ context.Context, name string) error {
	return unimplemented("pause", name)
}

// Resume returns ErrUnsupported.
func (UnimplementedManager) Resume(_ context.Context, name string) error {
	return unimplemented("resume", name)
}

// Workers returns nil.
func (UnimplementedManager) Workers() []WorkerStatus { return nil }

// Features returns the zero Features.
func (UnimplementedManager) Features() Features { return Features{} }

// Start returns ErrUnsupported.
func (UnimplementedManager) Start(context.Context) error { return ErrUnsupported }

// Stop returns ErrUnsupported.
func (UnimplementedManager) Stop(context.Context) error { return ErrUnsupported }
