package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, skipCases) }

var skipCases = []kase{
	{rule: "OBS-2", name: "every-slot-ran-or-was-skipped-for-overlap", run: func(t *trial) {
		t.accountsFor(core.ReasonOverlap, core.Worker{Run: func(context.Context) error {
			time.Sleep(t.period() * 9 / 4) // over two slots
			return nil
		}}, nil)
	}},
	{rule: "OBS-2", name: "every-slot-ran-or-was-skipped-for-a-pause", needs: pauses, run: func(t *trial) {
		t.accountsFor(core.ReasonPaused, core.Worker{}, func(m core.Manager, period int) {
			if period == 2 {
				require.NoError(t, m.Pause(context.Background(), "w"))
			}
			if period == 4 {
				require.NoError(t, m.Resume(context.Background(), "w"))
			}
		})
	}},
	{rule: "OBS-2", name: "every-slot-ran-or-was-missed", local: true, virtual: true, run: func(t *trial) {
		t.accountsFor(core.ReasonMissed, core.Worker{}, func(_ core.Manager, period int) {
			if period == 3 {
				t.clock.jump(1000 * t.period())
			}
		})
	}},
	{rule: "OBS-2", name: "every-slot-that-a-worker-without-misfires-missed", needs: []core.Feature{core.FeatureMisfire}, local: true, virtual: true, run: func(t *trial) {
		t.accountsFor(core.ReasonMissed, core.Worker{Misfire: core.SkipMissed}, func(_ core.Manager, period int) {
			if period == 3 {
				t.clock.jump(1000*t.period() + t.period()/4)
			}
		})
	}},
	{rule: "OBS-2", name: "every-slot-that-fell-due-in-a-wait-for-a-turn", virtual: true, run: func(t *trial) {
		g := t.gate("first")
		defer g.open()
		m := t.limitedToOne(g, "w")
		began := time.Now()
		t.sleep(45 * t.period())
		g.open()
		s := t.awaitRuns(m, "w", 1)
		due := core.Every(10*t.period()).Count(began, time.Now()) + 1 // and the one that waits
		assert.EqualValues(t, due, s.Runs+s.Skips.Total(), "slots that ran (%d) or were skipped (%+v)", s.Runs, s.Skips)
	}},
	{rule: "OBS-2", name: "every-slot-of-runs-that-fail-panic-or-are-refused-by-middleware-ran", run: func(t *trial) {
		refuses := func(ctx context.Context, next func(context.Context) error) error {
			if tick, _ := core.TickFrom(ctx); tick.Worker == "refused" {
				return errBoom
			}
			return next(ctx)
		}
		names := []string{"failing", "refused"}
		workers := []core.Worker{t.worker("failing", core.Every(t.period()), fails), t.worker("refused", core.Every(t.period()), nil)}
		for _, c := range crashes {
			names = append(names, c.name)
			workers = append(workers, t.worker(c.name, core.Every(t.period()), func(context.Context) error { c.do(); return nil }))
		}
		midway(t, t.period())
		m := t.running(core.Options{Middleware: []core.Middleware{refuses}}, workers...)
		t.sleep(4 * t.period())
		for _, name := range names {
			s := t.status(m, name)
			assert.EqualValues(t, 4, s.Runs, "runs of %s: it failed, which is no reason to skip", name)
			assert.Zero(t, s.Skips.Total(), "slots of %s that were skipped", name)
		}
	}},
}

// namesWhatWasSkipped wants each report of skipped slots to give the first, the last
// and their number, and none of them to have run or to be reported twice.
func (t *trial) namesWhatWasSkipped(watch *watcher, worker string, s core.Schedule) {
	ran, told := map[time.Time]bool{}, map[time.Time]bool{}
	for _, slot := range slotsRun(t, worker) {
		ran[slot.UTC()] = true
	}
	for _, e := range watch.seen(core.EventSkipped, worker) {
		n := 0
		for slot := s.Next(e.Tick.Slot.Add(-1)); n < e.Count && !slot.After(e.Last); slot = s.Next(slot) {
			if n == 0 {
				require.Equal(t, slot.UTC(), e.Tick.Slot.UTC(), "the first slot of a report (%s)", e.Reason)
			}
			require.False(t, ran[slot.UTC()], "the slot %s was reported as skipped (%s), in a report of %d slots from %s to %s, and ran", slot, e.Reason, e.Count, e.Tick.Slot, e.Last)
			require.False(t, told[slot.UTC()], "the slot %s was reported as skipped twice", slot)
			told[slot.UTC()] = true
			n++
		}
		require.Equal(t, e.Count, n, "slots from the first of a report, %s, to the last, %s (%s)", e.Tick.Slot, e.Last, e.Reason)
		require.True(t, told[e.Last.UTC()], "the last slot of a report, %s, is one of the schedule's (%s)", e.Last, e.Reason)
	}
}

// accountsFor runs a worker "w" of Every(period) for eight periods, in the
// middle of each of which it calls during, and wants every slot that fell due to
// have been run, or skipped for the reason, of which there is at least one; and
// the observers to have been told the same.
func (t *trial) accountsFor(reason core.SkipReason, w core.Worker, during func(m core.Manager, period int)) {
	watch := &watcher{}
	run := t.recorded("w", w.Run)
	w.Name, w.Schedule, w.Run = "w", core.Every(t.period()), run
	midway(t, t.period())
	began := t.clock.Now()
	m := t.running(core.Options{Observers: []core.Observer{watch.see}}, w)
	for i := range 8 {
		if during != nil {
			during(m, i)
		}
		t.sleep(t.period())
	}
	due := core.Every(t.period()).Count(began, t.clock.Now())
	s := t.status(m, "w")
	ran := len(slotsRun(t, "w"))
	assert.EqualValues(t, due, uint64(ran)+s.Skips.Total(), "slots that ran (%d) or were skipped (%+v), of those that fell due", ran, s.Skips)
	t.namesWhatWasSkipped(watch, "w", core.Every(t.period()))
	byReason := map[core.SkipReason]uint64{
		core.ReasonOverlap: s.Skips.Overlap, core.ReasonPaused: s.Skips.Paused,
		core.ReasonMissed: s.Skips.Missed, core.ReasonRefused: s.Skips.Refused,
	}
	for r, n := range byReason {
		told := 0
		for _, e := range watch.seen(core.EventSkipped, "w") {
			assert.False(t, e.Tick.Slot.IsZero(), "what the observers are told of is a slot")
			if e.Reason == r {
				told += e.Count
			}
		}
		assert.EqualValues(t, n, told, "slots that the observers are told of, with reason %s", r)
		if r == reason {
			assert.NotZero(t, n, "slots skipped, with reason %s", r)
		} else {
			assert.Zero(t, n, "slots skipped, with reason %s", r)
		}
	}
}
