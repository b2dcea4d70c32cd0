package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, cronCases) }

var crons = []core.Feature{core.FeatureCron}

// CRN-1: the language of expressions. The workers run in January 2024, whose first
// is a Monday.
var cronCases = []kase{
	{rule: "CRN-1", name: "five-fields-with-ranges-steps-lists-and-names", needs: crons, virtual: true, run: func(t *trial) {
		runsAt(t, at("2024-01-03T22:00:00Z"), 12*time.Hour, "02 15:04", map[string]string{ // Wednesday and Thursday
			"30 9 * * *":              "04 09:30",
			"0 6-8 4 * *":             "04 06:00, 04 07:00, 04 08:00",
			"10-20/5 7 4 1 *":         "04 07:10, 04 07:15, 04 07:20",
			"*/20 23 3 * *":           "03 23:00, 03 23:20, 03 23:40",
			"50/4 23 3 * *":           "03 23:50, 03 23:54, 03 23:58",
			"5,50,5 1,3 4 * *":        "04 01:05, 04 01:50, 04 03:05, 04 03:50",
			"0 0,6-8,2-5/2 4 * *":     "04 00:00, 04 02:00, 04 04:00, 04 06:00, 04 07:00, 04 08:00",
			"59 23 * jan mon-WED,Fri": "03 23:59",
			"59 2 * jan Thu,sat":      "04 02:59",
			"0 23 * 1-2,DEC 1-5/2":    "03 23:00",
			"0 5 * 1-2,DEC 2-6/2":     "04 05:00",
			"0 5 * FEB-MAR *":         "",
			"0 5 ? * THU":             "04 05:00",
			"  0   5 4 1   *  ":       "04 05:00",
		})
	}},

	{rule: "CRN-1", name: "six-fields-have-seconds-first", needs: crons, virtual: true, run: func(t *trial) {
		runsAt(t, at("2024-01-01T00:00:00Z"), 3*time.Minute+time.Second, time.TimeOnly, map[string]string{
			"*/25 1-2 * * * *":     "00:01:00, 00:01:25, 00:01:50, 00:02:00, 00:02:25, 00:02:50",
			"7,18 2 0 1 JAN MON":   "00:02:07, 00:02:18",
			"40-59/9 */2 0 * * *":  "00:00:40, 00:00:49, 00:00:58, 00:02:40, 00:02:49, 00:02:58",
			"0 1 * * * *":          "00:01:00",
			"1 * * * *":            "00:01:00", // five: a minute
			"30 * * * * SUN":       "",
			"30 * 0 1 1 *":         "00:00:30, 00:01:30, 00:02:30",
			"59/30 0 0 1/30 1/6 *": "00:00:59",
		})
	}},

	{rule: "CRN-1", name: "sunday-is-0-and-7", needs: crons, virtual: true, run: func(t *trial) {
		runsAtNoon(t, "2024-01-06", 3, map[string]string{ // from Saturday to Monday
			"0 12 * * 0":       "07 12:00",
			"0 12 * * 7":       "07 12:00",
			"0 12 * * SUN":     "07 12:00",
			"0 12 * * 0,7,SUN": "07 12:00",
			"0 12 * * 6-7":     "06 12:00, 07 12:00",
			"0 12 * * FRI-SUN": "06 12:00, 07 12:00",
			"0 12 * * 0-1":     "07 12:00, 08 12:00",
			"0 12 * * SUN-MON": "07 12:00, 08 12:00",
		})
	}},

	{rule: "CRN-1", name: "descriptors", needs: crons, virtual: true, run: func(t *trial) {
		until(t, at("2024-01-01T00:00:00Z"))
		want := map[string]string{
			"@yearly":      "2025-01-01T00:00:00Z",
			"@annually":    "2025-01-01T00:00:00Z",
			"@monthly":     "2024-02-01T00:00:00Z",
			"@weekly":      "2024-01-07T00:00:00Z",
			"@daily":       "2024-01-02T00:00:00Z",
			"@midnight":    "2024-01-02T00:00:00Z",
			"@hourly":      "2024-01-01T01:00:00Z",
			"@every 7m":    "2024-01-01T00:01:00Z", // as Every: 4,057,303 × 7 min since 1970
			"@every 1h30m": "2024-01-01T01:30:00Z",
		}
		m := t.running(core.Options{})
		names := addCrons(t, m, "w", slices.Sorted(maps.Keys(want)))
		for expr, next := range want {
			assert.Equal(t, next, t.status(m, names[expr]).Next.Format(time.RFC3339), "the first slot of %s", expr)
		}
		t.sleep(90*time.Minute + t.slack())
		ranSlots(t, names["@hourly"], []time.Time{at("2024-01-01T01:00:00Z")}, "@hourly")
		ranSlots(t, names["@every 1h30m"], []time.Time{at("2024-01-01T01:30:00Z")}, "@every 1h30m")
	}},

	{rule: "CRN-1", name: "either-day-is-enough-where-both-are-restricted", needs: crons, virtual: true, run: func(t *trial) {
		runsAtNoon(t, "2024-01-11", 3, map[string]string{ // from Thursday to Saturday
			"0 12 13 * FRI":    "12 12:00, 13 12:00",
			"0 12 4,11 * 4":    "11 12:00",
			"0 12 12-13 1 3-4": "11 12:00, 12 12:00, 13 12:00",
			"0 12 13 * *":      "13 12:00",
			"0 12 * * FRI":     "12 12:00",
			"0 12 */2 * FRI":   "",         // begins with *, so it is no restriction: the odd Fridays
			"0 12 */2 * SAT":   "13 12:00", // and the odd Saturdays
			"0 12 12 * */3":    "",         // likewise: the 12th is none of Sunday, Wednesday, Saturday
			"0 12 ? * FRI":     "12 12:00",
			"0 12 1-31 * FRI":  "11 12:00, 12 12:00, 13 12:00",
			"0 12 31 2-12 WED": "",
		})
	}},

	{rule: "CRN-1", name: "29-february-is-found-across-a-century-year", needs: crons, virtual: true, run: func(t *trial) {
		until(t, at("2096-03-01T00:00:00Z"))
		m := t.running(core.Options{})
		names := addCrons(t, m, "w", []string{"0 0 29 2 *", "0 0 29 FEB */7"})
		require.Equal(t, "2104-02-29T00:00:00Z", t.status(m, names["0 0 29 2 *"]).Next.Format(time.RFC3339), "2100 is no leap year")
		require.Equal(t, "2128-02-29T00:00:00Z", t.status(m, names["0 0 29 FEB */7"]).Next.Format(time.RFC3339), "a leap day that is a Sunday")
	}},

	{rule: "CRN-1", name: "what-does-not-parse-is-refused-by-the-field", needs: crons, run: func(t *trial) {
		refused(t, map[string]string{
			"60 * * * *":                   `minute "60"`,
			"-1 * * * *":                   `minute "-1"`,
			"x * * * *":                    `minute "x"`,
			"1,,2 * * * *":                 `minute "1,,2"`,
			"*/0 * * * *":                  `minute "*/0"`,
			"5-1 * * * *":                  `minute "5-1"`,
			"1-2-3 * * * *":                `minute`,
			"1.5 * * * *":                  `minute "1.5"`,
			"* 24 * * *":                   `hour "24"`,
			"* 1-24 * * *":                 `hour "24"`,
			"* */x * * *":                  `hour "*/x"`,
			"* * 0 * *":                    `day of month "0"`,
			"* * 32 * *":                   `day of month "32"`,
			"* * L * *":                    `day of month "L"`,
			"* * * 13 *":                   `month "13"`,
			"* * * 0 *":                    `month "0"`,
			"* * * JANUARY *":              `month "JANUARY"`,
			"* * * * 8":                    `day of week "8"`,
			"* * * * FUN":                  `day of week "FUN"`,
			"* * * * MON#2":                `day of week "MON#2"`,
			"60 * * * * *":                 `second "60"`,
			"* 60 * * * *":                 `minute "60"`,
			"":                             "empty",
			"   ":                          "empty",
			"* * * *":                      "too few fields",
			"* * * * * * *":                "too many",
			"@sometimes":                   `"@sometimes"`,
			"@every":                       "duration",
			"@every x":                     `"x"`,
			"@every 0s":                    "positive",
			"@every -1m":                   "positive",
			"@daily 5":                     `"5"`,
			"TZ=UTC 0 * * * *":             "TZ=UTC",
			"18446744073709551617 * * * *": `minute "18446744073709551617"`,
		})
	}},

	{rule: "CRN-1", name: "a-step-larger-than-its-fields-range-is-refused-by-the-field", needs: crons, run: func(t *trial) {
		refused(t, map[string]string{
			"*/90 * * * * *":     `second "*/90"`,
			"*/90 * * * *":       `minute "*/90"`,
			"*/61 * * * *":       `minute "*/61"`,
			"0/90 * * * *":       `minute "0/90"`,
			"0,5-59/90 * * * *":  `minute "5-59/90"`,
			"0 */36 * * *":       `hour "*/36"`,
			"0 */25 * * *":       `hour "*/25"`,
			"0 0 */45 * *":       `day of month "*/45"`,
			"0 0 ?/32 * *":       `day of month "?/32"`,
			"0 0 1 */18 *":       `month "*/18"`,
			"0 0 1 JAN-DEC/13 *": `month "JAN-DEC/13"`,
			"0 0 * * */8":        `day of week "*/8"`,
			"0 0 */14 * SUN/14":  `day of week "SUN/14"`,
		})
	}},

	{rule: "CRN-1", name: "a-step-as-large-as-its-fields-range-is-due-once-in-it", needs: crons, virtual: true, run: func(t *trial) {
		until(t, time.Date(2024, 1, 1, 0, 0, 0, 1, time.UTC)) // a Monday
		m := t.running(core.Options{})
		want := map[string]string{
			"*/60 * * * *": "2024-01-01T01:00:00Z",
			"0 */24 * * *": "2024-01-02T00:00:00Z",
			"0 0 */31 * *": "2024-02-01T00:00:00Z",
			"0 0 1 */12 *": "2025-01-01T00:00:00Z",
			"0 0 * * */7":  "2024-01-07T00:00:00Z",
		}
		for expr, name := range addCrons(t, m, "w", slices.Sorted(maps.Keys(want))) {
			require.Equal(t, want[expr], t.status(m, name).Next.Format(time.RFC3339), expr)
		}
	}},

	{rule: "CRN-1", name: "what-is-never-due-is-refused-by-the-field", needs: crons, run: func(t *trial) {
		refused(t, map[string]string{
			"0 0 30 2 *":             `day of month "30"`,
			"0 0 30,31 FEB *":        `day of month "30,31"`,
			"0 0 31 4,6,9,11 *":      `day of month "31"`,
			"0 0 0 30-31 2 *":        `day of month "30-31"`,
			"0 0 31 2 ?":             `day of month "31"`,
			"0 0 31 APR-APR,6,9 */7": `day of month "31"`,
		})
	}},

	{rule: "CRN-1", name: "a-cron-schedule-runs-in-real-time-too", needs: crons, run: func(t *trial) {
		step := time.Minute // the shortest divisor of a minute that the engine can do
		for _, s := range []int{30, 20, 15, 12, 10, 6, 5, 4, 3, 2, 1} {
			if d := time.Duration(s) * time.Second; d >= t.period() {
				step = d
			}
		}
		expr := fmt.Sprintf("*/%d * * * * *", int(step/time.Second))
		if step == time.Minute {
			expr = "* * * * *"
		}
		next := midway(t, step)
		t.running(core.Options{}, t.worker("w", core.Cron(expr), nil))
		until(t, next.Add(2*step+step/2))
		ranSlots(t, "w", series(next, step, 3), expr)
	}},
}

