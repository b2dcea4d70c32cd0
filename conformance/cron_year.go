package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, cronYearCases) }

// CRN-3 once more, without knowing on which days the clocks change: a year in
// three zones, next to a reference that walks through it minute by minute and
// looks at the clock on the wall.
var cronYearCases = []kase{
	{rule: "CRN-3", name: "a-year-in-three-zones", local: true, needs: crons, virtual: true, slow: true, run: func(t *trial) {
		y := &year{trial: t, zones: []*time.Location{zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe")}}
		start, end := at("2026-01-01T00:00:30Z"), at("2027-01-01T00:00:30Z")
		y.named = readings(yearly, start, end)
		day := start.Add(24 * time.Hour)
		y.pass(start, day)
		if y.reads.Load() < mostReads {
			y.pass(day, end)
			return
		}
		t.note("this engine read the clock %d times on the first day: of the year only the days about each change of a clock are tried", y.reads.Load())
		for _, change := range y.changes(day, end) {
			y.pass(change.Add(-24*time.Hour), change.Add(24*time.Hour))
		}
	}},
}

// mostReads is how often an engine may read the clock on a day of a dozen workers if a
// year is not to take minutes. One that polls once a second does so 86,400 times.
const mostReads = 20_000

// A year is one of CRN-3, passed in pieces.
type year struct {
	*trial
	zones []*time.Location
	named named
	reads atomic.Int64 // of the clock
}

// pass has a manager run from one time to another, and checks the slots between them.
func (y *year) pass(start, end time.Time) {
	t := y.trial
	until(t, start)
	m := t.running(core.Options{Now: func() time.Time {
		y.reads.Add(1)
		return time.Now()
	}})
	ran := make([][]yearbook, len(y.zones))
	for z, loc := range y.zones {
		ran[z] = make([]yearbook, len(yearly))
		for e := range yearly {
			w := core.Worker{Name: fmt.Sprintf("w%d-%d", z, e), Schedule: core.Cron(yearly[e].text, core.In(loc)), Run: ran[z][e].run}
			t.note("%s is %q in %s", w.Name, yearly[e].text, loc)
			t.must(m.Add(context.Background(), w), "Add")
		}
	}
	until(t, end)
	t.must(m.Stop(context.Background()), "Stop")
	for z, loc := range y.zones {
		for e, want := range walk(loc, start, end, y.named) {
			sameYear(t, loc, yearly[e].text, want, ran[z][e].slots)
		}
	}
}

// changes returns when the clocks of the zones change between two times, in order.
func (y *year) changes(from, to time.Time) (all []time.Time) {
	for _, loc := range y.zones {
		for at := from; ; {
			_, next := at.In(loc).ZoneBounds()
			if next.IsZero() || next.After(to) {
				break
			}
			all = append(all, next.Truncate(time.Minute).Add(30*time.Second).UTC())
			at = next
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// An expression, and what it means as a function of what the clock on the wall
// shows.
type expression struct {
	text  string
	fixed bool // the hour field does not begin with *
	names func(month time.Month, day, hour, minute int, weekday time.Weekday) bool
}

var yearly = []expression{
	{"30 2 * * *", true, func(_ time.Month, _, hour, minute int, _ time.Weekday) bool {
		return hour == 2 && minute == 30
	}},
	{"*/15 1-3 * * SUN", true, func(_ time.Month, _, hour, minute int, weekday time.Weekday) bool {
		return minute%15 == 0 && 1 <= hour && hour <= 3 && weekday == time.Sunday
	}},
	{"40 */2 * * SAT-SUN", false, func(_ time.Month, _, hour, minute int, weekday time.Weekday) bool {
		return minute == 40 && hour%2 == 0 && (weekday == time.Saturday || weekday == time.Sunday)
	}},
	{"15 1-2 1-7 3-4,10-11 0", true, func(month time.Month, day, hour, minute int, weekday time.Weekday) bool {
		return minute == 15 && (hour == 1 || hour == 2) && (day <= 7 || weekday == time.Sunday) &&
			(month == time.March || month == time.April || month == time.October || month == time.November)
	}},
}

// A yearbook holds the slots that one worker ran in the year.
type yearbook struct {
	mu    sync.Mutex
	slots []time.Time
}

func (d *yearbook) run(ctx context.Context) error {
	tick, _ := core.TickFrom(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slots = append(d.slots, tick.Slot)
	return nil
}

// named tells of each reading of the clock on the wall, in minutes as if it were
// UTC, which expressions name it: a bit for each.
type named struct {
	list  []expression
	first int64
	bits  []uint
}

// readings asks every expression about every reading of the clock that any zone
// may have between two times.
func readings(list []expression, from, to time.Time) named {
	const day = 24 * time.Hour
	from, to = floor(from, day).Add(-2*day), floor(to, day).Add(2*day)
	n := named{list: list, first: from.Unix() / 60}
	for ; from.Before(to); from = from.Add(day) {
		month, monthday, weekday := from.Month(), from.Day(), from.Weekday()
		for minute := range 24 * 60 {
			var bits uint
			for i, e := range list {
				if e.names(month, monthday, minute/60, minute%60, weekday) {
					bits |= 1 << i
				}
			}
			n.bits = append(n.bits, bits)
		}
	}
	return n
}

// walk returns the slots of each expression in a zone, after a start and up to an
// end. At each minute it takes the readings of the clock that come up for the
// first time: one, or none where the clock was put back, or many where it was
// put forward. A fixed time is due when it comes up. Where the hour follows real
// time, what the clock reads now is all that counts.
func walk(zone *time.Location, start, end time.Time, n named) [][]time.Time {
	slots := make([][]time.Time, len(n.list))
	read := func(now time.Time) int64 {
		_, offset := now.In(zone).Zone()
		return (now.Unix()+int64(offset))/60 - n.first
	}
	now := start.Truncate(time.Minute).Add(-24 * time.Hour) // by a day, to have seen what is repeated at the start
	highest := read(now)
	for ; !now.After(end); now = now.Add(time.Minute) {
		reading := read(now)
		shown, comesUp := n.bits[reading], uint(0)
		for ; highest < reading; highest++ {
			comesUp |= n.bits[highest+1]
		}
		if shown|comesUp == 0 || !now.After(start) {
			continue
		}
		for i, e := range n.list {
			if due := e.fixed && comesUp>>i&1 == 1 || !e.fixed && shown>>i&1 == 1; due {
				slots[i] = append(slots[i], now)
			}
		}
	}
	return slots
}

// sameYear fails the case where the slots differ, with the first few that do.
func sameYear(t *trial, zone *time.Location, expr string, want, got []time.Time) {
	shown := func(list []time.Time, from int) (few []string) {
		for i := from; i < min(len(list), from+4); i++ {
			few = append(few, list[i].In(zone).Format(time.RFC3339))
		}
		return few
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || !want[i].Equal(got[i]) {
			require.Equal(t, shown(want, i), shown(got, i), "the slots of %q in %s, from the first that is wrong on", expr, zone)
		}
	}
}
