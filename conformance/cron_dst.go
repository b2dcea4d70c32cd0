package conformance

import (
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, cronDSTCases) }

// CRN-3: the days on which the clock is put forward, and put back.
var cronDSTCases = []kase{
	// On 2026-03-29 Berlin's clock goes from 02:00 to 03:00.
	{rule: "CRN-3", name: "a-fixed-time-that-is-skipped-runs-once-after-the-gap", needs: crons, virtual: true, run: func(t *trial) {
		overnight(t, "Europe/Berlin", "2026-03-29T00:30:00Z", 26*time.Hour, map[string][]string{
			"30 2 * * *":  {"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
			"0 2 * * *":   {"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"},
			"59 1 * * *":  {"2026-03-29T01:59:00+01:00", "2026-03-30T01:59:00+02:00"}, // before the gap
			"0 3 * * *":   {"2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"}, // after it
			"30 2 29 3 *": {"2026-03-29T03:00:00+02:00"},
		})
	}},

	{rule: "CRN-3", name: "several-fixed-times-in-one-gap-are-one-slot", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Europe/Berlin", "2026-03-29T00:30:00Z", 26*time.Hour, map[string][]string{
			"*/30 2 * * *":   {"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00"},
			"*/30 2-3 * * *": {"2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-30T03:00:00+02:00", "2026-03-30T03:30:00+02:00"},
		})
	}},

	// On 2026-10-25 Berlin's clock goes from 03:00 back to 02:00.
	{rule: "CRN-3", name: "a-fixed-time-that-is-repeated-runs-once-the-first-time", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Europe/Berlin", "2026-10-24T23:15:00Z", 28*time.Hour, map[string][]string{
			"30 2 * * *":   {"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
			"0 2 * * *":    {"2026-10-25T02:00:00+02:00", "2026-10-26T02:00:00+01:00"},
			"0 3 * * *":    {"2026-10-25T03:00:00+01:00", "2026-10-26T03:00:00+01:00"},
			"*/30 2 * * *": {"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:00:00+01:00", "2026-10-26T02:30:00+01:00"},
			"30 1-3 * * *": {"2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T03:30:00+01:00", "2026-10-26T01:30:00+01:00", "2026-10-26T02:30:00+01:00", "2026-10-26T03:30:00+01:00"},
		})
	}},

	// A worker that starts between the two has not had the first, and the
	// second is none.
	{rule: "CRN-3", name: "nor-does-a-start-in-between-make-it-run", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Europe/Berlin", "2026-10-25T00:45:00Z", 26*time.Hour, map[string][]string{ // 02:45 for the first time
			"30 2 * * *": {"2026-10-26T02:30:00+01:00"},
		})
	}},

	{rule: "CRN-3", name: "a-star-in-the-hour-follows-real-time", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Europe/Berlin", "2026-03-28T22:45:00Z", 24*time.Hour, map[string][]string{
			"30 * 29 3 *": append(hours("2026-03-29T00:30:00+01:00", 2), hours("2026-03-29T03:30:00+02:00", 21)...),
			"0 */2 29 * *": {"2026-03-29T00:00:00+01:00", "2026-03-29T04:00:00+02:00", "2026-03-29T06:00:00+02:00", "2026-03-29T08:00:00+02:00", "2026-03-29T10:00:00+02:00",
				"2026-03-29T12:00:00+02:00", "2026-03-29T14:00:00+02:00", "2026-03-29T16:00:00+02:00", "2026-03-29T18:00:00+02:00", "2026-03-29T20:00:00+02:00", "2026-03-29T22:00:00+02:00"},
		})
	}},

	{rule: "CRN-3", name: "and-so-twice-through-an-hour-that-is-repeated", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Europe/Berlin", "2026-10-24T21:45:00Z", 26*time.Hour, map[string][]string{
			"30 * 25 10 *": hours("2026-10-25T00:30:00+02:00", 25),
		})
	}},

	// Lord Howe's clock is put forward from 02:00 to 02:30 on 2026-10-04, and
	// back from 02:00 to 01:30 on 2026-04-05.
	{rule: "CRN-3", name: "a-gap-of-half-an-hour", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Australia/Lord_Howe", "2026-10-03T15:00:00Z", 26*time.Hour, map[string][]string{
			"15 2 * * *":    {"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
			"45 2 * * *":    {"2026-10-04T02:45:00+11:00", "2026-10-05T02:45:00+11:00"},
			"15,30 2 * * *": {"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00", "2026-10-05T02:30:00+11:00"},
		})
	}},

	{rule: "CRN-3", name: "a-repeat-of-half-an-hour", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "Australia/Lord_Howe", "2026-04-04T13:30:00Z", 26*time.Hour, map[string][]string{
			"45 1 * * *": {"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"},
			"15 1 * * *": {"2026-04-05T01:15:00+11:00", "2026-04-06T01:15:00+10:30"},
			"45 * 5 4 *": append(append(hours("2026-04-05T00:45:00+11:00", 2), "2026-04-05T01:45:00+10:30"), hours("2026-04-05T02:45:00+10:30", 22)...),
		})
	}},

	// Where midnight itself is skipped, the day begins at one.
	{rule: "CRN-3", name: "a-day-without-a-midnight", needs: crons, virtual: true, run: func(t *trial) {
		localRuns(t, "America/Santiago", "2026-09-06T03:30:00Z", 26*time.Hour, map[string][]string{
			"@daily":    {"2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
			"0 0 6 9 *": {"2026-09-06T01:00:00-03:00"},
			"@weekly":   {"2026-09-06T01:00:00-03:00"},
		})
	}},
}

// localRuns is overnight; of an engine that is distributed, whose own doings in a day
// are many and whose slots are no timer's, the night of the change alone is run, and
// the first slot after it is compared with the next that it shows.
func localRuns(t *trial, zoneName, start string, pass time.Duration, want map[string][]string) {
	if t.features.Distributed {
		pass = min(pass, 6*time.Hour)
	}
	overnight(t, zoneName, start, pass, want)
}

// overnight starts a worker in a zone for each expression, shortly before a change of
// the clock, lets that pass and a day more, and compares the slots that it ran. Where
// the time was cut short the next slot is compared too.
func overnight(t *trial, zoneName, start string, pass time.Duration, want map[string][]string) {
	until(t, at(start))
	loc := zone(t, zoneName)
	m := t.running(core.Options{})
	names := addCrons(t, m, "w", slices.Sorted(maps.Keys(want)), core.In(loc))
	t.sleep(pass)
	for expr, slots := range want {
		ran := slotsRun(t, names[expr])
		if n := len(ran); n < len(slots) && at(slots[n]).After(time.Now()) {
			ran = append(ran, t.status(m, names[expr]).Next)
			slots = slots[:n+1]
		}
		var expected, got []string
		for _, s := range slots {
			expected = append(expected, at(s).In(loc).Format(time.RFC3339))
		}
		for _, slot := range ran {
			got = append(got, slot.In(loc).Format(time.RFC3339))
		}
		assert.Equal(t, expected, got, "the slots of %q in %s", expr, zoneName)
	}
}

// hours lists n times, an hour of real time apart.
func hours(first string, n int) []string { return stamps(series(at(first), time.Hour, n)) }
