package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, orderCases) }

// PER-3, PER-5 and PER-6: one run for each slot, one at a time, in order.
var orderCases = []kase{
	{rule: "PER-3", name: "each-slot-runs-once-and-in-order", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{})
		for i := range 50 { // all due at the same instant
			t.must(m.Add(context.Background(), t.worker(fmt.Sprintf("w%d", i), core.Every(p), nil)), "Add")
		}
		until(t, next.Add(3*p+p/2))
		for i := range 50 {
			ranSlots(t, fmt.Sprintf("w%d", i), series(next, p, 4), "each once, in order")
		}
	}},

	{rule: "PER-3", name: "a-reschedule-does-not-run-a-slot-again", needs: []core.Feature{core.FeatureReschedule}, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next)
		t.eventually(2*t.slack(), "the run of the slot", func() bool { return t.count("w") == 1 })
		t.must(m.Reschedule(context.Background(), "w", core.Every(p/2)), "Reschedule, at the instant of the slot")
		t.must(m.Reschedule(context.Background(), "w", core.Every(p)), "Reschedule")
		until(t, next.Add(p+p/2))
		ranSlots(t, "w", series(next, p, 2), "each once")
	}},

	{rule: "PER-3", name: "a-restart-does-not-run-a-slot-again", virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next)
		t.eventually(2*t.slack(), "the run of the slot", func() bool { return t.count("w") == 1 })
		t.must(m.Stop(context.Background()), "Stop, at the instant of the slot")
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p+p/2))
		ranSlots(t, "w", series(next, p, 2), "each once")
	}},

	{rule: "PER-3", name: "a-trigger-neither-takes-a-slot-nor-repeats-one", needs: []core.Feature{core.FeatureTrigger}, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger, before a slot")
		until(t, next.Add(p/2))
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger, after a slot")
		until(t, next.Add(p+p/2))
		ranSlots(t, "w", series(next, p, 2), "each once, whatever was triggered between them")
	}},

	{rule: "PER-5", name: "a-slot-that-falls-due-in-a-run-is-skipped", needs: []core.Feature{core.FeatureSkipCounts}, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), func(context.Context) error {
			time.Sleep(2*p + p/2)
			return nil
		}))
		until(t, next.Add(2*p))
		t.eventually(t.slack(), "two slots are skipped, with reason overlap", func() bool { return t.status(m, "w").Skips.Overlap == 2 })
		require.Len(t, t.calls("w"), 1, "runs by then")
		until(t, next.Add(4*p))
		ranSlots(t, "w", series(next, 3*p, 2), "the two that fell into the first run are not made up")
		neverTwiceAtOnce(t, "w")
		until(t, next.Add(6*p-p/4))
		s := t.status(m, "w").Skips
		require.Equal(t, core.Skips{Overlap: 4}, s, "skips after two runs of two and a half periods")
	}},

	{rule: "PER-5", name: "and-so-is-one-that-does-while-stop-waits-for-the-run", run: func(t *trial) {
		t.overlapsToTheEnd(func(m core.Manager) error { return m.Stop(context.Background()) })
	}},

	{rule: "PER-5", name: "or-remove-does", needs: []core.Feature{core.FeatureRemove}, run: func(t *trial) {
		t.overlapsToTheEnd(func(m core.Manager) error { return m.Remove(context.Background(), "w") })
	}},

	{rule: "PER-5", name: "a-slot-that-falls-due-in-a-triggered-run-is-skipped", needs: []core.Feature{core.FeatureTrigger}, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		m := t.running(core.Options{}, t.worker("w", core.Every(p), func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Manual != "" {
				time.Sleep(p)
			}
			return nil
		}))
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger")
		until(t, next.Add(p+p/2))
		ranSlots(t, "w", series(next.Add(p), p, 1), "the slot in the middle of the triggered run is skipped")
		neverTwiceAtOnce(t, "w")
		require.Equal(t, core.Skips{Overlap: 1}, t.status(m, "w").Skips)
	}},

	{rule: "PER-5", name: "a-trigger-and-a-reschedule-do-not-overlap-a-run", needs: []core.Feature{core.FeatureTrigger, core.FeatureReschedule}, run: func(t *trial) {
		p := t.period()
		next := midway(t, 2*p)
		m := t.running(core.Options{}, t.worker("w", core.Every(2*p), func(context.Context) error {
			time.Sleep(2*p + p/2)
			return nil
		}))
		until(t, next.Add(p/2))
		t.must(errOf(m.Trigger(context.Background(), "w")), "Trigger, during the run")
		t.must(m.Reschedule(context.Background(), "w", core.Every(p)), "Reschedule, during the run")
		until(t, next.Add(5*p+p/2))
		require.GreaterOrEqual(t, t.count("w"), 2, "runs")
		neverTwiceAtOnce(t, "w")
	}},

	{rule: "PER-6", name: "run-on-start-triggers-one-manual-tick", needs: []core.Feature{core.FeatureRunOnStart}, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		w := t.worker("w", core.Every(p), nil)
		w.RunOnStart = true
		m := t.running(core.Options{}, w)
		w = t.worker("added-later", core.Every(p), nil)
		w.RunOnStart = true
		t.must(m.Add(context.Background(), w), "Add")
		until(t, next.Add(2*p+p/2))
		for _, name := range []string{"w", "added-later"} {
			first := t.calls(name)[0]
			require.True(t, first.begin.Before(next), "the first run of %s is before its first slot", name)
			require.NotEmpty(t, first.tick.Manual, "the run at the start is of a manual tick")
			require.True(t, first.tick.Slot.IsZero(), "a manual tick is of no slot, this one of %s", first.tick.Slot)
			t.beganFrom(name, 1, next, "the schedule begins with the first slot")
			ranSlots(t, name, series(next, p, 3), "its schedule goes on beside the run at the start")
			require.Equal(t, 1, manualRuns(t, name), "manual ticks of %s", name)
		}
	}},

	{rule: "PER-6", name: "without-run-on-start-there-is-no-manual-tick", run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		t.running(core.Options{}, t.worker("w", core.Every(p), nil))
		until(t, next.Add(p+p/2))
		require.Zero(t, manualRuns(t, "w"), "manual ticks")
	}},

	{rule: "PER-6", name: "a-resume-and-a-reschedule-are-no-start",
		needs: []core.Feature{core.FeatureRunOnStart, core.FeaturePause, core.FeatureReschedule}, run: func(t *trial) {
			p := t.period()
			midway(t, p)
			w := t.worker("w", core.Every(p), nil)
			w.RunOnStart = true
			m := t.running(core.Options{}, w)
			t.must(m.Pause(context.Background(), "w"), "Pause")
			t.must(m.Resume(context.Background(), "w"), "Resume")
			t.must(m.Reschedule(context.Background(), "w", core.Every(2*p)), "Reschedule")
			t.sleep(p)
			require.Equal(t, 1, manualRuns(t, "w"), "manual ticks")
		}},
}

