package cron

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestDaylightSaving(t *testing.T) {
	for _, tt := range []struct {
		name, zone, expr, after string
		want                    []string
	}{
		// Berlin goes from 02:00 to 03:00 on 2025-03-30, and back from 03:00 to
		// 02:00 on 2025-10-26.
		{"a gap", "Europe/Berlin", "30 2 * * *", "2025-03-29T02:30:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-31T02:30:00+02:00"}},
		{"the first of a gap", "Europe/Berlin", "0 2 * * *", "2025-03-29T02:00:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00"}},
		{"several in one gap", "Europe/Berlin", "*/15 2 * * *", "2025-03-29T02:45:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00"}},
		{"every second of a gap", "Europe/Berlin", "* * 2 * * *", "2025-03-29T02:59:59+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-31T02:00:00+02:00"}},
		{"in a gap and just after it", "Europe/Berlin", "*/30 2-3 * * *", "2025-03-30T00:00:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-30T03:30:00+02:00", "2025-03-31T02:00:00+02:00"}},
		{"just after a gap", "Europe/Berlin", "0 3 * * *", "2025-03-29T03:00:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2025-03-31T03:00:00+02:00"}},
		{"a gap on the only day", "Europe/Berlin", "30 2 30 3 *", "2025-01-01T00:00:00+01:00",
			[]string{"2025-03-30T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"a repeated time", "Europe/Berlin", "30 2 * * *", "2025-10-25T02:30:00+02:00",
			[]string{"2025-10-26T02:30:00+02:00", "2025-10-27T02:30:00+01:00"}},
		{"the first repeated", "Europe/Berlin", "0 2 * * *", "2025-10-25T02:00:00+02:00",
			[]string{"2025-10-26T02:00:00+02:00", "2025-10-27T02:00:00+01:00"}},
		{"several repeated", "Europe/Berlin", "*/30 1-3 * * *", "2025-10-26T00:59:00+02:00",
			[]string{"2025-10-26T01:00:00+02:00", "2025-10-26T01:30:00+02:00", "2025-10-26T02:00:00+02:00", "2025-10-26T02:30:00+02:00",
				"2025-10-26T03:00:00+01:00", "2025-10-26T03:30:00+01:00", "2025-10-27T01:00:00+01:00"}},
		{"asked in the repeat", "Europe/Berlin", "30 2 * * *", "2025-10-26T02:15:00+01:00",
			[]string{"2025-10-27T02:30:00+01:00"}},
		{"every hour by a range", "Europe/Berlin", "30 0-23 * * *", "2025-10-26T01:30:00+02:00",
			[]string{"2025-10-26T02:30:00+02:00", "2025-10-26T03:30:00+01:00"}},

		{"real time over a gap", "Europe/Berlin", "30 * * * *", "2025-03-30T00:30:00+01:00",
			[]string{"2025-03-30T01:30:00+01:00", "2025-03-30T03:30:00+02:00"}},
		{"real time over a repeat", "Europe/Berlin", "30 * * * *", "2025-10-26T01:30:00+02:00",
			[]string{"2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00", "2025-10-26T03:30:00+01:00"}},
		{"every other hour over a gap", "Europe/Berlin", "0 */2 * * *", "2025-03-29T23:00:00+01:00",
			[]string{"2025-03-30T00:00:00+01:00", "2025-03-30T04:00:00+02:00"}},
		{"every other hour over a repeat", "Europe/Berlin", "0 */2 * * *", "2025-10-26T00:00:00+02:00",
			[]string{"2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00", "2025-10-26T04:00:00+01:00"}},
		{"real time on one day", "Europe/Berlin", "0 * 26 10 *", "2025-10-26T01:30:00+02:00",
			[]string{"2025-10-26T02:00:00+02:00", "2025-10-26T02:00:00+01:00"}},

		{"New York, a gap", "America/New_York", "30 2 * * *", "2025-03-08T02:30:00-05:00",
			[]string{"2025-03-09T03:00:00-04:00", "2025-03-10T02:30:00-04:00"}},
		{"New York, a repeat", "America/New_York", "30 1 * * *", "2025-11-01T01:30:00-04:00",
			[]string{"2025-11-02T01:30:00-04:00", "2025-11-03T01:30:00-05:00"}},

		// Midnight itself is skipped.
		{"Santiago", "America/Santiago", "@daily", "2024-09-07T00:00:00-04:00",
			[]string{"2024-09-08T01:00:00-03:00", "2024-09-09T00:00:00-03:00"}},
		{"Santiago, hourly", "America/Santiago", "@hourly", "2024-09-07T22:00:00-04:00",
			[]string{"2024-09-07T23:00:00-04:00", "2024-09-08T01:00:00-03:00"}},
		{"Santiago, weekly", "America/Santiago", "@weekly", "2024-09-07T00:00:00-04:00",
			[]string{"2024-09-08T01:00:00-03:00", "2024-09-15T00:00:00-03:00"}},
		{"Santiago, a repeat", "America/Santiago", "30 23 * * *", "2025-04-04T23:30:00-03:00",
			[]string{"2025-04-05T23:30:00-03:00", "2025-04-06T23:30:00-04:00"}},
		{"Sao Paulo", "America/Sao_Paulo", "@daily", "2018-11-03T00:00:00-03:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"Sao Paulo, a repeat", "America/Sao_Paulo", "30 23 * * *", "2018-02-16T23:30:00-02:00",
			[]string{"2018-02-17T23:30:00-02:00", "2018-02-18T23:30:00-03:00"}},
		{"Sao Paulo, midnight after a repeat", "America/Sao_Paulo", "@daily", "2018-02-17T00:00:00-02:00",
			[]string{"2018-02-18T00:00:00-03:00"}},

		// Half an hour only.
		{"Lord Howe, a gap", "Australia/Lord_Howe", "15 2 * * *", "2024-10-05T02:15:00+10:30",
			[]string{"2024-10-06T02:30:00+11:00", "2024-10-07T02:15:00+11:00"}},
		{"Lord Howe, beyond a gap", "Australia/Lord_Howe", "45 2 * * *", "2024-10-05T02:45:00+10:30",
			[]string{"2024-10-06T02:45:00+11:00"}},
		{"Lord Howe, a repeat", "Australia/Lord_Howe", "45 1 * * *", "2025-04-05T01:45:00+11:00",
			[]string{"2025-04-06T01:45:00+11:00", "2025-04-07T01:45:00+10:30"}},
		{"Lord Howe, real time", "Australia/Lord_Howe", "*/15 * * * *", "2025-04-06T01:30:00+11:00",
			[]string{"2025-04-06T01:45:00+11:00", "2025-04-06T01:30:00+10:30", "2025-04-06T01:45:00+10:30", "2025-04-06T02:00:00+10:30"}},

		// Samoa had no 30 December 2011, and twice 4 July 1892.
		{"Apia", "Pacific/Apia", "0 12 * * *", "2011-12-28T12:00:00-10:00",
			[]string{"2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"}},
		{"Apia, the day itself", "Pacific/Apia", "*/10 8-17 30 12 *", "2011-12-01T00:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2012-12-30T08:00:00+14:00"}},
		{"Apia, real time", "Pacific/Apia", "0 */12 * * *", "2011-12-29T00:00:00-10:00",
			[]string{"2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"}},
		{"Apia, a day twice", "Pacific/Apia", "0 10 * * *", "1892-07-02T21:26:56Z",
			[]string{"1892-07-03T21:26:56Z", "1892-07-05T21:26:56Z"}},
		{"Apia, a day twice in real time", "Pacific/Apia", "0 */24 4-5 * *", "1892-07-01T00:00:00Z",
			[]string{"1892-07-03T11:26:56Z", "1892-07-04T11:26:56Z", "1892-07-05T11:26:56Z"}},

		// Casablanca leaves its summer time in Ramadan, Dublin its standard
		// time in winter.
		{"Casablanca, a repeat", "Africa/Casablanca", "30 2 * * *", "2025-02-22T02:30:00+01:00",
			[]string{"2025-02-23T02:30:00+01:00", "2025-02-24T02:30:00+00:00"}},
		{"Casablanca, a gap", "Africa/Casablanca", "30 2 * * *", "2025-04-05T02:30:00+00:00",
			[]string{"2025-04-06T03:00:00+01:00", "2025-04-07T02:30:00+01:00"}},
		{"Dublin, a gap", "Europe/Dublin", "30 1 * * *", "2025-03-29T01:30:00+00:00",
			[]string{"2025-03-30T02:00:00+01:00", "2025-03-31T01:30:00+01:00"}},
		{"Dublin, a repeat", "Europe/Dublin", "30 1 * * *", "2025-10-25T01:30:00+01:00",
			[]string{"2025-10-26T01:30:00+01:00", "2025-10-27T01:30:00+00:00"}},

		// Offsets of seconds: New York put 12:03:58 back to noon on 1883-11-18,
		// Monrovia went from 00:00 to 00:44:30 on 1972-01-07.
		{"New York 1883", "America/New_York", "2 12 * * *", "1883-11-17T17:00:00Z",
			[]string{"1883-11-18T16:58:02Z", "1883-11-19T17:02:00Z"}},
		{"New York 1883, real time", "America/New_York", "2 * * * *", "1883-11-18T16:00:00Z",
			[]string{"1883-11-18T16:58:02Z", "1883-11-18T17:02:00Z", "1883-11-18T18:02:00Z"}},
		{"Monrovia", "Africa/Monrovia", "*/20 0 * * *", "1972-01-06T01:30:00Z",
			[]string{"1972-01-07T00:44:30Z", "1972-01-08T00:00:00Z"}},
		{"Kathmandu", "Asia/Kathmandu", "0 0 * * *", "1985-12-30T18:30:00Z",
			[]string{"1985-12-31T18:30:00Z", "1986-01-01T18:15:00Z"}},

		// The last day of a leap year, when time.ZoneBounds is wrong.
		{"New Year's Eve", "Europe/Berlin", "0 12,23 31 12 *", "2040-12-31T11:59:59+01:00",
			[]string{"2040-12-31T12:00:00+01:00", "2040-12-31T23:00:00+01:00", "2041-12-31T12:00:00+01:00"}},
		{"New Year's Eve, real time", "Europe/Berlin", "0 */12 31 12 *", "2040-12-31T11:59:59+01:00",
			[]string{"2040-12-31T12:00:00+01:00", "2041-12-31T00:00:00+01:00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := make([]time.Time, len(tt.want))
			for i, s := range tt.want {
				want[i] = at(t, s)
			}
			checkSlots(t, tt.expr, zone(t, tt.zone), at(t, tt.after), want)
		})
	}
}

// TestAlwaysSkipped is of an expression in real time whose only local time is
// the one that Santiago skips each year: it gives up, in good time.
func TestAlwaysSkipped(t *testing.T) {
	e := mustParse(t, "0 */24 2-8 9 */7", zone(t, "America/Santiago"))
	if got := e.Next(at(t, "2030-01-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("Next = %v, want none", got)
	}
	if got := e.Prev(at(t, "9000-01-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("Prev = %v, want none", got)
	}
}
