package conformance

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, overlapCases) }

// overlapCases want each slot that falls due in a run to be counted once, and no other
// slot: also if Stop is called or the clock is set in the run.
var overlapCases = []kase{
	{rule: "PER-5", name: "a-stop-during-a-run-in-which-no-slot-falls-due-counts-no-overlap", run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return p * 3 / 4 })
		until(t, o.next.Add(o.p/4))
		require.NoError(t, t.stopping(o.m).within(o.p+t.soon()))
		until(t, o.next.Add(2*o.p))
		o.counted(t, 0)
	}},
	{rule: "OBS-2", name: "slots-of-a-paused-worker-that-fall-due-while-stop-waits-for-its-run-are-skipped-as-paused", needs: pauses, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		until(t, o.next.Add(o.p/4))
		require.NoError(t, o.m.Pause(context.Background(), "w"))
		until(t, o.next.Add(o.p+o.p/4))
		require.NoError(t, t.stopping(o.m).within(3*o.p+t.soon()))
		o.counted(t, 3)
		assert.Equal(t, core.Skips{Paused: 3}, t.status(o.m, "w").Skips, "slots skipped: the worker was paused")
	}},
	{rule: "PER-5", name: "a-stop-during-a-run-whose-schedule-is-over-or-breaks-counts-no-overlap", needs: anySchedule, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		watch := &watcher{}
		m := t.running(core.Options{Observers: []core.Observer{watch.see}})
		for name, then := range map[string]func(time.Time) time.Time{"over": never, "broken": wayward["standing-still"]} {
			t.must(m.Add(context.Background(), t.worker(name, endingAt(next.Add(p), p, then), func(context.Context) error {
				if t.count(name) == 2 {
					time.Sleep(2*p + p/2)
				}
				return nil
			})), "Add")
		}
		until(t, next.Add(p+p/4))
		require.NoError(t, t.stopping(m).within(3*p+t.soon()))
		for _, name := range []string{"over", "broken"} {
			ranSlots(t, name, series(next, p, 2), "its slots")
			assert.Zero(t, watch.count(core.EventSkipped, name), "slots of %s that the observers are told of as skipped", name)
			assert.Zero(t, t.status(m, name).Skips, "slots of %s that were skipped", name)
		}
	}},
	{rule: "PER-8", name: "a-stop-during-a-run-of-a-worker-with-jitter-counts-each-overlap-once", needs: []core.Feature{core.FeatureJitter}, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{Jitter: t.period() * 3 / 4}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		t.eventually(2*o.p, "the run begins", func() bool { return t.count("w") == 1 })
		until(t, t.calls("w")[0].begin.Add(o.p+o.p/8))
		require.NoError(t, t.stopping(o.m).within(3*o.p+t.soon()))
		t.sleep(o.p)
		o.counted(t, 3)
	}},
	{rule: "PER-5", name: "a-slot-that-was-counted-is-not-counted-again-after-a-short-jump-back-in-its-run", local: true, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		until(t, o.next.Add(o.p+5*time.Second))
		t.clock.jump(-45 * time.Second)
		until(t, o.next.Add(3*o.p+3*o.p/5)) // by the clock it is before the third slot
		o.counted(t, 2)
	}},
	{rule: "PER-5", name: "a-stop-after-a-short-jump-back-does-not-count-the-slot-that-runs", local: true, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return p + p/2 })
		until(t, o.next.Add(5*time.Second))
		t.clock.jump(-45 * time.Second) // the slot of the run is to come again
		t.sleep(time.Second)
		require.NoError(t, t.stopping(o.m).within(2*o.p))
		o.counted(t, 0)
	}},
	{rule: "PER-5", name: "a-stop-after-a-short-jump-back-counts-no-overlap-again", local: true, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		until(t, o.next.Add(o.p+5*time.Second))
		t.clock.jump(-45 * time.Second) // the slot that was counted is to come again
		t.sleep(time.Second)
		require.NoError(t, t.stopping(o.m).within(4*o.p))
		o.counted(t, 2)
	}},
	{rule: "OBS-2", name: "slots-that-a-jump-ahead-passes-in-a-run-are-counted-once", local: true, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		until(t, o.next.Add(o.p/2))
		t.clock.jump(10 * o.p)
		until(t, o.next.Add(3*o.p+3*o.p/5))
		o.counted(t, 13)
		t.namesWhatWasSkipped(o.watch, "w", core.Every(o.p))
		s := t.status(o.m, "w").Skips
		assert.EqualValues(t, 13, s.Total(), "slots skipped, in the status")
		assert.GreaterOrEqual(t, s.Missed, uint64(9), "slots skipped with reason missed: those that the jump passed before the latest")
	}},
	{rule: "PER-5", name: "slots-that-a-jump-ahead-passes-while-stop-waits-for-a-run-are-counted-once", local: true, virtual: true, run: func(t *trial) {
		o := t.overlapping(core.Worker{}, func(p time.Duration) time.Duration { return 3*p + p/2 })
		until(t, o.next.Add(o.p/4))
		stop := t.stopping(o.m)
		t.clock.jump(10 * o.p)
		require.NoError(t, stop.within(4*o.p))
		o.counted(t, 13)
	}},
}

// overlapping is a worker "w" whose first run lasts long, and what is reported of it.
type overlapping struct {
	m     core.Manager
	watch *watcher
	next  time.Time // the slot of the first run
	p     time.Duration
}

// overlapping starts w, in the middle before its first slot. Its first run takes as long
// as lasts returns for the period, later runs no time.
func (t *trial) overlapping(w core.Worker, lasts func(p time.Duration) time.Duration) overlapping {
	o := overlapping{watch: &watcher{}, p: t.period()}
	o.next = midway(t, o.p)
	w.Name, w.Schedule = "w", core.Every(o.p)
	w.Run = t.recorded("w", func(context.Context) error {
		if t.count("w") == 1 {
			time.Sleep(lasts(o.p))
		}
		return nil
	})
	o.m = t.running(core.Options{Observers: []core.Observer{o.watch.see}}, w)
	return o
}

// counted wants w to have run once, and the observers to be told of as many slots that
// were skipped.
func (o overlapping) counted(t *trial, want int) {
	require.Len(t, t.calls("w"), 1, "runs")
	require.Equal(t, want, o.watch.count(core.EventSkipped, "w"), "slots that the observers are told of as skipped")
}