// neverTwiceAtOnce fails the case if two runs of a worker were in progress at
// the same time.
func neverTwiceAtOnce(t *trial, worker string) {
	calls := t.calls(worker)
	for i := 1; i < len(calls); i++ {
		before, c := calls[i-1], calls[i]
		require.False(t, before.end.IsZero() || c.begin.Before(before.end), "%s begins while %s is in progress", c.tick, before.tick)
	}
}

// overlapsToTheEnd ends a worker during a run that lasts for three and a half
// periods, after the first: of the slots in it the observers are told as ever.
func (t *trial) overlapsToTheEnd(end func(core.Manager) error) {
	watch := &watcher{}
	p := t.period()
	next := midway(t, p)
	m := t.running(core.Options{Observers: []core.Observer{watch.see}}, t.worker("w", core.Every(p), func(context.Context) error {
		time.Sleep(3*p + p/2)
		return nil
	}))
	until(t, next.Add(p+p/2))
	ended := t.call("the end", func() error { return end(m) })
	require.NoError(t, ended.within(2*p+t.soon()))
	skipped := func() (n int) {
		for _, e := range watch.seen(core.EventSkipped, "w") {
			require.Equal(t, core.ReasonOverlap, e.Reason)
			n += e.Count
		}
		return n
	}
	// Remove does not wait until a broker knows.
	t.eventually(t.soon(), "three slots are skipped, with reason overlap: one before the end was called for, two while that waited", func() bool { return skipped() >= 3 })
	require.Equal(t, 3, skipped(), "slots skipped, with reason overlap")
	require.Len(t, t.calls("w"), 1, "runs")
}
