package conformance

import (
	"context"
	"time"
	_ "time/tzdata" // the cases are the same on a machine without a zone database

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, cronZoneCases) }

// CRN-2: whose midnight it is.
var cronZoneCases = []kase{
	{rule: "CRN-2", name: "utc-where-no-zone-is-given", needs: crons, virtual: true, run: func(t *trial) {
		until(t, at("2026-01-01T08:00:00Z"))
		// What time.Now returns on a host in Tokyo.
		tokyo := zone(t, "Asia/Tokyo")
		now := func() time.Time { return t.clock.Now().In(tokyo) }
		m := t.running(core.Options{Now: now}, t.worker("w", core.Cron("0 9 * * *"), nil))
		require.Equal(t, at("2026-01-01T09:00:00Z"), t.status(m, "w").Next, "the next slot, on a host in Tokyo")
		until(t, at("2026-01-01T12:00:00Z"))
		ranSlots(t, "w", []time.Time{at("2026-01-01T09:00:00Z")}, "09:00 in UTC")
		require.Equal(t, at("2026-01-02T09:00:00Z"), t.status(m, "w").Next, "the slot after it")
	}},

	{rule: "CRN-2", name: "each-schedule-in-its-own-zone", needs: crons, virtual: true, run: func(t *trial) {
		until(t, at("2026-01-01T00:00:00Z"))
		in := func(name string, loc *time.Location) core.Worker {
			return t.worker(name, core.Cron("30 9 * * *", core.In(loc)), nil)
		}
		t.running(core.Options{},
			in("tokyo", zone(t, "Asia/Tokyo")),
			in("kathmandu", zone(t, "Asia/Kathmandu")),
			in("new-york", zone(t, "America/New_York")),
			in("fixed", time.FixedZone("", -(9*60*60+30*60))),
			in("utc", time.UTC))
		until(t, at("2026-01-01T20:00:00Z"))
		for name, slot := range map[string]string{
			"tokyo":     "2026-01-01T00:30:00Z",
			"kathmandu": "2026-01-01T03:45:00Z",
			"new-york":  "2026-01-01T14:30:00Z",
			"fixed":     "2026-01-01T19:00:00Z",
			"utc":       "2026-01-01T09:30:00Z",
		} {
			ranSlots(t, name, []time.Time{at(slot)}, "09:30 in its zone")
			assert.Equal(t, time.UTC, slotsRun(t, name)[0].Location(), "the slot in the tick is in UTC")
		}
	}},

	// The day of month and the day of week are those of the zone too.
	{rule: "CRN-2", name: "the-day-is-the-zones", needs: crons, virtual: true, run: func(t *trial) {
		until(t, at("2026-01-30T00:00:00Z"))
		m := t.running(core.Options{},
			t.worker("month", core.Cron("0 6 1 * *", core.In(zone(t, "Asia/Tokyo"))), nil),
			t.worker("week", core.Cron("0 22 * * SAT", core.In(zone(t, "America/Los_Angeles"))), nil))
		require.Equal(t, at("2026-01-31T21:00:00Z"), t.status(m, "month").Next, "06:00 on 1 February in Tokyo")
		require.Equal(t, at("2026-02-01T06:00:00Z"), t.status(m, "week").Next, "22:00 on Saturday in Los Angeles")
	}},

	{rule: "CRN-2", name: "a-nil-zone-is-refused", needs: crons, run: func(t *trial) {
		m := t.open(core.Options{})
		err := m.Add(context.Background(), t.worker("w", core.Cron("0 9 * * *", core.In(nil)), nil))
		require.ErrorIs(t, err, core.ErrInvalidWorker, "as an unchecked time.LoadLocation leaves behind; it is not UTC")
		require.Empty(t, m.Workers(), "workers")
	}},
}

// zone returns a time zone.
func zone(t *trial, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	t.must(err, "LoadLocation")
	return loc
}
