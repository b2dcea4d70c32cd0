package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// A journal is a slog.Handler that keeps the records that it is given, for the
// cases about what is logged.
type journal struct {
	pages *pages
	attrs []slog.Attr // by With; a key has its groups in front of it
	group string      // by WithGroup: "a.b."
}

// pages are the records of a journal and of all that were derived from it.
type pages struct {
	mu      sync.Mutex
	records []record
}

// A record is one of a journal.
type record struct {
	level   slog.Level
	message string
	attrs   map[string]string // printed; a key has its groups in front of it
}

func newJournal() journal { return journal{pages: &pages{}} }

// Enabled takes everything.
func (j journal) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps a record.
func (j journal) Handle(_ context.Context, r slog.Record) error {
	kept := record{level: r.Level, message: r.Message, attrs: make(map[string]string)}
	for _, a := range j.attrs {
		kept.attrs[a.Key] = a.Value.Resolve().String()
	}
	r.Attrs(func(a slog.Attr) bool {
		kept.attrs[j.group+a.Key] = a.Value.Resolve().String()
		return true
	})
	j.pages.mu.Lock()
	defer j.pages.mu.Unlock()
	j.pages.records = append(j.pages.records, kept)
	return nil
}

// WithAttrs returns a journal that adds attributes and keeps to the same pages.
func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	j.attrs = slices.Clone(j.attrs)
	for _, a := range attrs {
		j.attrs = append(j.attrs, slog.Attr{Key: j.group + a.Key, Value: a.Value})
	}
	return j
}

// WithGroup returns a journal whose further keys have a name in front of them.
func (j journal) WithGroup(name string) slog.Handler {
	if name != "" {
		j.group += name + "."
	}
	return j
}

// read returns the records so far.
func (j journal) read() []record {
	j.pages.mu.Lock()
	defer j.pages.mu.Unlock()
	return slices.Clone(j.pages.records)
}

// about returns the records of a level, or above, that name a worker.
func (j journal) about(worker string, level slog.Level) []record { //nolint:unparam // the cases say which
	return slices.DeleteFunc(j.read(), func(r record) bool {
		return r.level < level || !strings.Contains(r.String(), worker)
	})
}

// saying returns the records with this message.
func (j journal) saying(message string) []record {
	return slices.DeleteFunc(j.read(), func(r record) bool { return r.message != message })
}

// String prints the record as a line.
func (r record) String() string { return fmt.Sprintf("%s %s %v", r.level, r.message, r.attrs) }
