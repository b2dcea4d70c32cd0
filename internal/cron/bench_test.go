package cron

import (
	"testing"
	"time"
)

func BenchmarkNext(b *testing.B) {
	berlin := zone(b, "Europe/Berlin")
	for _, bm := range []struct {
		name, expr string
		loc        *time.Location
		year       int
	}{
		{"minutely", "* * * * *", time.UTC, 2025},
		{"secondly", "* * * * * *", time.UTC, 2025},
		{"daily", "0 3 * * *", time.UTC, 2025},
		{"daily/Berlin", "0 3 * * *", berlin, 2025},
		{"daily/Berlin/2060", "0 3 * * *", berlin, 2060},
		{"quarters/Berlin", "*/15 * * * *", berlin, 2025},
		{"office/Berlin", "*/15 9-17 * * MON-FRI", berlin, 2025},
		{"yearly/Berlin", "@yearly", berlin, 2025},
		{"leapday/Berlin", "0 0 29 2 *", berlin, 2025},
		{"leapsunday/Berlin", "0 * 29 2 */7", berlin, 2025},
		{"neverReal/Santiago", "0 */24 2-8 9 */7", zone(b, "America/Santiago"), 2025},
	} {
		e, err := Parse(bm.expr, bm.loc)
		if err != nil {
			b.Fatal(err)
		}
		at := time.Date(bm.year, 6, 15, 12, 34, 56, 789, time.UTC)
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Next(at)
			}
		})
		b.Run(bm.name+"/Prev", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Prev(at)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, expr := range []string{"* * * * *", "*/15 9-17 * JAN-MAR,7 MON-FRI", "@daily", "0 0 29 2 */7", "0 0 31 2,4,6,9,11 *"} {
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(expr, nil)
			}
		})
	}
}

// zone loads a time zone.
func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}
