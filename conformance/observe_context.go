package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, contextCases) }

var contextCases = []kase{
	{rule: "OBS-3", name: "the-context-carries-the-tick", run: func(t *trial) {
		got := make(chan core.Tick, 100)
		slot := midway(t, t.period())
		t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			tick, ok := core.TickFrom(ctx)
			assert.True(t, ok, "a run's context carries its tick")
			got <- tick
			derived, cancel := context.WithTimeout(context.WithValue(ctx, key{}, 1), time.Hour)
			defer cancel()
			again, _ := core.TickFrom(derived)
			assert.Equal(t, tick, again, "the tick in a context derived from the run's")
			return nil
		}))
		t.awaitCalls("w", 1)
		t.eventually(t.soon(), "the run has a tick", func() bool { return len(got) > 0 })
		tick := <-got
		assert.Equal(t, "w", tick.Worker, "the tick's worker")
		assert.Equal(t, slot, tick.Slot, "the tick's slot, in UTC")
		assert.Equal(t, 1, tick.Attempt, "the tick's attempt")
		assert.Empty(t, tick.Manual, "a slot is no manual tick")
		assert.False(t, tick.Redelivered, "nothing has crashed over this tick")
		assert.Equal(t, "w@"+slot.Format(time.RFC3339Nano), tick.ID(), "the tick's ID")
		_, ok := core.TickFrom(context.Background())
		assert.False(t, ok, "outside of a run there is no tick")
	}},
	{rule: "OBS-3", name: "every-record-has-worker-tick-and-attempt", run: func(t *trial) {
		log := newJournal()
		t.running(core.Options{Logger: slog.New(log)}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			logs(ctx)
			return nil
		}))
		t.awaitCalls("w", 2)
		midway(t, t.period())
		t.hasAttributes(log, "w")
	}},
	{rule: "OBS-3", name: "in-every-attempt", needs: []core.Feature{core.FeatureRetry, core.FeatureTimeout}, run: func(t *trial) {
		log := newJournal()
		w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			logs(ctx)
			return errBoom
		})
		w.Timeout = t.period()
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 20)}
		t.running(core.Options{Logger: slog.New(log)}, w)
		t.awaitCalls("w", 3)
		midway(t, t.period())
		t.hasAttributes(log, "w")
	}},
	{rule: "OBS-3", name: "in-a-triggered-run-and-a-long-running-one", needs: []core.Feature{core.FeatureTrigger, core.FeatureLongRunning}, run: func(t *trial) {
		log := newJournal()
		says := func(ctx context.Context) error {
			logs(ctx)
			return nil
		}
		m := t.running(core.Options{Logger: slog.New(log)}, t.worker("triggered", t.rarely(), says), t.worker("long", nil, says))
		t.trigger(m, "triggered")
		t.awaitCalls("triggered", 1)
		t.awaitCalls("long", 1)
		t.sleep(t.soon())
		t.hasAttributes(log, "triggered")
		t.hasAttributes(log, "long")
		tick := t.calls("triggered")[0].tick
		assert.Equal(t, "triggered", tick.Worker, "the tick's worker")
		assert.Contains(t, tick.ID(), "triggered@manual:", "the tick's ID")
	}},
	{rule: "OBS-3", name: "in-middleware-and-through-it", run: func(t *trial) {
		log := newJournal()
		t.running(core.Options{Logger: slog.New(log), Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			tick, ok := core.TickFrom(ctx)
			assert.True(t, ok, "the context in middleware carries the tick")
			assert.Equal(t, "w", tick.Worker, "the tick in middleware")
			core.Logger(ctx).Info("in middleware")
			ctx, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
			defer cancel()
			return next(ctx)
		}}}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			logs(ctx)
			return nil
		}))
		t.awaitCalls("w", 1)
		midway(t, t.period())
		t.hasAttributes(log, "w")
		require.NotEmpty(t, log.saying("in middleware"), "records from middleware")
		for _, r := range log.saying("in middleware") {
			assert.Equal(t, "w", r.attrs["worker"], "worker, in %s", r)
			assert.NotEmpty(t, r.attrs["tick"], "tick, in %s", r)
		}
	}},
	{rule: "OBS-3", name: "in-the-error-handler", needs: retries, run: func(t *trial) {
		log := newJournal()
		w := t.worker("w", core.Every(t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 2, Backoff: core.Constant(0)}
		m := t.running(core.Options{Logger: slog.New(log), OnError: func(ctx context.Context, tick core.Tick, _ error) {
			own, ok := core.TickFrom(ctx)
			assert.True(t, ok, "the context in the error handler carries the tick")
			assert.Equal(t, tick, own, "the tick in the error handler's context")
			core.Logger(ctx).Info("in the handler")
		}}, w)
		t.awaitRuns(m, "w", 1)
		t.eventually(t.soon(), "the handler has logged", func() bool { return len(log.saying("in the handler")) > 0 })
		said := log.saying("in the handler")
		r := said[len(said)-1]
		assert.Equal(t, "w", r.attrs["worker"], "worker, in %s", r)
		assert.Equal(t, t.calls("w")[0].tick.ID(), r.attrs["tick"], "tick, in %s", r)
		assert.Equal(t, "2", r.attrs["attempt"], "attempt, in %s", r)
	}},
	{rule: "OBS-3", name: "a-hooks-records-name-its-worker-and-no-tick", needs: hooks, run: func(t *trial) {
		log := newJournal()
		says := func(what string) func(context.Context) error {
			return func(ctx context.Context) error {
				core.Logger(ctx).Info(what)
				_, ok := core.TickFrom(ctx)
				assert.False(t, ok, "whether there is a tick in %s", what)
				return nil
			}
		}
		w := t.worker("w", t.rarely(), nil)
		w.OnStart, w.OnStop = says("in OnStart"), says("in OnStop")
		m := t.running(core.Options{Logger: slog.New(log)}, w)
		require.NoError(t, t.stopping(m).within(t.soon()))
		for _, what := range []string{"in OnStart", "in OnStop"} {
			records := log.saying(what)
			require.Len(t, records, 1, "records %q in the manager's log", what)
			assert.Equal(t, "w", records[0].attrs["worker"], "worker, in %s", records[0])
			assert.NotContains(t, records[0].attrs, "tick", "the record %s", records[0])
		}
	}},
	{rule: "OBS-3", name: "outside-of-a-run-there-is-no-tick-the-default-logger-and-no-stopping", run: func(t *trial) {
		_, ok := core.TickFrom(context.Background())
		assert.False(t, ok, "whether there is a tick")
		assert.Equal(t, slog.Default(), core.Logger(context.Background()), "the logger")
		assert.Nil(t, core.Stopping(context.Background()), "the channel that Stopping returns")
	}},
	{rule: "OBS-3", name: "two-workers-do-not-mix", run: func(t *trial) {
		log := newJournal()
		var workers []core.Worker
		for i := range 10 {
			workers = append(workers, t.worker(fmt.Sprintf("w-%d", i), core.Every(t.period()), func(ctx context.Context) error {
				logger := core.Logger(ctx)
				time.Sleep(t.period() / 10) // all ten are in progress
				logger.Info("mine", "name", fmt.Sprintf("w-%d", i))
				return nil
			}))
		}
		m := t.running(core.Options{Logger: slog.New(log)}, workers...)
		for _, w := range workers {
			t.awaitRuns(m, w.Name, 1)
		}
		for _, r := range log.saying("mine") {
			assert.Equal(t, r.attrs["name"], r.attrs["worker"], "worker, in %s", r)
			assert.Contains(t, r.attrs["tick"], r.attrs["name"]+"@", "tick, in %s", r)
		}
	}},
}

