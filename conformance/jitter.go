package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, jitterCases) }

// PER-8: jitter moves the run and not the slot, by the same amount each time.
var jitterCases = []kase{
	{rule: "PER-8", name: "the-delay-is-the-same-at-every-slot-and-within-the-jitter", needs: jitters, virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		w := watch.on(t, "w", core.Every(p))
		w.Jitter = p / 2
		t.running(core.Options{}, w)
		until(t, next.Add(20*p-p/4))
		ranSlots(t, "w", series(next, p, 20), "the slot itself stays what it was")
		late := watch.readings()
		assert.GreaterOrEqual(t, slices.Min(late), time.Duration(0), "before the slot")
		assert.LessOrEqual(t, slices.Max(late), w.Jitter+t.features.Lateness, "later than the jitter allows")
		assert.LessOrEqual(t, slices.Max(late)-slices.Min(late), t.features.Lateness, "the delays differ between the slots, so runs are not a period apart")
	}},

	{rule: "PER-8", name: "the-delay-is-the-same-on-every-instance", needs: jitters, virtual: true, run: func(t *trial) {
		p := t.period()
		var delays [2]time.Duration
		for i := range delays {
			next := midway(t, p)
			var watch stopwatch
			w := watch.on(t, "w", core.Every(p))
			w.Jitter = p / 2
			m := t.running(core.Options{Instance: fmt.Sprintf("instance-%d", i)}, t.worker("another", core.Every(p), nil), w)
			until(t, next.Add(p-p/4))
			t.must(m.Stop(context.Background()), "Stop")
			require.Len(t, watch.readings(), 1, "runs")
			delays[i] = watch.readings()[0]
		}
		require.InDelta(t, delays[0], delays[1], float64(t.features.Lateness), "the delay of one worker on two instances")
	}},

	{rule: "PER-8", name: "names-are-spread-over-the-jitter", needs: jitters, virtual: true, run: func(t *trial) {
		const workers = 64
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		m := t.running(core.Options{})
		for i := range workers {
			w := watch.on(t, fmt.Sprintf("worker-%d", i), core.Every(p))
			w.Jitter = p / 2
			t.must(m.Add(context.Background(), w), "Add")
		}
		until(t, next.Add(p-p/4))
		late := watch.readings()
		require.Len(t, late, workers, "runs of the first slot")
		var quarter [4]int
		for _, delay := range late {
			require.True(t, 0 <= delay && delay <= p/2+t.features.Lateness, "%s is not between zero and the jitter", delay)
			quarter[min(delay*4/(p/2), 3)]++
		}
		// Of 64 fair draws fewer than 4 fall into one of the quarters once in
		// ten thousand times; names are drawn once and for all.
		require.GreaterOrEqual(t, slices.Min(quarter[:]), 4, "names in each quarter of the jitter: %v", quarter)
	}},

	{rule: "PER-8", name: "without-jitter-there-is-no-delay", virtual: true, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		var watch stopwatch
		t.running(core.Options{}, watch.on(t, "a", core.Every(p)), watch.on(t, "b", core.Every(p)))
		until(t, next.Add(p-p/4))
		require.LessOrEqual(t, slices.Max(watch.readings()), t.features.Lateness)
	}},

	{rule: "PER-8", name: "the-jitter-of-some-delays-no-other", needs: jitters, virtual: true, run: func(t *trial) {
		p := max(time.Second, t.features.MinPeriod)
		next := midway(t, p)
		var watch stopwatch
		m := t.running(core.Options{}, watch.on(t, "w", core.Every(p)))
		for i := range 8 {
			w := t.worker(fmt.Sprintf("jittered-%d", i), core.Every(10*p), nil)
			w.Jitter = 9 * p
			t.must(m.Add(context.Background(), w), "Add")
		}
		until(t, next.Add(59*p+p/2))
		isPunctual(t, &watch, 60)
	}},

	{rule: "PER-8", name: "runs-stay-a-period-apart-in-real-time-too", needs: jitters, run: func(t *trial) {
		p := t.period()
		next := midway(t, p)
		w := t.worker("w", core.Every(p), nil)
		w.Jitter = p / 4
		t.running(core.Options{}, w)
		until(t, next.Add(2*p+p/2))
		ranSlots(t, "w", series(next, p, 3), "the slot itself stays what it was")
	}},

	// A cron schedule's slots may lie closer together than the jitter. Each run
	// is as much later than its slot as any other.
	{rule: "PER-8", name: "a-jitter-longer-than-the-gap-between-slots-loses-none", needs: append([]core.Feature{core.FeatureCron}, jitters...), virtual: true, run: func(t *trial) {
		next := midway(t, time.Minute)
		m := t.running(core.Options{})
		var watches [8]stopwatch
		for i := range watches {
			w := watches[i].on(t, fmt.Sprintf("w%d", i), core.Cron("* * * * *"))
			w.Jitter = 10 * time.Minute
			t.must(m.Add(context.Background(), w), "Add")
		}
		until(t, next.Add(30*time.Minute))
		for i := range watches {
			slots := slotsRun(t, fmt.Sprintf("w%d", i))
			require.Greater(t, len(slots), 15, "runs")
			require.Equal(t, stamps(series(slots[0], time.Minute, len(slots))), stamps(slots), "each slot, in order")
			late := watches[i].readings()
			require.LessOrEqual(t, slices.Max(late)-slices.Min(late), t.features.Lateness, "the delays differ between the slots")
			require.Zero(t, t.status(m, fmt.Sprintf("w%d", i)).Skips.Total(), "skipped slots")
		}
	}},
}

var jitters = []core.Feature{core.FeatureJitter}
