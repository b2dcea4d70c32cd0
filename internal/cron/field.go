package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A field is one of the six: its name, its values, and how they may be written.
type field struct {
	name     string
	min, max int
	unit     time.Duration // from a value to the next; 0 if that varies
	plural   string
	names    []string // of min, min+1 and so on
	week     bool     // 7 is 0, and a range may end on it
	day      bool     // ? may stand for *
}

// The fields, in the order in which they are written.
var fields = [...]field{
	{name: "second", max: 59, unit: time.Second, plural: "seconds"},
	{name: "minute", max: 59, unit: time.Minute, plural: "minutes"},
	{name: "hour", max: 23, unit: time.Hour, plural: "hours"},
	{name: "day of month", min: 1, max: 31, unit: 24 * time.Hour, plural: "days", day: true},
	{name: "month", min: 1, max: 12, names: []string{
		"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day of week", max: 6, unit: 24 * time.Hour, plural: "days", day: true, week: true, names: []string{
		"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

// A token is a part of the expression and its place there.
type token struct {
	text string
	pos  int
}

// cut slices t around the first sep.
func (t token) cut(sep string) (before, after token, found bool) {
	b, a, found := strings.Cut(t.text, sep)
	return token{b, t.pos}, token{a, t.pos + len(b) + len(sep)}, found
}

// star reports whether t begins as an unrestricted field does.
func (t token) star() bool { return t.text[0] == '*' || t.text[0] == '?' }

func (f *field) refuse(t token, format string, args ...any) *ParseError {
	return &ParseError{Field: f.name, Text: t.text, Pos: t.pos, Reason: fmt.Sprintf(format, args...)}
}

// parse returns the values that a whole field chooses.
func (f *field) parse(t token) (set, *ParseError) {
	var s set
	for rest, more := t, true; more; {
		var item token
		item, rest, more = rest.cut(",")
		if item.text == "" {
			return 0, f.refuse(t, "has an empty list item")
		}
		values, err := f.item(item)
		if err != nil {
			return 0, err
		}
		s |= values
	}
	if f.week && s.has(7) {
		s = s&^(1<<7) | 1<<0
	}
	return s, nil
}

// item parses a value, a range or a star, each with a step or without. In the
// day of week the result may hold a 7.
func (f *field) item(t token) (set, *ParseError) {
	values, stepText, stepped := t.cut("/")
	step := 1
	if stepped {
		n, ok := number(stepText.text)
		if !ok || n == 0 {
			return 0, f.refuse(t, "has a step that is not a number above 0")
		}
		if size := f.max - f.min + 1; n > size {
			return 0, f.refuse(t, "has a step larger than the field's %d values, so only its first value would be due%s", size, f.instead(n))
		}
		step = n
	}
	if values.text == "*" || values.text == "?" && f.day {
		return rangeSet(f.min, f.max, step), nil
	}
	if values.text == "?" {
		return 0, f.refuse(values, "is for the two day fields only; write *")
	}

	first, last, ranged := values.cut("-")
	lo, err := f.value(first, t)
	if err != nil {
		return 0, err
	}
	hi := lo
	switch {
	case ranged:
		if hi, err = f.value(last, t); err != nil {
			return 0, err
		}
		if f.week {
			lo, hi = weekRange(lo, hi)
		}
		if lo > hi {
			return 0, f.refuse(t, "is a range that runs backwards")
		}
	case stepped:
		lo, hi = f.wrap(lo), f.max
	}
	return rangeSet(lo, hi, step), nil
}

// instead says how to write what a step of n, which is too large for the field,
// was most likely meant to be.
func (f *field) instead(n int) string {
	const most = 100_000 // so many days are still a time.Duration
	switch {
	case n > most:
		return ""
	case f.unit == 0:
		return "; no cron expression counts past the end of a year: run it more often, and have the worker decide"
	}
	count, unit, letter := n, "Second", "s"
	switch f.unit {
	case time.Minute:
		unit, letter = "Minute", "m"
	case time.Hour:
		unit, letter = "Hour", "h"
	case 24 * time.Hour:
		count, unit, letter = n*24, "Hour", "h"
	}
	return fmt.Sprintf("; for every %d %s use Every(%d*time.%s) (in a file every: %d%s)", n, f.plural, count, unit, count, letter)
}

// value parses one number or name of the given item.
func (f *field) value(t, item token) (int, *ParseError) {
	for i, name := range f.names {
		if len(t.text) == len(name) && strings.ToUpper(t.text) == name {
			return f.min + i, nil
		}
	}
	top := f.max
	if f.week {
		top = 7
	}
	n, ok := number(t.text)
	switch {
	case !ok && t.text == "":
		return 0, f.refuse(item, "has a range with an end missing")
	case !ok && f.names != nil:
		return 0, f.refuse(t, "is neither a number nor a name from %s to %s", f.names[0], f.names[len(f.names)-1])
	case !ok:
		return 0, f.refuse(t, "is not a number")
	case n < f.min || n > top:
		return 0, f.refuse(t, "is not between %d and %d", f.min, top)
	}
	return n, nil
}

// wrap turns a Sunday that is written 7 into 0.
func (f *field) wrap(v int) int {
	if f.week && v == 7 {
		return 0
	}
	return v
}

// weekRange settles which of its two numbers a Sunday at either end of a range
// has: 0 at the start and 7 at the end, unless the range is that Sunday alone.
func weekRange(lo, hi int) (int, int) {
	if lo == 7 && hi != 7 {
		lo = 0
	}
	if hi == 0 && lo != 0 {
		hi = 7
	}
	return lo, hi
}

// number parses decimal digits, with no sign. What is too large for a field or
// a step comes out too large still.
func number(s string) (int, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 31)
	if err != nil {
		n = 1<<30 - 1
	}
	return int(n), true
}
