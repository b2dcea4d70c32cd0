package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picky is a handler that panics at values that are not texts.
type picky struct{ slog.Handler }

func (p picky) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() != slog.KindString {
			panic("not a text: " + a.Key)
		}
		return true
	})
	return p.Handler.Handle(ctx, r)
}

func (p picky) WithAttrs(attrs []slog.Attr) slog.Handler { return picky{p.Handler.WithAttrs(attrs)} }

type password string

func (password) LogValue() slog.Value { return slog.StringValue("***") }

func TestARecordAtWhichTheHandlerPanicsIsOfferedAgain(t *testing.T) {
	var out bytes.Buffer
	manager, runs := safeLoggers(slog.New(picky{slog.NewTextHandler(&out, nil)}))
	for _, l := range []*slog.Logger{manager, runs} {
		out.Reset()
		l.Error("run failed", "worker", "w", "error", errors.New("boom"), "password", password("hunter2"), "struct", struct{ p string }{"hunter2"})
		assert.Contains(t, out.String(), `msg="run failed" worker=w error=boom password=*** struct="a struct { p string }"`)
		assert.Contains(t, out.String(), "panic in the Handle method of core.picky: not a text: error")
		assert.NotContains(t, out.String(), "hunter2")
	}
}

// exitingHandler is a handler that ends the goroutine.
type exitingHandler struct{ slog.Handler }

func (exitingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (exitingHandler) Handle(context.Context, slog.Record) error {
	runtime.Goexit()
	return nil
}

func TestAHandlerThatExitsDoesNotEndTheManagersGoroutine(t *testing.T) {
	manager, _ := safeLoggers(slog.New(exitingHandler{}))
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		manager.Info("first")
		returned = true
	}()
	<-done
	assert.True(t, returned)
}

// exitingValue ends the goroutine on which a handler asks for its value.
type exitingValue struct{}

func (exitingValue) LogValue() slog.Value {
	runtime.Goexit()
	return slog.Value{}
}

// exitingText does so if it is printed.
type exitingText struct{}

func (exitingText) String() string {
	runtime.Goexit()
	return ""
}

func TestALogValueThatExitsDoesNotEndTheManagersGoroutine(t *testing.T) {
	for _, value := range []any{exitingValue{}, exitingText{}} {
		var out bytes.Buffer
		manager, _ := safeLoggers(slog.New(slog.NewTextHandler(&out, nil)))
		returned := false
		done := make(chan struct{})
		go func() {
			defer close(done)
			manager.Info("first", "worker", "w", "value", value)
			returned = true
		}()
		<-done
		assert.True(t, returned, "%T", value)
		assert.Contains(t, out.String(), fmt.Sprintf(`msg=first worker=w value="a %T that cannot be printed"`, value))
	}
}

func TestAHandlersErrorIsPassedOn(t *testing.T) {
	boom := errors.New("disk full")
	manager, runs := safeLoggers(slog.New(failing{boom}))
	for _, l := range []*slog.Logger{manager, runs} {
		assert.Equal(t, boom, l.Handler().Handle(t.Context(), slog.Record{}))
		assert.False(t, l.Enabled(t.Context(), slog.LevelInfo))
	}
}

type failing struct{ err error }

func (f failing) Enabled(context.Context, slog.Level) bool  { return false }
func (f failing) Handle(context.Context, slog.Record) error { return f.err }
func (f failing) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f failing) WithGroup(string) slog.Handler             { return f }

func TestNowThatPanicsFailsStart(t *testing.T) {
	m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { panic("no clock") }})
	err := m.Start(t.Context())
	require.EqualError(t, err, "tickwork: start: panic in Options.Now: no clock")
	require.NotNil(t, asPanic(err))
	require.NoError(t, m.Stop(t.Context()))
}

func TestNowThatPanicsLaterGoesOnFromItsLastReading(t *testing.T) {
	ahead, broken := 48*time.Hour, false
	now, check := containNow(func() time.Time {
		if broken {
			panic("no clock")
		}
		return time.Now().Add(ahead)
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, check())
	broken = true
	assert.WithinDuration(t, time.Now().Add(ahead), now(), 10*time.Second)
}

func BenchmarkLogger(b *testing.B) {
	text := slog.New(slog.NewTextHandler(nowhere{}, nil))
	manager, runs := safeLoggers(text)
	for _, l := range []struct {
		name   string
		logger *slog.Logger
	}{{"bare", text}, {"runs", runs}, {"manager", manager}} {
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.logger.Info("run failed", "worker", "w", "attempt", 1)
			}
		})
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
