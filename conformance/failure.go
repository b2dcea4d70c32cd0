package conformance

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, failureCases) }

var failureCases = []kase{
	{rule: "ERR-1", name: "an-error-is-logged-kept-and-handed-over", run: func(t *trial) {
		log, handler := newJournal(), &errorHandler{}
		m := t.running(core.Options{Logger: slog.New(log), OnError: handler.hear}, t.worker("flaky", core.Every(t.period()), fails))
		t.awaitRuns(m, "flaky", 2)
		midway(t, t.period())
		runs, s := t.calls("flaky"), t.status(m, "flaky")
		assert.EqualValues(t, len(runs), s.Failures, "failures in the status")
		require.NotNil(t, s.Last, "the last run in the status")
		assert.ErrorIs(t, s.Last.Err, errBoom, "the error of the last run in the status")
		assert.Equal(t, core.Failed, s.Last.Outcome, "the outcome of the last run in the status")
		require.Len(t, handler.heard(), len(runs), "calls of the error handler: one for each run that failed")
		for i, h := range handler.heard() {
			assert.ErrorIs(t, h.err, errBoom, "the error that the handler is given")
			assert.Equal(t, runs[i].tick.ID(), h.tick.ID(), "the tick that the handler is given")
		}
		errors := log.about("flaky", slog.LevelError)
		require.Len(t, errors, len(runs), "records at level error that name the worker: one for each run that failed")
		assert.Contains(t, errors[0].String(), errBoom.Error(), "what is logged")
	}},
	{rule: "ERR-1", name: "the-next-slot-runs", run: func(t *trial) {
		m := t.running(core.Options{}, t.worker("w", core.Every(t.period()), func(context.Context) error {
			if t.count("w") == 1 {
				return errBoom
			}
			return nil
		}))
		s := t.awaitRuns(m, "w", 2)
		runs := t.calls("w")
		assert.Equal(t, runs[0].tick.Slot.Add(t.period()), runs[1].tick.Slot, "the slot after the one whose run failed")
		assert.Equal(t, core.Succeeded, s.Last.Outcome, "the last run's outcome")
		assert.NoError(t, s.Last.Err, "the last run's error, after one that succeeded")
		assert.EqualValues(t, 1, s.Failures, "failures")
	}},
	{rule: "ERR-1", name: "the-handler-hears-of-it-after-the-last-attempt", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		log, handler := newJournal(), &errorHandler{}
		var attempts int
		w := t.worker("flaky", core.Every(t.period()), fails)
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{Logger: slog.New(log), OnError: func(ctx context.Context, tick core.Tick, err error) {
			attempts = t.count("flaky")
			handler.hear(ctx, tick, err)
		}}, w)
		midway(t, t.period())
		t.awaitRuns(m, "flaky", 1)
		midway(t, t.period())
		require.NoError(t, m.Stop(context.Background()))
		heard := handler.heard()
		require.Len(t, heard, t.count("flaky")/3, "calls of the error handler: one for every three attempts")
		assert.Equal(t, t.count("flaky"), attempts, "attempts begun when the handler was called")
		assert.Equal(t, 3, heard[0].tick.Attempt, "the attempt in the tick that the handler is given")
		assert.Len(t, log.about("flaky", slog.LevelError), len(heard), "records at level error: one for each run")
	}},
	{rule: "ERR-1", name: "a-run-that-succeeds-at-last-is-no-error", needs: []core.Feature{core.FeatureRetry}, run: func(t *trial) {
		log, handler := newJournal(), &errorHandler{}
		w := t.worker("flaky", core.Every(t.period()), func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt < 3 {
				return errBoom
			}
			return nil
		})
		w.Retry = core.Retry{MaxAttempts: 3, Backoff: core.Constant(t.period() / 20)}
		m := t.running(core.Options{Logger: slog.New(log), OnError: handler.hear}, w)
		s := t.awaitRuns(m, "flaky", 1)
		t.sleep(t.soon())
		assert.Zero(t, s.Failures, "failures in the status")
		assert.NoError(t, s.Last.Err, "the error in the status")
		assert.Empty(t, handler.heard(), "calls of the error handler")
		assert.Empty(t, log.about("flaky", slog.LevelError), "records at level error")
	}},
	{rule: "ERR-1", name: "the-error-of-a-run-that-stop-waits-for-is-reported-before-stop-returns", run: func(t *trial) {
		handler := &errorHandler{}
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{OnError: handler.hear}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.patient(ctx)
			return errBoom
		}))
		g.await()
		stop := t.stopping(m)
		g.open()
		require.NoError(t, stop.within(t.soon()))
		require.Len(t, handler.heard(), 1, "calls of the error handler when Stop has returned")
		assert.EqualValues(t, 1, t.status(m, "w").Failures, "failures when Stop has returned")
	}},

	{rule: "ERR-6", name: "a-run-that-stop-cancelled-is-cancelled-not-failed", run: func(t *trial) {
		for _, ends := range []struct {
			how string
			err error // nil is the cause of the context
		}{{"with its context's cause", nil}, {"with its context's error", context.Canceled}, {"with an error of its own", errBoom}} {
			log, handler := newJournal(), &errorHandler{}
			g := t.gate("w")
			defer g.open()
			w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
				cause := g.patient(ctx)
				if ends.err != nil {
					return ends.err
				}
				return cause
			})
			if t.features.Supports(core.FeatureRetry) {
				w.Retry = core.Retry{MaxAttempts: 5, Backoff: core.Constant(0)}
			}
			m := t.running(core.Options{Logger: slog.New(log), OnError: handler.hear}, w)
			g.await()
			began := t.count("w")
			t.cutShort(t.stoppingBy(m, t.period()/10), t.period()/10+t.soon())
			s := t.status(m, "w")
			require.NotNil(t, s.Last, "the last run in the status")
			assert.Equal(t, core.Cancelled, s.Last.Outcome, "the outcome of a run that returned %s", ends.how)
			assert.Zero(t, s.Failures, "failures, when it returned %s", ends.how)
			assert.Empty(t, handler.heard(), "calls of the error handler, when it returned %s", ends.how)
			assert.Empty(t, log.about("w", slog.LevelError), "records at level error, when it returned %s", ends.how)
			assert.Equal(t, began, t.count("w"), "attempts: one that was cancelled is not repeated")
		}
	}},
	{rule: "ERR-6", name: "a-run-that-fails-of-its-own-while-stop-waits-is-failed", run: func(t *trial) {
		handler := &errorHandler{}
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{OnError: handler.hear}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.patient(ctx)
			return errBoom
		}))
		g.await()
		stop := t.stoppingBy(m, 10*t.period())
		t.sleep(t.period() / 10)
		g.open()
		require.NoError(t, stop.within(t.soon()))
		last := t.status(m, "w").Last
		require.NotNil(t, last, "the last run in the status")
		assert.Equal(t, core.Failed, last.Outcome, "the outcome of a run that failed before it was cancelled")
		assert.NotEmpty(t, handler.heard(), "calls of the error handler")
	}},
	{rule: "ERR-6", name: "a-run-that-succeeds-in-the-grace-is-not-failed", run: func(t *trial) {
		handler := &errorHandler{}
		g := t.gate("w")
		defer g.open()
		m := t.running(core.Options{OnError: handler.hear}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			_ = g.patient(ctx)
			return nil
		}))
		g.await()
		t.cutShort(t.stoppingBy(m, t.period()/10), t.period()/10+t.soon())
		assert.Zero(t, t.status(m, "w").Failures, "failures")
		assert.Empty(t, handler.heard(), "calls of the error handler")
	}},
}

