package core

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Contain calls foreign code, such as a worker's function, on a goroutine of its own,
// and returns its error. If f panics or calls runtime.Goexit, or if a method of its
// error panics, Contain returns a *PanicError (ERR-2). It is for a manager that is
// written from scratch.
func Contain(ctx context.Context, f func(context.Context) error) error {
	return sound(<-isolated(ctx, f))
}

// protect calls f and turns a panic into an error (ERR-2).
func protect(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanic(p)
		}
	}()
	return f(ctx)
}

// isolated calls f on a goroutine of its own and turns a panic, and a
// runtime.Goexit, which ends that goroutine, into an error.
func isolated(ctx context.Context, f func(context.Context) error) <-chan error {
	result := make(chan error, 1)
	go func() {
		returned := false
		defer func() {
			if !returned {
				result <- newGoexit()
			}
		}()
		err := protect(ctx, f)
		returned = true
		result <- err
	}()
	return result
}

func newPanic(value any) *PanicError {
	p := &PanicError{Value: value, Stack: debug.Stack()}
	switch v := value.(type) {
	case error:
		if fault, _ := examine(v); fault != nil {
			p.Value = fault
		}
	case fmt.Stringer, fmt.Formatter:
		if fault := ask(func() { _ = fmt.Sprint(v) }); fault != nil {
			p.Value = printed(fault.Value)
		}
	}
	return p
}

func newGoexit() *PanicError { return &PanicError{Value: ErrGoexit, Stack: debug.Stack()} }

// safely calls foreign code on a goroutine of its own and waits for it. A panic or a
// Goexit in it is logged (ERR-3).
func (m *manager) safely(what string, f func()) {
	err := <-isolated(context.Background(), func(context.Context) error { f(); return nil })
	if p := asPanic(err); p != nil {
		m.logContained(what, p)
	}
}

// containPanic is deferred by what calls foreign code. It ends a panic and logs it.
func (m *manager) containPanic(what string) {
	if p := recover(); p != nil {
		m.logContained(what, newPanic(p))
	}
}

func (m *manager) logContained(what string, p *PanicError) {
	m.opts.Logger.Error("tickwork: panic contained", "in", what, "error", p, "stack", string(p.Stack))
}

// observe notifies the observers of an event that does not come on a run's goroutine.
// It calls them on goroutines of their own: a Goexit in one of them would end the
// clock, an engine's goroutine, or middleware.
func (m *manager) observe(e Event) {
	if len(m.opts.Observers) == 0 {
		return
	}
	if e.Time.IsZero() {
		e.Time = m.opts.Now()
	}
	if e.Context == nil {
		e.Context = context.Background()
	}
	for _, o := range m.opts.Observers {
		m.safely("observer", func() { o(e) })
	}
}
