package core

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// safeNow contains Options.Now: if it panics, time goes on from its last reading with
// the runtime's clock.
type safeNow struct {
	now    func() time.Time
	logger *slog.Logger
	ahead  atomic.Int64 // how far now was ahead of the runtime's clock at the last reading, in nanoseconds
	fault  atomic.Pointer[PanicError]
}

// containNow returns a clock that does not panic, and a check for Start, which returns
// an error if now panics. If now is nil, the clock is the runtime's.
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

// panicked keeps the first panic and logs it on another goroutine, because the caller may
// hold a lock.
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
