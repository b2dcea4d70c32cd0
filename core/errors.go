package core

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Errors that a caller may decide on, with errors.Is.
var (
	// ErrInvalidWorker is what Add and Reschedule answer when a field of the
	// worker cannot be right (REG-3). The error is a *WorkerError too.
	ErrInvalidWorker = errors.New("invalid worker")
	// ErrDuplicate is what Add answers for a name that is taken (REG-4).
	ErrDuplicate = errors.New("a worker of this name exists")
	// ErrNotFound is said of a name that no worker of this manager has.
	ErrNotFound = errors.New("no worker of this name")
	// ErrDisabled is returned by Trigger for a disabled worker, and by Trigger,
	// Pause and Resume on a disabled manager without a cluster (CTL-4).
	ErrDisabled = errors.New("the worker or its manager is disabled")
	// ErrUnsupported is said of what the engine cannot do (REG-6).
	ErrUnsupported = errors.New("not supported by this engine")
	// ErrNotStarted is what Trigger, Pause and Resume answer before Start.
	ErrNotStarted = errors.New("the manager is not started")
	// ErrStarted is what a second Start answers (STA-2).
	ErrStarted = errors.New("the manager is already started")
	// ErrStopped is said once Stop was called or Start has failed: a manager
	// is not started again, make a new one (STA-2, REG-5).
	ErrStopped = errors.New("the manager is stopped")
	// ErrNextNotCalled is the error of a run whose middleware returned nil
	// without having called next: a run that did not happen is no success.
	ErrNextNotCalled = errors.New("middleware returned without calling next")
)

// ErrHandedBack is wrapped by the error of a run that returned HandBack (STP-9).
// Middleware and observers find it with errors.Is.
var ErrHandedBack = errors.New("handed back")

// HandBack marks err as the error of a run that stops early because its manager
// is stopping, which the run sees by Stopping (STP-9):
//
//	case <-core.Stopping(ctx):
//		return core.HandBack(nil) // another instance runs the tick again
//
// The run's outcome is Cancelled: it counts neither as a failure nor as a crash,
// no further attempt is made, and OnError is not called. In a cluster another
// instance runs the tick again, with Tick.Redelivered set, as after a run that Stop
// cut off (CLU-11); the tick of an AtMostOnce worker is not run again. Without a
// cluster nobody runs it again.
//
// The error wraps ErrHandedBack and err, which may be nil. If it is returned while
// the manager is not stopping, the attempt has failed. A panic with it is an ordinary
// panic.
func HandBack(err error) error { return &handBackError{err} }

type handBackError struct{ err error }

func (e *handBackError) Error() string {
	if e.err == nil {
		return ErrHandedBack.Error()
	}
	return ErrHandedBack.Error() + ": " + e.err.Error()
}

func (e *handBackError) Unwrap() []error {
	if e.err == nil {
		return []error{ErrHandedBack}
	}
	return []error{ErrHandedBack, e.err}
}

// Causes with which a run's context is cancelled; context.Cause tells them.
var (
	// ErrStopping: Stop's context ended while the run was in progress (STP-3),
	// or the worker is long-running and Stop was called (LNG-1).
	ErrStopping = errors.New("the manager is stopping")
	// ErrRemoved: Remove's context ended while the run was in progress, or the
	// worker is long-running and was removed (CTL-1).
	ErrRemoved = errors.New("the worker was removed")
	// ErrPaused: the worker is long-running and was paused (LNG-1).
	ErrPaused = errors.New("the worker was paused")
	// ErrLeaseLost: another instance may have taken the worker over (CLU-10).
	ErrLeaseLost = errors.New("the lease on the worker was lost")
	// ErrTimeout: the attempt's Timeout passed (ERR-4). The context's Err is
	// context.DeadlineExceeded.
	ErrTimeout = errors.New("the attempt's timeout passed")
)

