package cron

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// This file is a naive reference: it knows nothing of bit sets and calendars,
// but walks real time step by step, reads the clock, and looks at each field.

// An oracle is an expression as the reference sees it: for each field, which
// values are chosen.
type oracle struct {
	chosen   [6][61]bool
	seconds  bool
	either   bool
	realTime bool
}

func newOracle(expr string) *oracle {
	if d, ok := descriptors[strings.TrimSpace(expr)]; ok {
		expr = d
	}
	words := strings.Fields(expr)
	o := &oracle{seconds: len(words) == 6}
	if !o.seconds {
		words = slices.Insert(words, 0, "0")
	}
	low := [6]int{0, 0, 0, 1, 1, 0}
	high := [6]int{59, 59, 23, 31, 12, 6}
	for i, word := range words {
		for v := low[i]; v <= high[i]; v++ {
			for item := range strings.SplitSeq(word, ",") {
				if naiveMatch(item, v, low[i], high[i], i == 5) || i == 5 && v == 0 && naiveMatch(item, 7, 0, 6, true) {
					o.chosen[i][v] = true
				}
			}
		}
	}
	star := func(i int) bool { return words[i][0] == '*' || words[i][0] == '?' }
	o.realTime = star(2)
	o.either = !star(3) && !star(5)
	return o
}

// naiveMatch reports whether an item chooses the value v.
func naiveMatch(item string, v, low, high int, week bool) bool {
	base, by, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		step, _ = strconv.Atoi(by)
	}
	from, to, ranged := strings.Cut(base, "-")
	lo, hi := low, high
	switch {
	case base == "*" || base == "?":
	case ranged:
		lo, hi = naiveValue(from), naiveValue(to)
		if week && lo == 7 && hi < 7 {
			lo = 0
		}
		if week && lo > 0 && hi == 0 {
			hi = 7
		}
	case stepped:
		lo = naiveValue(from)
		if week {
			lo %= 7
		}
	default:
		lo = naiveValue(from)
		hi = lo
	}
	return lo <= v && v <= hi && (v-lo)%step == 0
}

func naiveValue(s string) int {
	s = strings.ToUpper(s)
	if i := strings.Index("SUNMONTUEWEDTHUFRISAT", s); i >= 0 && len(s) == 3 {
		return i / 3
	}
	if i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", s); i >= 0 && len(s) == 3 {
		return i/3 + 1
	}
	v, _ := strconv.Atoi(s)
	return v
}

// stepsTooFar reports whether an item of an expression has a step larger than
// the number of values that its field has.
func stepsTooFar(expr string) bool {
	words := strings.Fields(expr)
	sizes := [6]int{60, 60, 24, 31, 12, 7}
	for i, word := range words {
		for item := range strings.SplitSeq(word, ",") {
			_, by, _ := strings.Cut(item, "/")
			step, err := strconv.Atoi(by)
			if errors.Is(err, strconv.ErrRange) || err == nil && step > sizes[len(sizes)-len(words)+i] {
				return true
			}
		}
	}
	return false
}

// matches reports whether a reading of the clock, in Unix seconds as if it were
// UTC, matches.
func (o *oracle) matches(wall int64) bool {
	t := time.Unix(wall, 0).UTC()
	if !o.chosen[0][t.Second()] || !o.chosen[1][t.Minute()] || !o.chosen[2][t.Hour()] || !o.chosen[4][t.Month()] {
		return false
	}
	dom, dow := o.chosen[3][t.Day()], o.chosen[5][t.Weekday()]
	return dom && dow || o.either && (dom || dow)
}

// A walk is a stretch of real time and what the clock read at each step of it.
type walk struct {
	from, step int64
	walls      []int64
}

// walkTime walks from one instant to another by minutes, or by seconds if the
// zone has an offset of seconds there or bySecond is set.
func walkTime(loc *time.Location, from, to int64, bySecond bool) *walk {
	w := &walk{from: from - floorMod(from, 60), step: 60}
	if bySecond {
		w.from, w.step = from, 1
	}
	for t := w.from; t <= to; t += w.step {
		_, offset := time.Unix(t, 0).In(loc).Zone()
		if w.step == 60 && offset%60 != 0 {
			return walkTime(loc, from, to, true)
		}
		w.walls = append(w.walls, t+int64(offset))
	}
	return w
}

// slots returns the slots of o after the given instant, which has to be as long
// after the walk's start as a clock is ever put back.
func (o *oracle) slots(w *walk, after int64) []int64 {
	lowest, highest := slices.Min(w.walls), slices.Max(w.walls)
	shown := make([]bool, (highest-lowest)/w.step+1)
	var slots []int64
	last := w.walls[0] - w.step
	for i, wall := range w.walls {
		due := false
		if o.realTime {
			due = o.matches(wall)
		} else {
			// What was skipped, and what is read now.
			for x := min(last+w.step, wall); x <= wall; x += w.step {
				if s := &shown[(x-lowest)/w.step]; !*s {
					*s = true
					due = due || o.matches(x)
				}
			}
		}
		last = wall
		if t := w.from + int64(i)*w.step; due && t > after {
			slots = append(slots, t)
		}
	}
	return slots
}

// checkWalk compares the slots after an instant, as far as the walk goes, with
// those of the reference: forwards by Next and backwards by Prev.
func checkWalk(t *testing.T, e *Expr, w *walk, after int64) {
	t.Helper()
	want := newOracle(e.String()).slots(w, after)
	end := w.from + int64(len(w.walls))*w.step - 1

	var got []int64
	for now := time.Unix(after, 0); len(got) <= len(want); {
		now = e.Next(now)
		if now.IsZero() || now.Unix() > end {
			break
		}
		got = append(got, now.Unix())
	}
	compareSlots(t, e, "Next", after, got, want)

	got = got[:0]
	for now := time.Unix(end, 0); len(got) <= len(want); {
		now = e.Prev(now)
		if now.IsZero() || now.Unix() <= after {
			break
		}
		got = append(got, now.Unix())
		now = now.Add(-1)
	}
	slices.Reverse(got)
	compareSlots(t, e, "Prev", after, got, want)
}

func compareSlots(t *testing.T, e *Expr, by string, after int64, got, want []int64) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		g, w := "none", "none"
		if i < len(got) {
			g = time.Unix(got[i], 0).In(e.loc).String()
		}
		if i < len(want) {
			w = time.Unix(want[i], 0).In(e.loc).String()
		}
		if g != w {
			t.Errorf("%q in %v after %v: slot %d by %s is %s, want %s", e, e.loc, time.Unix(after, 0).In(e.loc), i, by, g, w)
			return
		}
	}
}