// errBoom is the error of the runs that fail.
var errBoom = errors.New("boom")

// fails is a run that fails.
func fails(context.Context) error { return errBoom }

// awaitCalls waits until n calls of a worker have begun.
func (t *trial) awaitCalls(worker string, n int) {
	t.eventually(time.Duration(2*n+2)*t.period(), worker+" is called often enough", func() bool { return t.count(worker) >= n })
}

// awaitRuns waits until n runs of a worker have ended, by its status, and
// returns that.
func (t *trial) awaitRuns(m core.Manager, worker string, n int) core.WorkerStatus {
	var s core.WorkerStatus
	t.eventually(time.Duration(2*n+2)*t.period(), "enough runs of "+worker+" are counted", func() bool {
		s = t.status(m, worker)
		return s.Runs >= uint64(n) && s.Last != nil
	})
	return s
}

// An errorHandler is an Options.OnError that remembers.
type errorHandler struct {
	mu   sync.Mutex
	list []handed
}

// handed is what an error handler was given.
type handed struct {
	ctx  context.Context
	tick core.Tick
	err  error
}

func (h *errorHandler) hear(ctx context.Context, tick core.Tick, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, handed{ctx, tick, err})
}

func (h *errorHandler) heard() []handed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]handed(nil), h.list...)
}
