package core

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
)

// safeHandler is the handler of Options.Logger. A panic in the handler, or in a LogValue
// that it calls, does not end the process or the run that logs (ERR-2, ERR-3).
type safeHandler struct {
	handler slog.Handler
	// apart: the handler is called on a goroutine of its own, so that a Goexit ends only
	// that. The manager and the engine log this way. A run logs on its own goroutine,
	// which is cheaper; a Goexit of the handler is then a Goexit of the run.
	apart bool
	lost  *sync.Once // reports on standard error that records are lost
}

// safeLoggers returns the manager's logger, and the one for runs and hooks.
func safeLoggers(l *slog.Logger) (manager, runs *slog.Logger) {
	h := safeHandler{handler: l.Handler(), lost: new(sync.Once)}
	runs = slog.New(&h)
	own := h
	own.apart = true
	return slog.New(&own), runs
}

// Enabled implements slog.Handler. It returns true if the handler panics.
func (h *safeHandler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer func() {
		if recover() != nil {
			enabled = true
		}
	}()
	return h.handler.Enabled(ctx, level)
}

// Handle implements slog.Handler. If the handler panics, it gets the record once more,
// with the panic added and with plain text in place of values that have methods.
func (h *safeHandler) Handle(ctx context.Context, r slog.Record) error {
	fault, err := h.handle(ctx, r)
	if fault == nil {
		return err
	}
	fault.In = method("Handle", h.handler)
	again := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		plain := slog.String(a.Key, unprinted(a.Value.Any()))
		_ = ask(func() { plain = plainAttr(a) }) // it calls methods of the value
		again.AddAttrs(plain)
		return true
	})
	again.AddAttrs(slog.String("panic", fault.Error()), slog.String("stack", string(fault.Stack)))
	if hopeless, err := h.handle(ctx, again); hopeless == nil {
		return err
	}
	h.lost.Do(func() {
		fmt.Fprintf(os.Stderr, "tickwork: log records are lost, such as %q: %v\n", r.Message, fault)
	})
	return fault
}

func (h *safeHandler) handle(ctx context.Context, r slog.Record) (fault *PanicError, err error) {
	if h.apart {
		return h.handleApart(ctx, r)
	}
	defer func() {
		if p := recover(); p != nil {
			fault = &PanicError{Value: describe(p), Stack: debug.Stack()}
		}
	}()
	return nil, h.handler.Handle(ctx, r)
}

func (h *safeHandler) handleApart(ctx context.Context, r slog.Record) (fault *PanicError, err error) {
	fault = ask(func() { err = h.handler.Handle(ctx, r) })
	return fault, err
}

// WithAttrs implements slog.Handler. If the handler panics, it gets the attributes once
// more as plain text. If it panics again, they are left out.
func (h *safeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if with, ok := h.derive(func() slog.Handler { return h.handler.WithAttrs(attrs) }); ok {
		return with
	}
	plain := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		plain[i] = plainAttr(a)
	}
	with, _ := h.derive(func() slog.Handler { return h.handler.WithAttrs(plain) })
	return with
}

// WithGroup implements slog.Handler. If the handler panics, the group is left out.
func (h *safeHandler) WithGroup(name string) slog.Handler {
	with, _ := h.derive(func() slog.Handler { return h.handler.WithGroup(name) })
	return with
}

// derive returns a copy of h around the handler that make returns. If make panics or
// returns nil, it returns h and false.
func (h *safeHandler) derive(make func() slog.Handler) (with *safeHandler, ok bool) {
	inner := orNil(make)
	if inner == nil {
		return h, false
	}
	derived := *h
	derived.handler = inner
	return &derived, true
}

// orNil returns the handler that make returns, or nil if make panics.
func orNil(make func() slog.Handler) slog.Handler {
	defer func() { _ = recover() }()
	return make()
}

// plainAttr returns an attribute without foreign methods. Texts and numbers are kept. An
// error and a Stringer become text. Any other value becomes the name of its type, because
// it may hold a secret.
func plainAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve() // which contains a panic
	switch value.Kind() {
	case slog.KindGroup:
		group := value.Group()
		plain := make([]slog.Attr, len(group))
		for i, inner := range group {
			plain[i] = plainAttr(inner)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(plain...)}
	case slog.KindAny, slog.KindLogValuer:
		switch v := value.Any().(type) {
		case error, fmt.Stringer:
			return slog.String(a.Key, printed(v))
		default:
			return slog.String(a.Key, fmt.Sprintf("a %T", v))
		}
	}
	return slog.Attr{Key: a.Key, Value: value}
}