// runsAt starts a worker for each expression at a moment, lets time pass, and
// compares the slots that it ran with those given, in a layout of package time.
func runsAt(t *trial, start time.Time, pass time.Duration, layout string, want map[string]string) {
	until(t, start.Add(-1)) // so that a slot at the very start counts
	m := t.running(core.Options{})
	names := map[string][]string{}
	for expr, name := range addCrons(t, m, "w", slices.Sorted(maps.Keys(want))) {
		names[expr] = []string{name}
	}
	until(t, start.Add(pass-1))
	checkSlots(t, layout, names, want)
}

// runsAtNoon is runsAt from eleven on one day to one on another. Of an engine that is
// distributed, whose own doings in a night are many and whose slots are no timer's, the
// noons are tried, with a manager for each.
func runsAtNoon(t *trial, first string, days int, want map[string]string) {
	if !t.features.Distributed {
		runsAt(t, at(first+"T11:00:00Z"), time.Duration(days-1)*24*time.Hour+2*time.Hour, "02 15:04", want)
		return
	}
	names := map[string][]string{}
	for day := range days {
		noon := at(first+"T12:00:00Z").AddDate(0, 0, day)
		until(t, noon.Add(-time.Hour))
		m := t.running(core.Options{})
		for expr, name := range addCrons(t, m, fmt.Sprintf("day%d-", day), slices.Sorted(maps.Keys(want))) {
			names[expr] = append(names[expr], name)
		}
		until(t, noon.Add(time.Hour))
		t.must(m.Stop(context.Background()), "Stop")
	}
	checkSlots(t, "02 15:04", names, want)
}

