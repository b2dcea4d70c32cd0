package cron

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testZones are zones of every kind.
func testZones(tb testing.TB) []*time.Location {
	zones := []*time.Location{time.UTC}
	for _, name := range []string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia",
		"Asia/Kathmandu", "Africa/Casablanca", "Europe/Dublin", "America/Sao_Paulo", "Africa/Monrovia",
	} {
		zones = append(zones, zone(tb, name))
	}
	return zones
}

// transitions returns the instants, in the years 1880 to 2060, up to which a
// zone's offset was another.
func transitions(loc *time.Location) []int64 {
	offset := func(t int64) int { _, o := time.Unix(t, 0).In(loc).Zone(); return o }
	var found []int64
	const start, end = -2840140800, 2840140800
	for t := int64(start); t < end; t += daySeconds {
		lo, hi := t, t+daySeconds
		if offset(lo) == offset(hi) {
			continue
		}
		for hi-lo > 1 {
			if m := (lo + hi) / 2; offset(m) == offset(lo) {
				lo = m
			} else {
				hi = m
			}
		}
		found = append(found, hi)
	}
	return found
}

// randomExpr writes an expression, the odder the better.
func randomExpr(rng *rand.Rand) string {
	low := [6]int{0, 0, 0, 1, 1, 0}
	high := [6]int{59, 59, 23, 31, 12, 7}
	item := func(i int) string {
		v := func() int { return low[i] + rng.IntN(high[i]-low[i]+1) }
		a, b := v(), v()
		if i == 2 && rng.IntN(2) == 0 {
			a, b = rng.IntN(5), 2+rng.IntN(3) // when clocks are changed
		}
		a, b = min(a, b), max(a, b)
		switch rng.IntN(5) {
		case 0:
			return strconv.Itoa(a) + "-" + strconv.Itoa(b)
		case 1:
			return strconv.Itoa(a) + "-" + strconv.Itoa(b) + "/" + strconv.Itoa(1+rng.IntN(12))
		case 2:
			return strconv.Itoa(a) + "/" + strconv.Itoa(1+rng.IntN(12))
		default:
			return strconv.Itoa(a)
		}
	}
	var words []string
	first := 1 // mostly without seconds
	if rng.IntN(5) == 0 {
		first = 0
	}
	for f := first; f < 6; f++ {
		switch n := rng.IntN(10); {
		case n < 2 || f >= 3 && n < 7:
			words = append(words, "*")
		case n < 3:
			words = append(words, "*/"+strconv.Itoa(1+rng.IntN(12)))
		case n < 8:
			words = append(words, item(f))
		default:
			words = append(words, item(f)+","+item(f))
		}
	}
	return strings.Join(words, " ")
}

// TestOracle compares Next and Prev with the reference around the changes of
// the clock, and at other times, in every zone.
func TestOracle(t *testing.T) {
	fixed := []string{
		"* * * * *", "*/7 * * * *", "@hourly", "@daily", "0 0-23 * * *", "30 2 * * *", "*/10 1-3 * * *",
		"15 */2 * * *", "*/20 23,0,1 * * *", "0 3 * * MON-FRI", "30 2 */2 * SUN", "59 23 1,15,30 * 7", "0 12 30 12 *",
	}
	for _, loc := range testZones(t) {
		t.Run(loc.String(), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			changes := transitions(loc)
			slow := false // one walk by seconds is enough
			for range 8 {
				// Somewhere near a change, or anywhere.
				at := rng.Int64N(5e9) - 2.5e9
				if len(changes) > 0 && rng.IntN(6) > 0 {
					at = changes[rng.IntN(len(changes))] + rng.Int64N(7200) - 3600
				}
				w := walkTime(loc, at-40*3600, at+26*3600, false)
				if w.step == 1 {
					if slow {
						continue
					}
					slow = true
				}
				exprs := slices.Clone(fixed)
				for range 12 {
					exprs = append(exprs, randomExpr(rng))
				}
				for _, expr := range exprs {
					e, err := Parse(expr, loc)
					if err != nil || newOracle(expr).seconds {
						continue
					}
					checkWalk(t, e, w, at-12*3600)
					checkLaws(t, e, time.Unix(at, rng.Int64N(1e9)))
				}
			}
		})
	}
}

// TestOracleSeconds does the same second by second, nearer by.
func TestOracleSeconds(t *testing.T) {
	for _, loc := range testZones(t) {
		t.Run(loc.String(), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(3, 4))
			for _, at := range append(transitions(loc), 0, 1750000000) {
				if rng.IntN(16) > 0 {
					continue
				}
				w := walkTime(loc, at-3*3600, at+3*3600, true)
				if slices.Max(w.walls) > w.walls[len(w.walls)-1]+2*3600 {
					continue // put back too far for so short a walk
				}
				for _, expr := range []string{"*/17 * * * * *", "30 59 * * * *", "*/25 */7 0-4,22-23 * * *", "59 59 1-2 * * *", randomExpr(rng)} {
					if e, err := Parse(expr, loc); err == nil {
						checkWalk(t, e, w, at-3600)
					}
				}
			}
		})
	}
}
