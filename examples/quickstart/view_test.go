package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/seed-891a2e1b/tickwork/core"
)

// watched runs a manager with a worker that works and one that fails, and has
// a view of it that was drawn for a while.
func watched(t *testing.T, width, height int) (picture []string, written string) {
	t.Helper()
	var out bytes.Buffer
	v := &view{
		out:    &out,
		size:   func() (int, int, error) { return width, height, nil },
		about:  []string{"what it works on"},
		events: newEvents(),
	}
	m, _, err := newManager(t.Context(), "native", core.Options{Logger: slog.New(v.handler())})
	if err != nil {
		t.Fatal(err)
	}
	tasks := []task{
		{Worker: core.Worker{Name: "good", Run: func(ctx context.Context) error {
			core.Logger(ctx).Info("did it", "file", "evil\x1b[2J\nname")
			return nil
		}}, done: func() string { return "this and that" }},
		{Worker: core.Worker{Name: "bad", Run: func(context.Context) error { return errors.New("broken") }},
			done: func() string { return "nothing" }},
	}
	for i := range tasks {
		tasks[i].Schedule = core.Every(3 * time.Second)
	}
	if err := addAll(t.Context(), m, tasks); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := report{m: m, tasks: tasks, started: time.Now()}
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
	defer cancel()
	v.watch(ctx, r)
	for _, l := range v.picture(r, width, height, time.Now()) {
		picture = append(picture, clip(l.text, width))
	}
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return picture, out.String()
}

func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picture, written := watched(t, 100, 30)
		got := strings.Join(picture, "\n")
		want := `tickwork quickstart   engine native   up 7s   Ctrl-C stops
what it works on

WORKER  SCHEDULE  NEXT   LAST              RUNS  FAILED  DONE
good    every 3s  in 2s  succeeded 1s ago     2       0  this and that
bad     every 3s  in 2s  failed 1s ago        2       2  nothing
`
		if !strings.HasPrefix(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if !strings.Contains(got, "good: did it file=evil·[2J·name") || !strings.Contains(got, "bad: run failed duration=0s error=broken") {
			t.Errorf("the events are not right:\n%s", got)
		}
		if !strings.HasPrefix(written, enterScreen+home) || !strings.HasSuffix(written, leaveScreen) {
			t.Error("the terminal is not left as it was")
		}
		if strings.Contains(written, red) {
			t.Error("a color where none was asked for")
		}
	})
}

func TestViewFits(t *testing.T) {
	for _, size := range [][2]int{{100, 30}, {60, 14}, {40, 10}, {20, 5}, {7, 2}, {1, 1}, {0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			width, height := size[0], size[1]
			picture, _ := watched(t, width, height)
			if len(picture) > height {
				t.Errorf("%d lines in %d", len(picture), height)
			}
			for _, line := range picture {
				if utf8.RuneCountInString(line) > width {
					t.Errorf("wider than %d: %q", width, line)
				}
			}
		})
	}
}

func TestTableLeavesOutWhatDoesNotFit(t *testing.T) {
	columns := []column{{head: "name"}, {head: "n", right: true, rank: 1}, {head: "more", rank: 2}}
	rows := [][]string{{"first", "1", "text"}, {"2nd", "22", ""}}
	for width, want := range map[int]string{
		15: "name    n  more\nfirst   1  text\n2nd    22",
		14: "name    n\nfirst   1\n2nd    22",
		8:  "name\nfirst\n2nd",
	} {
		if got := strings.Join(table(columns, rows, width), "\n"); got != want {
			t.Errorf("%d wide: got\n%s\nwant\n%s", width, got, want)
		}
	}
}

func TestEventsAfterTheViewArePrinted(t *testing.T) {
	var out bytes.Buffer
	e := newEvents()
	logger := slog.New(e).With("worker", "w")
	for range keptEvents + 10 {
		logger.Info("kept")
	}
	if n := len(e.latest(1000)); n != keptEvents {
		t.Errorf("%d events kept", n)
	}
	e.release(&out)
	logger.Info("tickwork: printed", "n", 1)
	if got := out.String(); !strings.HasSuffix(got, " w: printed n=1\n") || strings.Contains(got, "kept") {
		t.Errorf("printed %q", got)
	}
}

func TestSkippedSaysWhy(t *testing.T) {
	if got, want := skipped(core.Skips{Overlap: 2, Missed: 1}), "3 (2 overlap, 1 missed)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