// checkSlots compares the slots that the workers of each expression ran with those
// given, in a layout of package time.
func checkSlots(t *trial, layout string, names map[string][]string, want map[string]string) {
	for expr, slots := range want {
		var got []string
		for _, name := range names[expr] {
			for _, slot := range slotsRun(t, name) {
				got = append(got, slot.UTC().Format(layout))
			}
		}
		assert.Equal(t, slots, strings.Join(got, ", "), "the slots of %q", expr)
	}
}

// addCrons adds a worker for each expression and returns their names.
func addCrons(t *trial, m core.Manager, prefix string, exprs []string, opts ...core.CronOption) map[string]string {
	names := map[string]string{}
	for i, expr := range exprs {
		names[expr] = numbered(prefix, i)
		t.note("%s is %q", names[expr], expr)
		t.must(m.Add(context.Background(), t.worker(names[expr], core.Cron(expr, opts...), nil)), fmt.Sprintf("Add %q", expr))
	}
	return names
}

// refused fails the case unless each expression is refused at Add by an error
// that says so.
func refused(t *trial, want map[string]string) {
	m := t.running(core.Options{})
	for expr, says := range want {
		err := m.Add(context.Background(), t.worker("the-worker", core.Cron(expr), nil))
		if assert.Error(t, err, "%q", expr) {
			assert.ErrorIs(t, err, core.ErrInvalidWorker, "%q", expr)
			assert.ErrorContains(t, err, "the-worker", "%q", expr)
			assert.ErrorContains(t, err, says, "%q", expr)
		}
	}
	require.Empty(t, m.Workers(), "what was refused leaves nothing behind")
}