// The records that logs writes.
const (
	plainRecord   = "a record"
	warningRecord = "a warning"
	groupRecord   = "a record in a group"
	nestedRecord  = "a record of a logger made of the run's"
	otherRecord   = "a record of another goroutine"
)

// logs writes a record of each kind by the logger of a run's context.
func logs(ctx context.Context) {
	tick, _ := core.TickFrom(ctx)
	logger := core.Logger(ctx).With("truth", fmt.Sprintf("%s %s %d", tick.Worker, tick.ID(), tick.Attempt))
	logger.Info(plainRecord)
	logger.WarnContext(ctx, warningRecord, "n", 1)
	logger.WithGroup("group").Info(groupRecord, "n", 1)
	logger.With("n", 1).LogAttrs(context.Background(), slog.LevelError, nestedRecord)
	done := make(chan struct{})
	go func() {
		defer close(done)
		logger.Debug(otherRecord)
	}()
	<-done
}

// hasAttributes wants that every record that a worker's calls of logs have
// written has the right worker, tick and attempt, and that none is lost.
func (t *trial) hasAttributes(log journal, worker string) {
	calls := t.calls(worker)
	for _, message := range []string{plainRecord, warningRecord, groupRecord, nestedRecord, otherRecord} {
		n := 0
		for _, r := range log.saying(message) {
			got := fmt.Sprintf("%s %s %s", r.attrs["worker"], r.attrs["tick"], r.attrs["attempt"])
			assert.Equal(t, r.attrs["truth"], got, "worker, tick and attempt, in %s", r)
			if r.attrs["worker"] == worker {
				n++
			}
		}
		assert.Len(t, calls, n, "records %q in the manager's log: one for each call of %s", message, worker)
	}
}
