package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// The methods of a user's values are foreign code: Error, Unwrap, Is and As of an
// error, which may be a nil pointer in an interface; Next of a schedule; Wait of a
// Backoff. The manager examines an error once, when it gets it. If a method of the
// error panics, the manager uses a *PanicError in its place from then on.

// ask calls f, which calls methods of a user's value, on a goroutine of its own. It
// returns the panic or the Goexit that ended f, or nil.
func ask(f func()) *PanicError {
	result := make(chan *PanicError, 1)
	go func() {
		var fault *PanicError
		returned := false
		defer func() {
			if fault == nil && !returned {
				fault = newGoexit()
			}
			result <- fault
		}()
		defer func() {
			if p := recover(); p != nil {
				fault = &PanicError{Value: describe(p), Stack: debug.Stack()}
			}
		}()
		f()
		returned = true
	}()
	return <-result
}

// describe returns the value of a panic, or its text if the value has methods that
// print it.
func describe(value any) any {
	switch value.(type) {
	case error, fmt.Stringer, fmt.Formatter:
		return printed(value)
	}
	return value
}

// printed prints a user's value, whatever its methods do.
func printed(value any) (text string) {
	defer func() {
		if recover() != nil { // fmt contains the first panic, but not one while it prints that
			text = unprinted(value)
		}
	}()
	return fmt.Sprint(value)
}

// unprinted returns a text for a value whose methods do not print it.
func unprinted(value any) string { return fmt.Sprintf("a %T that cannot be printed", value) }

// sound returns err, or a *PanicError that names the method if a method of err panics.
func sound(err error) error {
	if err == nil {
		return nil
	}
	if fault, _ := examine(err); fault != nil {
		return fault
	}
	return err
}

// examine calls the methods of an error that the manager and the errors package may
// call later. It returns the panic in one of them, and whether the error is marked by
// Permanent.
func examine(err error) (fault *PanicError, final bool) {
	var e examination
	fault = ask(func() {
		e.walk(err)
		e.method, e.err = "Error", err
		_ = err.Error()
	})
	if fault == nil {
		return nil, e.final
	}
	fault.In = method(e.method, e.err)
	if e.method == "Error" {
		_ = ask(func() { // Unwrap returned before, and may not return now
			if inner := e.inError(err); inner != nil {
				fault = inner
			}
		})
	}
	return fault, e.final
}

// An examination walks through an error and those that it wraps.
type examination struct {
	method string // the method that is being called
	err    error  // the error that has the method
	seen   int
	final  bool // one of the errors is marked by Permanent
}

// mostWrapped bounds a chain of errors: the chain of an error that wraps itself is endless.
const mostWrapped = 1 << 16

func (e *examination) walk(err error) {
	if e.seen++; e.seen > mostWrapped {
		panic(fmt.Sprintf("the error wraps more than %d others, or itself", mostWrapped))
	}
	if _, ok := err.(*permanentError); ok { //nolint:errorlint // this walks through the chain itself
		e.final = true
	}
	if x, ok := err.(interface{ Is(error) bool }); ok {
		e.method, e.err = "Is", err
		x.Is(context.DeadlineExceeded)
	}
	if x, ok := err.(interface{ As(any) bool }); ok {
		e.method, e.err = "As", err
		var mark *permanentError
		var crash *PanicError
		e.final = x.As(&mark) || e.final
		x.As(&crash)
	}
	e.method, e.err = "Unwrap", err
	for _, inner := range unwrap(err) {
		e.walk(inner)
	}
}

// unwrap returns the errors that an error wraps.
func unwrap(err error) (inner []error) {
	switch x := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if err := x.Unwrap(); err != nil {
			return []error{err}
		}
	case interface{ Unwrap() []error }:
		for _, err := range x.Unwrap() {
			if err != nil {
				inner = append(inner, err)
			}
		}
	}
	return inner
}

// inError returns the panic in an error's Error method. If the Error method of a wrapped
// error panics too, inError returns the wrapped error's panic.
func (e *examination) inError(err error) *PanicError {
	if e.seen++; e.seen > mostWrapped { // Unwrap may return more than it did before
		return nil
	}
	fault := ask(func() { _ = err.Error() })
	if fault == nil {
		return nil
	}
	for _, inner := range unwrap(err) {
		if f := e.inError(inner); f != nil {
			return f
		}
	}
	fault.In = method("Error", err)
	return fault
}

// method names a method of a value.
func method(name string, of any) string { return fmt.Sprintf("the %s method of %T", name, of) }

// is is errors.Is for a user's error. It returns false if a method panics.
func is(err, target error) (same bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, target)
}

// asPanic returns the *PanicError in an error, or nil.
func asPanic(err error) (crash *PanicError) {
	defer func() { _ = recover() }()
	errors.As(err, &crash)
	return crash
}
