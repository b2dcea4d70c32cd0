package core

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxName is the length of the longest name, in bytes.
const maxName = 128

// validate refuses a worker that cannot be right (REG-3).
func (w *Worker) validate() (field string, err error) {
	if field, err = w.validateFields(); err != nil {
		return field, err
	}
	if w.Schedule == nil {
		if w.Jitter > 0 {
			return "Jitter", bad("a long-running worker has no slots to delay")
		}
		return "", nil
	}
	if err := validateSchedule(w.Schedule); err != nil {
		return "Schedule", err
	}
	if i, ok := w.Schedule.(Interval); ok && w.Jitter >= i.Period() {
		return "Jitter", bad("must be shorter than the period of %s, got %s", i.Period(), w.Jitter)
	}
	return "", nil
}

func (w *Worker) validateFields() (field string, err error) {
	switch {
	case w.Name == "":
		return "Name", bad("is empty")
	case len(w.Name) > maxName:
		return "Name", bad("is %d bytes long, at most %d are allowed", len(w.Name), maxName)
	case w.Run == nil:
		return "Run", bad("is nil: there is nothing to run")
	case w.Timeout < 0:
		return "Timeout", bad("must not be negative, got %s", w.Timeout)
	case w.Jitter < 0:
		return "Jitter", bad("must not be negative, got %s", w.Jitter)
	case w.MaxLate < 0:
		return "MaxLate", bad("must not be negative, got %s", w.MaxLate)
	case w.Retry.MaxAttempts < 0:
		return "Retry.MaxAttempts", bad("must not be negative, got %d", w.Retry.MaxAttempts)
	case w.Scope > PerInstance:
		return "Scope", bad("must be PerCluster or PerInstance, got %d", w.Scope)
	case w.Misfire > SkipMissed:
		return "Misfire", bad("must be RunLatest or SkipMissed, got %d", w.Misfire)
	}
	for _, list := range []struct {
		field      string
		middleware []Middleware
	}{{"Middleware", w.Middleware}, {"AttemptMiddleware", w.AttemptMiddleware}} {
		if i := slices.IndexFunc(list.middleware, func(m Middleware) bool { return m == nil }); i >= 0 {
			return list.field, bad("number %d of %d is nil", i+1, len(list.middleware))
		}
	}
	for i := range len(w.Name) {
		if c := w.Name[i]; !nameByte(c) {
			return "Name", bad("has %q at byte %d; letters, digits and . _ - / : are allowed", c, i)
		}
	}
	return "", nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-' || c == '/' || c == ':'
}

// validateSchedule asks a schedule for itself. A panic in it is a refusal.
func validateSchedule(s Schedule) error {
	v, ok := s.(interface{ Validate() error })
	if !ok {
		return nil
	}
	var err error
	if fault := askSchedule(s, func() { err = v.Validate() }); fault != nil {
		return &invalid{reason: "its Validate panicked", cause: fault}
	}
	if err != nil {
		return &invalid{cause: sound(err)}
	}
	return nil
}

// tryOut asks a schedule for its first two slots: one that does not advance is
// refused (PER-9), and so is one that is due more often than the engine can.
func tryOut(s Schedule, now time.Time, shortest time.Duration) error {
	switch s := s.(type) {
	case nil:
		return nil
	case Interval:
		return tooShort(s.Period(), shortest)
	case AfterRun:
		return tooShort(s.Delay(), shortest)
	}
	first, err := next(s, now)
	if err != nil {
		return &invalid{cause: err}
	}
	if first.IsZero() {
		return nil
	}
	second, err := next(s, first)
	if err != nil {
		return &invalid{cause: err}
	}
	if second.IsZero() {
		return nil
	}
	return tooShort(second.Sub(first), shortest)
}

func tooShort(period, shortest time.Duration) error {
	if period < shortest {
		return fmt.Errorf("due every %s, and the shortest period is %s: %w", period, shortest, ErrUnsupported)
	}
	return nil
}

// bad makes a reason for ErrInvalidWorker.
func bad(format string, args ...any) error { return &invalid{reason: fmt.Sprintf(format, args...)} }

var errNilContext = errors.New("the context is nil")
