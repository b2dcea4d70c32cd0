package backends

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Errors that a caller may decide on, with errors.Is.
var (
	// ErrUnknownBackend is said of a backend, or of a URL's scheme, that is
	// not registered. The message lists those that are, and the import that
	// is missing.
	ErrUnknownBackend = errors.New("unknown backend")
	// ErrUnknownWorker is what Start answers when the configuration names a
	// worker that was not added.
	ErrUnknownWorker = errors.New("no worker of this name was added")
)

// An Error says what is wrong in a configuration, and where. Where several
// things are, errors.Join has made one error of them. What stands in a backend's
// own section is not quoted: it could be a password.
type Error struct {
	Source string // the file, or the variable of the environment; empty for what a program filled in, or put in place of what these say
	Line   int    // in Source, from 1; zero where there is none
	Column int    // the byte in Line, from 1
	Key    string // "workers.delete-old-logs.every"; empty for the whole
	Err    error
}

// Error returns the message in the form that editors and terminals make a link
// of: tickwork.yaml:7:12: workers.delete-old-logs.every: why.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Source == "":
		b.WriteString("backends: ")
	case e.Line == 0:
		b.WriteString(e.Source + ": ")
	default:
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Source, e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	if e.Key != "" {
		b.WriteString(messageOf(e.Err))
	} else {
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// messageOf returns an error's text without the worker and the field, which are in the
// key.
func messageOf(err error) string {
	if w, ok := err.(*core.WorkerError); ok {
		err = w.Err
	}
	return err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// position is where a key stands.
type position struct {
	source       string
	line, column int
	hidden       *hidden // the parts of its value that come from variables; nil for none
}

// a path leads to a key: workers, delete-old-logs, every. The names of workers
// have dots in them, so it is not the dots that divide it.
type path string

const pathSep = "\x00"

func (p path) add(key string) path {
	if p == "" {
		return path(key)
	}
	return p + pathSep + path(key)
}

// String returns the path with dots. It leaves out a name that no key and no worker
// can have: it may be a part of a URL, or of a password that is not in quotes.
func (p path) String() string {
	names := strings.Split(string(p), pathSep)
	for i, name := range names {
		if strings.Contains(name, "://") || strings.ContainsFunc(name, isNoKeyRune) {
			names[i] = "…"
		}
	}
	return strings.Join(names, ".")
}

func isNoKeyRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._/:-", r))
}

// at makes an Error of a key.
func (pos position) at(p path, err error) *Error {
	return &Error{Source: pos.source, Line: pos.line, Column: pos.column, Key: p.String(), Err: pos.hidden.from(err)}
}

// meant returns `; did you mean "backend"?` where one of the names is close to
// the one given, else nothing.
func meant(given string, names []string) string {
	if name, ok := closest(given, names); ok {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

// closest returns the first of the names that is at most two letters away.
func closest(given string, names []string) (name string, ok bool) {
	if len(given) > 200 {
		return "", false
	}
	best := min(3, len(given))
	for _, n := range names {
		if d := distance(given, n); d < best {
			name, best, ok = n, d, true
		}
	}
	return name, ok
}

// distance is the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