// A WorkerError is an error about one worker. Its message names the worker and
// what was attempted; Err is the reason.
type WorkerError struct {
	Op     string // what was attempted: "add", "reschedule", "trigger", …
	Worker string // the worker's name as it was given
	Field  string // the field at fault, where one is: "Timeout"
	Err    error
}

func (e *WorkerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tickwork: %s worker %q: ", e.Op, clip(e.Worker))
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns Err.
func (e *WorkerError) Unwrap() error { return e.Err }

// A ConfigError says that a field of an engine's Config cannot be right. An
// engine's New returns one, or several that errors.Join has made one: whoever
// read the configuration from somewhere can tell by it where the field stands.
type ConfigError struct {
	Engine string // "asynq"
	Field  string // the field at fault: "Lease", "TLS.Cert" for a field of a field, or "User, Token" for several that do not go together
	Err    error
}

func (e *ConfigError) Error() string { return e.Engine + ": " + e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// clip keeps a name that was refused for its length from filling a log.
func clip(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "…"
	}
	return name
}

// invalid is a reason for ErrInvalidWorker.
type invalid struct {
	reason string
	cause  error
}

func (e *invalid) Error() string {
	if e.cause != nil && e.reason == "" {
		return e.cause.Error()
	}
	if e.cause != nil {
		return e.reason + ": " + e.cause.Error()
	}
	return e.reason
}

func (e *invalid) Unwrap() []error {
	if e.cause != nil {
		return []error{ErrInvalidWorker, e.cause}
	}
	return []error{ErrInvalidWorker}
}

// A PanicError is what a panic or a runtime.Goexit in a user's function, or in a
// method of a user's value, becomes (ERR-2, ERR-3).
type PanicError struct {
	// Value is the argument of panic, or ErrGoexit for a runtime.Goexit. If it is an
	// error whose own methods panic, Value is the *PanicError of that second panic.
	Value any
	Stack []byte // the stack of the panic, as debug.Stack prints it
	// In names the method that panicked: "the Error method of *mail.Failure". It is
	// empty if a function panicked: the worker's, a hook, a handler.
	In string
}

// ErrGoexit is the Value of the PanicError of a runtime.Goexit, which is also
// what testing.T.FailNow calls.
var ErrGoexit = errors.New("runtime.Goexit was called")

func (e *PanicError) Error() string {
	goexit := e.Value == any(ErrGoexit)
	switch {
	case goexit && e.In != "":
		return ErrGoexit.Error() + " in " + e.In
	case goexit:
		return ErrGoexit.Error()
	case e.In != "":
		return "panic in " + e.In + ": " + printed(e.Value)
	}
	return "panic: " + printed(e.Value)
}

// Unwrap returns the Value if it is an error, so that errors.Is and errors.As
// see through a panic(err).
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A StopError lists the runs that a Stop or a Remove cut off because its context
// ended (STP-3), and what still goes on after Stop (STP-6).
type StopError struct {
	// CutOff lists the workers whose run was cancelled and then returned.
	CutOff []string
	// Abandoned lists the workers whose run or hook had not returned at the end
	// of the grace. It may still be in progress.
	Abandoned []string
	// Unfinished lists the operations of the manager in which a call of the engine
	// has not returned: "start", "add worker w", "remove worker w", "schedule worker
	// w", "stop of engine nats". The engine may still have goroutines, timers or
	// connections (STP-6).
	Unfinished []string
	// Err is the context's error, or nil if the context had not ended.
	Err error

	op string // "stop" or "remove"
}

func (e *StopError) Error() string {
	var b strings.Builder
	b.WriteString("tickwork: " + cmp.Or(e.op, "stop"))
	if e.Err != nil {
		b.WriteString(" was cut short: " + e.Err.Error())
	} else {
		b.WriteString(" did not end everything")
	}
	list := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(&b, "; %s: %s", what, strings.Join(names, ", "))
		}
	}
	list("cut off", e.CutOff)
	list("still running", e.Abandoned)
	list("the engine has not returned from", e.Unfinished)
	return b.String()
}

// Unwrap returns Err.
func (e *StopError) Unwrap() error { return e.Err }
