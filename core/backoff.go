package core

import "time"

// A Backoff says how long to wait before an attempt is repeated.
type Backoff interface {
	// Wait returns the wait after the given number of failed attempts in a
	// row, which is at least 1. A wait of zero or less is no wait. It may be
	// called from several goroutines at a time. If it panics, the panic is logged and
	// the default backoff is used (ERR-2).
	Wait(failures int) time.Duration
}

var defaultBackoff = Exponential(time.Second, time.Minute)

// Exponential waits first, then twice as long after each further failure, up
// to limit. A limit shorter than first is first.
func Exponential(first, limit time.Duration) Backoff {
	return exponential{first: max(first, 0), limit: max(limit, first, 0)}
}

type exponential struct{ first, limit time.Duration }

func (e exponential) Wait(failures int) time.Duration {
	d := e.first
	for ; failures > 1 && d > 0 && d < e.limit; failures-- {
		if d > e.limit/2 {
			return e.limit
		}
		d *= 2
	}
	return d
}

// Constant waits d after each failure.
func Constant(d time.Duration) Backoff { return constant(d) }

type constant time.Duration

func (c constant) Wait(int) time.Duration { return time.Duration(c) }

// Permanent marks err as one that a further attempt cannot mend: the run fails
// at once, whatever its worker's Retry says (ERR-5), and a long-running worker
// is not run again. Permanent(nil) is nil. The error that is recorded and
// handed to the error handler is err itself.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }
