package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, cronMissedCases) }

// cronMissedCases have the clock jump from one night in which a clock on the wall changes to
// the next, over ends of months and years, and compare what was run and skipped with all
// slots in between, one by one.
var cronMissedCases = []kase{
	{rule: "PER-7", name: "of-cron-schedules-of-all-kinds-the-latest-missed-slot-runs-and-each-other-is-counted", needs: crons, local: true, virtual: true, slow: true, run: func(t *trial) {
		exprs := map[string][]string{
			"UTC": {
				"30 2 * * *", "15,45 1-3 * * SUN", "0 12 13 * FRI", "0 0 29 2 *", "0 0 31 * *", "59 23 31 12 *", "0 0 1 1 *",
				"30 0 6 */2 1-6 MON", "10 30 0-6/3 1,15 * *", "59 59 23 * 2,12 *", "*/20 0 12 1 * *", "0 0 * * 7",
			},
			"Europe/Berlin":       {"30 2 * * *", "*/30 2,3 * 3,10 SUN", "40 */2 * * SAT-SUN", "0 * 25 10 *", "30 1-2 * 3,10 *", "30 * 29 3 *"},
			"America/New_York":    {"0 0 1 * *", "30 1 * 11 SUN", "30 */3 1-7 11 *", "0 3 31 */2 *"},
			"Australia/Lord_Howe": {"15 2 * * *", "45 1 * 4,10 *", "45 */6 * * *"},
		}
		until(t, at("2026-03-28T20:00:00Z"))
		began := t.clock.Now()
		m := t.running(core.Options{})
		schedules := map[string]core.Schedule{}
		for name, list := range exprs {
			for i, expr := range list {
				worker := fmt.Sprintf("%s-%d", name, i)
				schedules[worker] = core.Cron(expr, core.In(zone(t, name)))
				t.note("%s is %q in %s", worker, expr, name)
				t.must(m.Add(context.Background(), t.worker(worker, schedules[worker], nil)), "Add")
			}
		}
		due, latest, asked := map[string]int{}, map[string]time.Time{}, map[string]time.Time{}
		for _, landing := range []string{
			"2026-03-29T00:59:40Z", "2026-03-29T01:31:00Z", "2026-03-29T12:00:00Z", // Berlin's clock is put forward
			"2026-04-04T15:01:00Z", "2026-04-04T15:31:00Z", // Lord Howe's is put back
			"2026-05-31T23:59:59Z", "2026-10-03T15:31:00Z", // and forward
			"2026-10-25T00:31:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:31:00Z", // Berlin's is put back
			"2026-11-01T05:31:00Z", "2026-11-01T06:10:00Z", "2026-11-01T06:31:00Z", // New York's is put back
			"2026-12-31T23:59:59Z", "2027-01-01T00:00:30Z", "2028-02-28T23:00:00Z", "2028-03-01T00:00:00Z", "2029-01-31T12:00:00Z",
		} {
			t.clock.jump(at(landing).Sub(t.clock.Now()))
			t.sleep(core.ClockCheck + t.slack())
			for _, s := range m.Workers() {
				if asked[s.Name].IsZero() {
					asked[s.Name] = began
				}
				for slot := schedules[s.Name].Next(asked[s.Name]); !slot.After(t.clock.Now()); slot = schedules[s.Name].Next(slot) {
					due[s.Name]++
					latest[s.Name], asked[s.Name] = slot, slot
				}
				require.EqualValues(t, due[s.Name], s.Runs+s.Skips.Total(), "slots of %s (%s) that ran (%d) or were skipped (%+v) until %s", s.Name, s.Schedule, s.Runs, s.Skips, landing)
				if s.Last != nil {
					require.Equal(t, latest[s.Name], s.Last.Tick.Slot, "the latest slot of %s (%s) that ran until %s", s.Name, s.Schedule, landing)
				}
				assert.Equal(t, core.Skips{Missed: s.Skips.Missed}, s.Skips, "the reason for which slots of %s were skipped", s.Name)
			}
		}
	}},
}
