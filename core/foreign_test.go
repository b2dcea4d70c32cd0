package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failed is an error whose methods work only on a value that is there.
type failed struct{ text string }

func (e *failed) Error() string { return e.text }

type badUnwrapError struct{}

func (badUnwrapError) Error() string { return "bad unwrap" }
func (badUnwrapError) Unwrap() error { panic("no inside") }

type badUnwrapAllError struct{}

func (badUnwrapAllError) Error() string   { return "bad unwrap" }
func (badUnwrapAllError) Unwrap() []error { panic("no insides") }

type badIsError struct{}

func (badIsError) Error() string { return "bad is" }
func (badIsError) Is(error) bool { panic("is nothing") }

type badAsError struct{}

func (badAsError) Error() string { return "bad as" }
func (badAsError) As(any) bool   { panic("as nothing") }

type exits struct{}

func (exits) Error() string { runtime.Goexit(); return "" }

// itself panics with itself, which fmt does not contain.
type itself struct{}

func (e itself) Error() string { panic(e) }

// loop wraps itself.
type loop struct{}

func (l loop) Error() string { return "loop" }
func (l loop) Unwrap() error { return l }

func TestAnErrorWhoseMethodsPanicIsReplacedByOneThatSaysSo(t *testing.T) {
	var none *failed
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a nil pointer", none, "panic in the Error method of *core.failed: runtime error: invalid memory address or nil pointer dereference"},
		{"a nil pointer, marked", Permanent(none), "panic in the Error method of *core.failed: runtime error: invalid memory address or nil pointer dereference"},
		{"a nil pointer, joined", errors.Join(errors.New("a"), none), "panic in the Error method of *core.failed: runtime error: invalid memory address or nil pointer dereference"},
		{"Unwrap", badUnwrapError{}, "panic in the Unwrap method of core.badUnwrapError: no inside"},
		{"Unwrap, wrapped", fmt.Errorf("outside: %w", badUnwrapError{}), "panic in the Unwrap method of core.badUnwrapError: no inside"},
		{"Unwrap of several", badUnwrapAllError{}, "panic in the Unwrap method of core.badUnwrapAllError: no insides"},
		{"Is", badIsError{}, "panic in the Is method of core.badIsError: is nothing"},
		{"As", fmt.Errorf("outside: %w", badAsError{}), "panic in the As method of core.badAsError: as nothing"},
		{"a Goexit", exits{}, "runtime.Goexit was called in the Error method of core.exits"},
		{"a panic with itself", itself{}, "panic in the Error method of core.itself: a core.itself that cannot be printed"},
		{"a chain without end", loop{}, "panic in the Unwrap method of core.loop: the error wraps more than 65536 others, or itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sound(c.err)
			require.EqualError(t, err, c.want)
			crash := asPanic(err)
			require.NotNil(t, crash)
			assert.NotEmpty(t, crash.Stack)
			assert.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// fickle panics in Error, and its Unwrap answers otherwise from the second call on.
type fickle struct {
	calls  int
	unwrap func(*fickle) error
}

func (*fickle) Error() string { panic("no text") }
func (f *fickle) Unwrap() error {
	if f.calls++; f.calls > 1 {
		return f.unwrap(f)
	}
	return nil
}

// The error that is to blame is searched for with methods that have returned before.
func TestAnErrorWhoseUnwrapPanicsOnlyLaterIsContained(t *testing.T) {
	for name, unwrap := range map[string]func(*fickle) error{
		"a panic": func(*fickle) error { panic("no inside") },
		"a loop":  func(f *fickle) error { return f },
		"a Goexit": func(*fickle) error {
			runtime.Goexit()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.EqualError(t, sound(&fickle{unwrap: unwrap}), "panic in the Error method of *core.fickle: no text")
		})
	}
}

func TestAnErrorWhoseMethodsWorkStaysTheSame(t *testing.T) {
	for _, err := range []error{nil, errors.New("a"), &failed{"b"}, errors.Join(ErrTimeout, &failed{"c"}), fmt.Errorf("load: %w", (*failed)(nil)), newPanic("d")} {
		assert.True(t, sound(err) == err, "%v", err) //nolint:errorlint // identity
	}
}

func TestPermanentCountsAlsoOnAnErrorWhoseMethodsPanic(t *testing.T) {
	for _, err := range []error{Permanent((*failed)(nil)), fmt.Errorf("outside: %w", Permanent(badIsError{}))} {
		fault, final := examine(err)
		assert.NotNil(t, fault)
		assert.True(t, final)
	}
}

func TestAPanicsValueWhoseMethodsPanicIsReplaced(t *testing.T) {
	assert.EqualError(t, newPanic((*failed)(nil)), "panic: panic in the Error method of *core.failed: runtime error: invalid memory address or nil pointer dereference")
	assert.EqualError(t, newPanic(itself{}), "panic: panic in the Error method of core.itself: a core.itself that cannot be printed")
	assert.EqualError(t, newPanic(exits{}), "panic: runtime.Goexit was called in the Error method of core.exits")
	assert.NotErrorIs(t, newPanic(badIsError{}), ErrTimeout)
}

func BenchmarkFailedError(b *testing.B) {
	err := fmt.Errorf("load: %w", errors.New("disk full"))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = examine(err)
	}
}
