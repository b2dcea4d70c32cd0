package cron

import (
	"math"
	"testing"
	"time"
)

// at parses a time of RFC 3339.
func at(tb testing.TB, s string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// checkSlots checks that the slots after a time are those wanted, forwards by
// Next and backwards by Prev.
func checkSlots(t *testing.T, expr string, loc *time.Location, after time.Time, want []time.Time) {
	t.Helper()
	e := mustParse(t, expr, loc)
	for i, now := 0, after; i < len(want); i++ {
		next := e.Next(now)
		if !next.Equal(want[i]) {
			t.Errorf("%q in %v: Next(%v) = %v, want %v", expr, loc, now, next, want[i].In(e.loc))
		}
		if next.Location() != e.loc {
			t.Errorf("%q: the result is in %v, want %v", expr, next.Location(), e.loc)
		}
		now = want[i]
	}
	for i := len(want) - 1; i > 0; i-- {
		if got := e.Prev(want[i].Add(-1)); !got.Equal(want[i-1]) {
			t.Errorf("%q in %v: Prev(%v-1ns) = %v, want %v", expr, loc, want[i].In(e.loc), got, want[i-1].In(e.loc))
		}
		if got := e.Prev(want[i]); !got.Equal(want[i]) {
			t.Errorf("%q in %v: Prev(%v) = %v, want the same", expr, loc, want[i].In(e.loc), got)
		}
	}
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		expr, after string
		want        []string
	}{
		{"* * * * *", "2025-06-15T12:34:56Z", []string{"2025-06-15T12:35:00Z", "2025-06-15T12:36:00Z"}},
		{"* * * * * *", "2025-06-15T12:34:56Z", []string{"2025-06-15T12:34:57Z", "2025-06-15T12:34:58Z"}},
		{"*/20 * * * * *", "2025-06-15T23:59:20Z", []string{"2025-06-15T23:59:40Z", "2025-06-16T00:00:00Z", "2025-06-16T00:00:20Z"}},
		{"59 58,59 1,23 * * *", "2025-06-15T02:00:00Z", []string{"2025-06-15T23:58:59Z", "2025-06-15T23:59:59Z", "2025-06-16T01:58:59Z", "2025-06-16T01:59:59Z", "2025-06-16T23:58:59Z"}},
		{"30 */30 0 * * *", "2025-12-31T00:30:30Z", []string{"2026-01-01T00:00:30Z", "2026-01-01T00:30:30Z"}},
		{"0 3 * * *", "2025-06-15T03:00:00Z", []string{"2025-06-16T03:00:00Z", "2025-06-17T03:00:00Z"}},
		{"0 3 * * *", "2025-06-15T02:59:59Z", []string{"2025-06-15T03:00:00Z"}},
		{"15,45 8-9 * * *", "2025-06-15T08:20:00Z", []string{"2025-06-15T08:45:00Z", "2025-06-15T09:15:00Z", "2025-06-15T09:45:00Z", "2025-06-16T08:15:00Z"}},
		{"0 9 * * MON-FRI", "2025-06-13T09:00:00Z", []string{"2025-06-16T09:00:00Z", "2025-06-17T09:00:00Z"}},
		{"0 0 * * FRI-SUN", "2025-06-11T00:00:00Z", []string{"2025-06-13T00:00:00Z", "2025-06-14T00:00:00Z", "2025-06-15T00:00:00Z", "2025-06-20T00:00:00Z"}},
		{"0 0 31 * *", "2025-01-31T00:00:00Z", []string{"2025-03-31T00:00:00Z", "2025-05-31T00:00:00Z", "2025-07-31T00:00:00Z", "2025-08-31T00:00:00Z"}},
		{"0 0 1 1,7 *", "2025-01-01T00:00:00Z", []string{"2025-07-01T00:00:00Z", "2026-01-01T00:00:00Z"}},
		{"@yearly", "2025-06-15T00:00:00Z", []string{"2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
		{"@monthly", "2025-06-15T00:00:00Z", []string{"2025-07-01T00:00:00Z", "2025-08-01T00:00:00Z"}},
		{"@weekly", "2025-06-15T00:00:00Z", []string{"2025-06-22T00:00:00Z", "2025-06-29T00:00:00Z"}},
		{"@daily", "2025-06-15T00:00:00Z", []string{"2025-06-16T00:00:00Z"}},
		{"@hourly", "2025-06-15T23:00:00Z", []string{"2025-06-16T00:00:00Z", "2025-06-16T01:00:00Z"}},

		// Both days restricted: either is enough.
		{"0 0 13 * FRI", "2025-06-01T00:00:00Z", []string{"2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z", "2025-06-20T00:00:00Z", "2025-06-27T00:00:00Z", "2025-07-04T00:00:00Z", "2025-07-11T00:00:00Z", "2025-07-13T00:00:00Z"}},
		{"0 0 30 2 1", "2025-02-10T00:00:00Z", []string{"2025-02-17T00:00:00Z", "2025-02-24T00:00:00Z", "2026-02-02T00:00:00Z"}},
		// One begins with a star: both have to match.
		{"0 0 */2 * FRI", "2025-06-01T00:00:00Z", []string{"2025-06-13T00:00:00Z", "2025-06-27T00:00:00Z", "2025-07-11T00:00:00Z"}},
		{"0 0 13 * */5", "2025-01-01T00:00:00Z", []string{"2025-04-13T00:00:00Z", "2025-06-13T00:00:00Z", "2025-07-13T00:00:00Z"}},
		{"0 0 ? * MON", "2025-06-09T00:00:00Z", []string{"2025-06-16T00:00:00Z", "2025-06-23T00:00:00Z"}},
		{"0 0 16 * ?", "2025-06-09T00:00:00Z", []string{"2025-06-16T00:00:00Z", "2025-07-16T00:00:00Z"}},

		// Leap days, over century years with one and without.
		{"0 0 29 2 *", "2024-02-29T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
		{"0 0 29 2 *", "1895-01-01T00:00:00Z", []string{"1896-02-29T00:00:00Z", "1904-02-29T00:00:00Z"}},
		{"0 0 29 2 *", "1996-02-29T00:00:00Z", []string{"2000-02-29T00:00:00Z", "2004-02-29T00:00:00Z"}},
		{"0 0 29 2 *", "2096-02-28T00:00:00Z", []string{"2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"}},
		{"0 0 29 2 *", "2100-02-28T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{"0 * 29 2 *", "2096-02-29T22:59:00Z", []string{"2096-02-29T23:00:00Z", "2104-02-29T00:00:00Z"}},
		{"0 0 29 2 */7", "2088-02-29T00:00:00Z", []string{"2128-02-29T00:00:00Z"}}, // forty years
		{"0 0 29 2 */7", "1880-02-29T00:00:00Z", []string{"1920-02-29T00:00:00Z"}},
	} {
		want := make([]time.Time, len(tt.want))
		for i, s := range tt.want {
			want[i] = at(t, s)
		}
		checkSlots(t, tt.expr, nil, at(t, tt.after), want)
	}
}

func TestSubSecond(t *testing.T) {
	e := mustParse(t, "0 3 * * *", nil)
	slot, before := at(t, "2025-06-15T03:00:00Z"), at(t, "2025-06-14T03:00:00Z")
	for _, d := range []time.Duration{1, time.Millisecond, time.Second - 1} {
		if got := e.Next(slot.Add(-d)); !got.Equal(slot) {
			t.Errorf("Next(slot-%v) = %v, want %v", d, got, slot)
		}
		if got := e.Prev(slot.Add(-d)); !got.Equal(before) {
			t.Errorf("Prev(slot-%v) = %v, want %v", d, got, before)
		}
		if got := e.Prev(slot.Add(d)); !got.Equal(slot) {
			t.Errorf("Prev(slot+%v) = %v, want %v", d, got, slot)
		}
		if got := e.Next(before.Add(d)); !got.Equal(slot) {
			t.Errorf("Next(before+%v) = %v, want %v", d, got, slot)
		}
	}
}

func TestArgumentInAnotherZone(t *testing.T) {
	e := mustParse(t, "0 3 * * *", zone(t, "Europe/Berlin"))
	got := e.Next(at(t, "2025-06-15T00:59:59Z").In(zone(t, "America/New_York")))
	if got.Format(time.RFC3339) != "2025-06-15T03:00:00+02:00" {
		t.Error(got)
	}
}

// TestEnds goes to the ends of time, and beyond.
func TestEnds(t *testing.T) {
	first, last := time.Unix(firstSlot, 0).UTC(), time.Unix(lastSlot, 0).UTC()
	every := mustParse(t, "* * * * * *", nil)
	for _, tt := range []struct {
		name      string
		got, want time.Time
	}{
		{"Next(zero)", every.Next(time.Time{}), first},
		{"Next(year -5000)", every.Next(time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)), first},
		{"Next(first)", every.Next(first), first.Add(time.Second)},
		{"Prev(first)", every.Prev(first), first},
		{"Prev(first-1ns)", every.Prev(first.Add(-1)), time.Time{}},
		{"Prev(zero)", every.Prev(time.Time{}), time.Time{}},
		{"Prev(year -5000)", every.Prev(time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)), time.Time{}},
		{"Next(year 9999)", every.Next(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"Next(last-1s)", every.Next(last.Add(-time.Second)), last},
		{"Next(last)", every.Next(last), time.Time{}},
		{"Prev(last)", every.Prev(last), last},
		{"Prev(last+1ns)", every.Prev(last.Add(1)), last},
		{"Prev(last+1h)", every.Prev(last.Add(time.Hour)), last},
		{"fixed Next(zero)", mustParse(t, "0 0 1 1 *", nil).Next(time.Time{}), time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"fixed Prev(year 1)", mustParse(t, "0 0 1 1 *", nil).Prev(time.Date(1, 6, 1, 0, 0, 0, 0, time.UTC)), time.Time{}},
	} {
		if !tt.got.Equal(tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// farTimes are times from everywhere that a time.Time reaches.
func farTimes() []time.Time {
	times := []time.Time{
		{},
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(292277026596, 12, 4, 15, 30, 7, 0, time.UTC),
		time.Date(-292277022399, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for shift := range 64 {
		for _, d := range []int64{-1, 0, 1} {
			times = append(times, time.Unix(1<<shift+d, 0), time.Unix(-1<<shift+d, 999999999))
		}
	}
	return append(times, time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0))
}

// checkLaws checks what is true of every expression at every time.
func checkLaws(t *testing.T, e *Expr, at time.Time) {
	t.Helper()
	next := e.Next(at)
	if !next.IsZero() {
		if !next.After(at) || next.Nanosecond() != 0 || next.Location() != e.loc {
			t.Errorf("%q in %v: Next(%v) = %v", e, e.loc, at, next)
		}
		if got := e.Prev(next); !got.Equal(next) {
			t.Errorf("%q in %v: Prev(%v) = %v after Next(%v)", e, e.loc, next, got, at)
		}
	}
	prev := e.Prev(at)
	if !prev.IsZero() {
		if prev.After(at) || prev.Nanosecond() != 0 || prev.Location() != e.loc {
			t.Errorf("%q in %v: Prev(%v) = %v", e, e.loc, at, prev)
		}
		if got := e.Next(prev.Add(-1)); !got.Equal(prev) {
			t.Errorf("%q in %v: Next(%v-1ns) = %v after Prev(%v)", e, e.loc, prev, got, at)
		}
		if got := e.Next(prev); !got.Equal(next) {
			t.Errorf("%q in %v: Next(%v) = %v, but Next of its Prev, %v, = %v", e, e.loc, at, next, prev, got)
		}
	}
}

func TestLaws(t *testing.T) {
	zones := testZones(t)
	for _, offset := range []int{1, -59, 25 * 3600, -26 * 3600, 99 * 3600, -99 * 3600, 1 << 30, math.MaxInt32, math.MinInt32, math.MaxInt, math.MinInt} {
		zones = append(zones, time.FixedZone("far", offset))
	}
	for _, expr := range []string{"* * * * * *", "@daily", "@hourly", "30 2 * * *", "59 59 23 31 12 *", "0 */5 29 2 *"} {
		for _, loc := range zones {
			e := mustParse(t, expr, loc)
			for _, at := range farTimes() {
				checkLaws(t, e, at)
			}
		}
	}
}

func TestFixedZones(t *testing.T) {
	for _, hours := range []int{0, 1, -1, 14, -12, 30, -30, 1000, -1000} {
		loc := time.FixedZone("", hours*3600)
		for _, expr := range []string{"0 3 * * *", "0 */3 * * *"} {
			noon := time.Date(2025, 6, 15, 12, 0, 0, 0, loc)
			e := mustParse(t, expr, loc)
			want := map[bool]time.Time{
				false: time.Date(2025, 6, 16, 3, 0, 0, 0, loc),
				true:  time.Date(2025, 6, 15, 15, 0, 0, 0, loc),
			}[e.realTime]
			if got := e.Next(noon); !got.Equal(want) {
				t.Errorf("%q in %+d h: Next %v, want %v", expr, hours, got, want)
			}
			if got := e.Prev(want.Add(time.Hour)); !got.Equal(want) {
				t.Errorf("%q in %+d h: Prev %v, want %v", expr, hours, got, want)
			}
		}
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	now := time.Date(2025, 3, 30, 0, 59, 0, 0, time.UTC)
	for _, expr := range []string{"30 2 * * *", "*/5 * * * *"} {
		e := mustParse(t, expr, zone(t, "Europe/Berlin"))
		if n := testing.AllocsPerRun(100, func() { e.Next(now); e.Prev(now) }); n != 0 {
			t.Errorf("%q: %v allocations", expr, n)
		}
	}
}
