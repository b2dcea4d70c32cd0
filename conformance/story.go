package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
)

// A line is one of a trial's history.
type line struct {
	at     time.Time
	worker string // empty if the line is of all of them
	clock  bool   // the clock was set: a story shows the line wherever it is
	text   string
}

// note writes a line into the history.
func (t *trial) note(format string, args ...any) { t.write(line{text: fmt.Sprintf(format, args...)}) }

// noteOf writes a line about one worker.
func (t *trial) noteOf(worker, format string, args ...any) {
	t.write(line{worker: worker, text: fmt.Sprintf(format, args...)})
}

// noteClock writes that the clock of a node was set, or of the only one there is.
func (t *trial) noteClock(node string, by time.Duration, to time.Time) {
	if node != "" {
		node += ": "
	}
	way := "ahead"
	if by < 0 {
		way = "back"
	}
	t.write(line{clock: true, text: fmt.Sprintf("%sthe clock is set %s by %s, to %s", node, way, by.Abs(), to.UTC().Format(time.RFC3339Nano))})
}

// mostLines bounds a history in virtual time, which may be of years. The newest lines
// are kept.
const mostLines = 10_000

func (t *trial) write(l line) {
	l.at, l.text = time.Now(), strings.ReplaceAll(l.text, "\n", "; ")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	if !t.backend.WallClock && len(t.history) >= 2*mostLines {
		t.forgotten += mostLines
		t.history = slices.Delete(t.history, 0, mostLines)
	}
	t.history = append(t.history, l)
}

// print prints a line as a story does.
func (t *trial) print(l line) string {
	return fmt.Sprintf("%14s  %s", "+"+l.at.Sub(t.began).String(), l.text)
}

// whole prints the history.
func (t *trial) whole() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for _, l := range t.history {
		b.WriteString(t.print(l) + "\n")
	}
	return b.String()
}

// mostBreaches is how many a failure lists.
const mostBreaches = 5

// judge fails the case for the breaches of some rules, of all if none are given. The
// worker of the earliest is the guilty one: the story is about it, and its breaches come
// first.
func (t *trial) judge(breaches []history.Breach, rules ...string) {
	breaches = slices.DeleteFunc(breaches, func(b history.Breach) bool { return len(rules) > 0 && !slices.Contains(rules, b.Rule) })
	if len(breaches) == 0 {
		return
	}
	guilty := slices.MinFunc(breaches, func(a, b history.Breach) int {
		if a.At.IsZero() != b.At.IsZero() { // what has no time comes last
			return b.At.Compare(a.At)
		}
		return a.At.Compare(b.At)
	})
	own := slices.DeleteFunc(slices.Clone(breaches), func(b history.Breach) bool { return b.Worker != guilty.Worker })
	others := slices.DeleteFunc(slices.Clone(breaches), func(b history.Breach) bool { return b.Worker == guilty.Worker })
	breaches = slices.Concat(own, others)
	for _, b := range breaches[:min(len(breaches), mostBreaches)] {
		t.Errorf("%s", b)
	}
	if more := len(breaches) - mostBreaches; more > 0 {
		t.Errorf("(and %d more)", more)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.guilty = &guilty
}

// story tells what happened: the rule, the history, what was wrong, and how to
// run just this case again.
func (t *trial) story() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := rule(t.kase.rule)
	var b strings.Builder
	fmt.Fprintf(&b, "%s is broken by %s\n\n  %s\n", r.ID, t.backend.Name, r.Text)
	fmt.Fprintf(&b, "\nwhat happened, from %s on:\n", t.began.UTC().Format(time.RFC3339Nano))
	for _, text := range t.excerpt() {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	if late := t.stall(); late > 0 {
		fmt.Fprintf(&b, "\nthe machine was busy: what was to wake after %s did so up to %s late\n", watch, late)
	}
	b.WriteString("\nwhat is wrong:\n")
	for _, f := range t.failures {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(f, "\n", "\n  "))
	}
	fmt.Fprintf(&b, "\nthis case again:\n  go test -count=1 -run '^%s$' .\n", strings.ReplaceAll(t.name, "/", "$/^"))
	return b.String()
}

// mostShown is how many lines of the history a story shows, and shownAfter how many of
// them are after what is wrong, if it is known when that was.
const (
	mostShown  = 60
	shownAfter = 10
)

// excerpt returns the lines of the history that a story shows: of the guilty worker, if
// one is known, and of what was done to all, up to what is wrong; and each time that
// the clock was set. t.mu is held.
func (t *trial) excerpt() (shown []string) {
	lines := t.history
	before, end := t.forgotten, len(lines)
	if g := t.guilty; g != nil {
		lines = slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l.worker != "" && l.worker != g.Worker })
		shown = append(shown, fmt.Sprintf("(of the workers only %s is shown)", g.Worker))
		end = len(lines)
		if at := slices.IndexFunc(lines, func(l line) bool { return l.at.After(g.At) }); at >= 0 && !g.At.IsZero() {
			end = min(end, max(at+shownAfter, mostShown))
		}
	}
	begin := max(end-mostShown, 0)
	before += begin
	for _, l := range lines[:begin] {
		if l.clock {
			shown = append(shown, t.print(l))
			before--
		}
	}
	if before > 0 {
		shown = append(shown, fmt.Sprintf("(%d lines before)", before))
	}
	for _, l := range lines[begin:end] {
		shown = append(shown, t.print(l))
	}
	if after := len(lines) - end; after > 0 {
		shown = append(shown, fmt.Sprintf("(%d lines after)", after))
	}
	return shown
}
