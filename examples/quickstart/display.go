package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A display shows what the program does.
type display interface {
	handler() slog.Handler               // takes the log records
	watch(ctx context.Context, r report) // until ctx ends
}

// report is what a display can show in addition to the log.
type report struct {
	m       core.Manager
	tasks   []task
	started time.Time
}

// newDisplay returns a live view for a terminal, and log lines for anything else.
// About describes what the workers work on.
func newDisplay(stdout io.Writer, plain bool, about []string) display {
	file, ok := stdout.(*os.File)
	if !ok || plain || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return newLines(stdout, about)
	}
	return newView(file, about)
}

// lines is the display of a program in the background: its log.
type lines struct{ text slog.Handler }

func newLines(out io.Writer, about []string) lines {
	l := lines{slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: withoutStack})}
	for _, a := range about {
		slog.New(l.text).Info(a)
	}
	return l
}

func (l lines) handler() slog.Handler { return l.text }

func (l lines) watch(ctx context.Context, _ report) { <-ctx.Done() }

// withoutStack drops the stack of a panic, because the panics here are on purpose.
// A service must keep it.
func withoutStack(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == "stack" {
		return slog.Attr{}
	}
	return a
}
