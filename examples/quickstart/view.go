package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/seed-891a2e1b/tickwork/core"
)

const refresh = 250 * time.Millisecond

// Escape sequences of a terminal.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // a screen of its own, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"

	normal = ""
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// view is the display on a terminal: a picture that is drawn again in place several
// times a second. Log records are part of the picture.
type view struct {
	out    io.Writer
	size   func() (width, height int, err error)
	about  []string
	events events
	color  bool
}

func newView(file *os.File, about []string) *view {
	return &view{
		out:    file,
		size:   func() (int, int, error) { return term.GetSize(int(file.Fd())) },
		about:  about,
		events: newEvents(),
		color:  os.Getenv("NO_COLOR") == "",
	}
}

func (v *view) handler() slog.Handler { return v.events }

// watch draws until the context ends, and then restores the terminal.
func (v *view) watch(ctx context.Context, r report) {
	fmt.Fprint(v.out, enterScreen)
	defer v.events.release(v.out)
	defer fmt.Fprint(v.out, leaveScreen)
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		width, height, err := v.size()
		if err != nil {
			width, height = 80, 24
		}
		v.draw(v.picture(r, width, height, time.Now()), width)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// A line of the picture.
type line struct{ style, text string }

// draw writes the picture in one write, from the upper left corner.
func (v *view) draw(picture []line, width int) {
	var b strings.Builder
	b.WriteString(home)
	for i, l := range picture {
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := clip(l.text, width)
		if v.color && l.style != normal {
			text = l.style + text + reset
		}
		b.WriteString(text + clearLine)
	}
	b.WriteString(clearBelow)
	fmt.Fprint(v.out, b.String())
}

// picture returns the lines. If they do not fit, it leaves out the oldest events.
func (v *view) picture(r report, width, height int, now time.Time) []line {
	lines := []line{{bold, fmt.Sprintf("tickwork quickstart   engine %s   up %s   Ctrl-C stops",
		r.m.Features().Engine, now.Sub(r.started).Truncate(time.Second))}}
	for _, about := range v.about {
		lines = append(lines, line{dim, about})
	}
	lines = append(lines, line{})

	workers := r.m.Workers()
	for i, text := range table(viewColumns, viewRows(workers, r.tasks, now), width) {
		switch {
		case i == 0:
			lines = append(lines, line{dim, text})
		case workers[i-1].Last != nil && workers[i-1].Last.Outcome == core.Failed:
			lines = append(lines, line{red, text})
		default:
			lines = append(lines, line{normal, text})
		}
	}
	lines = append(lines, line{})
	for _, e := range v.events.latest(height - len(lines)) {
		lines = append(lines, line{eventStyle(e.level), e.text})
	}
	return lines[:min(len(lines), height)]
}

var viewColumns = []column{
	{head: "WORKER"},
	{head: "SCHEDULE", rank: 4},
	{head: "NEXT", rank: 2},
	{head: "LAST", rank: 3},
	{head: "RUNS", right: true, rank: 1},
	{head: "FAILED", right: true, rank: 1},
	{head: "DONE", rank: 5},
}

func viewRows(workers []core.WorkerStatus, tasks []task, now time.Time) [][]string {
	var rows [][]string
	for i, w := range workers {
		rows = append(rows, []string{
			w.Name, w.Schedule, next(w, now), last(w, now),
			fmt.Sprint(w.Runs), fmt.Sprint(w.Failures), tasks[i].done(),
		})
	}
	return rows
}

// next formats when the worker is due, or what it does now.
func next(w core.WorkerStatus, now time.Time) string {
	if w.State != core.StateIdle || w.Next.IsZero() {
		return w.State.String()
	}
	return "in " + (w.Next.Sub(now) + time.Second - 1).Truncate(time.Second).String()
}

// last formats the outcome of the last run, and when it ended.
func last(w core.WorkerStatus, now time.Time) string {
	if w.Last == nil {
		return "not yet"
	}
	ended := w.Last.Start.Add(w.Last.Duration)
	return fmt.Sprintf("%s %s ago", w.Last.Outcome, now.Sub(ended).Truncate(time.Second))
}

func eventStyle(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return red
	case level >= slog.LevelWarn:
		return yellow
	default:
		return normal
	}
}

// clip cuts text that is too wide, and marks the cut with an ellipsis.
func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return string(runes[:width-1]) + "…"
}
