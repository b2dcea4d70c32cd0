package core

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// safeNow is Options.Now, contained: if it panics, time goes on from its last reading
// with the runtime's clock.
type safeNow struct {
	now    func() time.Time
	logger *slog.Logger
	ahead  atomic.Int64 // of the runtime's clock, in nanoseconds, at the last reading
	fault  atomic.Pointer[PanicError]
}

// containNow returns a clock that does not panic, and what checks at Start whether now
// does. The runtime's own clock, which is the default, needs neither.
func containNow(now func() time.Time, logger *slog.Logger) (contained func() time.Time, check func() error) {
	if now == nil {
		return time.Now, func() error { return nil }
	}
	s := &safeNow{now: now, logger: logger}
	return s.read, s.check
}

func (s *safeNow) read() (t time.Time) {
	defer func() {
		if p := recover(); p != nil {
			t = time.Now().Round(0).Add(time.Duration(s.ahead.Load()))
			s.panicked(&PanicError{Value: describe(p), Stack: debug.Stack(), In: "Options.Now"})
		}
	}()
	t = s.now()
	s.ahead.Store(t.UnixNano() - time.Now().UnixNano())
	return t
}

// panicked keeps the first panic and has it logged: not here, since a lock may be held.
func (s *safeNow) panicked(fault *PanicError) {
	if s.fault.CompareAndSwap(nil, fault) {
		go s.logger.Error("tickwork: Options.Now panicked, and time goes on from its last reading", "error", fault, "stack", string(fault.Stack))
	}
}

func (s *safeNow) check() error {
	s.read()
	if fault := s.fault.Load(); fault != nil {
		return fmt.Errorf("tickwork: start: %w", fault)
	}
	return nil
}
