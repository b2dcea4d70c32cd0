package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, isolationCases) }

var isolationCases = []kase{
	{rule: "ERR-7", name: "a-hundred-that-block-delay-nobody", run: func(t *trial) {
		g := t.gate("the blocked")
		defer g.open()
		var workers []core.Worker
		for i := range 100 {
			workers = append(workers, t.worker(fmt.Sprintf("blocked-%d", i), core.Every(t.period()), g.stubborn))
		}
		t.running(core.Options{}, append(workers, t.worker("free", core.Every(t.period()), nil))...)
		g.await()
		t.keepsTime("free")
	}},
	{rule: "ERR-7", name: "those-that-fail-and-panic-delay-nobody", run: func(t *trial) {
		crashing := func(c crash) core.Worker {
			return t.worker(c.name, core.Every(t.period()), func(context.Context) error { c.do(); return nil })
		}
		workers := []core.Worker{t.worker("failing", core.Every(t.period()), fails)}
		for _, c := range crashes {
			workers = append(workers, crashing(c))
		}
		t.running(core.Options{}, append(workers, t.worker("free", core.Every(t.period()), nil))...)
		t.keepsTime("free")
	}},
	{rule: "ERR-7", name: "an-error-handler-that-blocks-delays-its-own-worker-only", run: func(t *trial) {
		g := t.gate("the handler")
		defer g.open()
		t.running(core.Options{OnError: func(ctx context.Context, _ core.Tick, _ error) { _ = g.stubborn(ctx) }},
			t.worker("failing", core.Every(t.period()), fails), t.worker("free", core.Every(t.period()), nil))
		g.await()
		t.keepsTime("free")
	}},
	{rule: "ERR-7", name: "middleware-that-blocks-delays-its-own-worker-only", run: func(t *trial) {
		g := t.gate("the middleware")
		defer g.open()
		t.running(core.Options{Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			if tick, _ := core.TickFrom(ctx); tick.Worker == "stuck" {
				_ = g.stubborn(ctx)
			}
			return next(ctx)
		}}}, t.worker("stuck", core.Every(t.period()), nil), t.worker("free", core.Every(t.period()), nil))
		g.await()
		t.keepsTime("free")
	}},
	{rule: "ERR-7", name: "a-wait-between-attempts-delays-nobody", needs: retries, run: func(t *trial) {
		failing := t.worker("failing", core.Every(t.period()), fails)
		failing.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(100 * t.period())}
		m := t.running(core.Options{}, failing, t.worker("free", core.Every(t.period()), nil))
		t.awaitCalls("failing", 1)
		t.keepsTime("free")
		require.NoError(t, t.stopping(m).within(t.soon()))
	}},
	{rule: "ERR-7", name: "a-worker-that-is-stuck-in-add-delays-nobody", needs: hooks, run: func(t *trial) {
		g := t.gate("OnStart")
		defer g.open()
		m := t.running(core.Options{}, t.worker("free", core.Every(t.period()), nil))
		w := t.worker("stuck", core.Every(t.period()), nil)
		w.OnStart = g.stubborn
		add := t.call("Add", func() error { return m.Add(context.Background(), w) })
		g.await()
		t.keepsTime("free")
		g.open()
		require.NoError(t, add.within(t.soon()))
	}},
	{rule: "ERR-7", name: "a-worker-that-is-being-removed-delays-nobody", needs: []core.Feature{core.FeatureRemove}, run: func(t *trial) {
		g := t.gate("busy")
		defer g.open()
		m := t.running(core.Options{}, t.worker("busy", core.Every(t.period()), g.patient), t.worker("free", core.Every(t.period()), nil))
		g.await()
		remove := t.call("Remove", func() error { return m.Remove(context.Background(), "busy") })
		t.keepsTime("free")
		g.open()
		require.NoError(t, remove.within(t.soon()))
	}},
}

// keepsTime wants a worker of Every(period) to run its next three slots, each in
// time.
func (t *trial) keepsTime(worker string) {
	before := t.count(worker)
	next := midway(t, t.period())
	t.sleep(3 * t.period())
	var got []runRecord
	for _, c := range t.calls(worker)[min(before, t.count(worker)):] {
		if !c.tick.Slot.Before(next) {
			got = append(got, c)
		}
	}
	require.Len(t, got, 3, "runs of %s in three periods", worker)
	for i, c := range got {
		slot := next.Add(time.Duration(i) * t.period())
		assert.Equal(t, slot, c.tick.Slot.UTC(), "slot %d of %s", i+1, worker)
		assert.LessOrEqual(t, c.begin.Sub(slot), t.soon(), "how late %s begins at slot %d", worker, i+1)
	}
}
