package cron

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What each target begins with, beside these: testdata/fuzz holds, of the inputs
// that half an hour of fuzzing each found interesting, those few that by the blocks they
// run, and how often, make up nearly all of them.
var fuzzExprs = []string{
	"* * * * *", "0 0 * * * *", "*/15 9-17 1,15 JAN-mar MON-FRI", "30 2 * * *", "0 */24 2-8 9 */7",
	"0 0 29 2 */7", "0 0 30 2 *", "? ? ? ? ?", "0 0 ? * 5-7/2", "@daily", "@every 5m", "TZ=UTC * * * * *",
	", * * * *", "1-2-3/4/5 * * * *", "0 0 31 2,4,6,9,11 *", "59 59 23 31 12 SUN", "\xff\u00a0* * * *",
	"*/99999999999999999999 0-23/99 * * 7/7", "*/60 0-23/24 */31 */12 7/7", "0 0 1,5/8 * */8",
}

// FuzzParse checks that what is parsed means the same when it is written and
// parsed again, and that what is refused is refused for a part of it.
func FuzzParse(f *testing.F) {
	for _, expr := range fuzzExprs {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := Parse(expr, nil)
		if err == nil {
			if stepsTooFar(expr) {
				t.Fatalf("%q has a step larger than its field's range, and is taken", expr)
			}
			again, err := Parse(e.String(), nil)
			if err != nil {
				t.Fatalf("%q is written as %q, which is refused: %v", expr, e, err)
			}
			if *again != *e {
				t.Fatalf("%q is written as %q, which means something else", expr, e)
			}
			if e.Next(time.Unix(0, 0)).IsZero() {
				t.Fatalf("%q is never due", expr)
			}
			return
		}
		var pe *ParseError
		if e != nil || !errors.As(err, &pe) {
			t.Fatalf("%q: %v, %v", expr, e, err)
		}
		if pe.Expr != expr || pe.Reason == "" || pe.Pos < 0 || !strings.HasPrefix(expr[min(pe.Pos, len(expr)):], pe.Text) {
			t.Fatalf("%q: %#v", expr, pe)
		}
		if strings.Contains(pe.Reason, tooFar) && !stepsTooFar(expr) {
			t.Fatalf("%q is refused for a step that is not too large: %v", expr, pe)
		}
		if pe.Text == "" && strings.TrimSpace(expr) != "" {
			t.Fatalf("%q: no text: %#v", expr, pe)
		}
	})
}

// FuzzNext checks what is true of all expressions, and compares Next and Prev
// with the reference for some hours after an instant.
func FuzzNext(f *testing.F) {
	instants := []struct {
		sec  int64
		zone uint8
	}{
		{1743292800, 1},        // Berlin, 2025-03-30
		{1325152800, 5},        // Apia, 2011-12-29
		{-2445426000, 5},       // Apia, 1892-07-05
		{-2717650800, 2},       // New York, 1883-11-18
		{2240524800, 1},        // Berlin, 2040-12-31
		{-62135596800, 3},      // the year 1
		{253402300800, 4},      // the year 10000
		{-1 << 63, 8},          // beyond
		{1<<45 - 3600, 7},      // the last slots
		{1757217600, 4},        // Santiago, 2025-09-07
		{1740276000, 7},        // Casablanca, 2025-02-23
		{63593070 - 3600, 10},  // Monrovia, 1972-01-07
		{1743863400 - 3600, 3}, // Lord Howe, 2025-04-05
	}
	for i, expr := range fuzzExprs {
		for j := range 2 {
			at := instants[(i+j*5)%len(instants)]
			f.Add(expr, at.sec, at.zone)
		}
	}
	zones := testZones(f)
	f.Fuzz(func(t *testing.T, expr string, sec int64, z uint8) {
		loc := zones[int(z)%len(zones)]
		e, err := Parse(expr, loc)
		if err != nil {
			return
		}
		at := time.Unix(sec, 0)
		checkLaws(t, e, at)
		checkLaws(t, e, at.Add(-1))
		if sec < firstSlot+3*daySeconds || sec > lastSlot-3*daySeconds {
			return
		}
		// The reference has to have seen a day before, for that is how far a
		// clock was put back.
		bySecond := newOracle(expr).seconds
		after := int64(3 * 3600)
		if bySecond {
			after = 15 * 60
		}
		checkWalk(t, e, walkTime(loc, sec-26*3600, sec+after, bySecond), sec)
		if next := e.Next(at); !next.IsZero() && next.Unix() < lastSlot-daySeconds {
			n := next.Unix()
			checkWalk(t, e, walkTime(loc, n-26*3600, n+60, bySecond), n-60)
		}
	})
}
