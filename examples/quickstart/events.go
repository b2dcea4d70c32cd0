package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// keptEvents is how many of the latest log records the view can show.
const keptEvents = 50

// events is a slog.Handler that keeps the latest records as short lines for the
// view. After release it prints them instead.
type events struct {
	attrs []slog.Attr
	*eventLog
}

type eventLog struct {
	mu    sync.Mutex
	lines []event
	out   io.Writer // nil until release
}

// An event is a log record as the view shows it.
type event struct {
	level slog.Level
	text  string
}

func newEvents() events { return events{eventLog: &eventLog{}} }

// Enabled implements slog.Handler.
func (e events) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs implements slog.Handler.
func (e events) WithAttrs(attrs []slog.Attr) slog.Handler {
	return events{slices.Concat(e.attrs, attrs), e.eventLog}
}

// WithGroup implements slog.Handler. It ignores groups: nothing here uses them.
func (e events) WithGroup(string) slog.Handler { return e }

// Handle implements slog.Handler.
func (e events) Handle(_ context.Context, r slog.Record) error {
	var worker string
	var rest strings.Builder
	add := func(a slog.Attr) bool {
		switch a.Key {
		case "worker":
			worker = a.Value.String() + ": "
		case "tick", "attempt", "stack": // too much for a line
		case "duration":
			fmt.Fprintf(&rest, " %s=%s", a.Key, a.Value.Duration().Round(100*time.Microsecond))
		default:
			fmt.Fprintf(&rest, " %s=%v", a.Key, a.Value)
		}
		return true
	}
	for _, a := range e.attrs {
		add(a)
	}
	r.Attrs(add)
	text := r.Time.Format("15:04:05 ") + worker + strings.TrimPrefix(r.Message, "tickwork: ") + rest.String()
	return e.add(event{r.Level, strings.Map(printable, text)})
}

func (l *eventLog) add(e event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != nil {
		_, err := fmt.Fprintln(l.out, e.text)
		return err
	}
	if len(l.lines) == keptEvents {
		l.lines = slices.Delete(l.lines, 0, 1)
	}
	l.lines = append(l.lines, e)
	return nil
}

// latest returns the last n events, the oldest first.
func (l *eventLog) latest(n int) []event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[max(len(l.lines)-max(n, 0), 0):])
}

// release prints the records from now on, because the view has ended.
func (l *eventLog) release(out io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = out
}

// printable replaces control characters, so that the name of a file cannot control
// the terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '·'
}
