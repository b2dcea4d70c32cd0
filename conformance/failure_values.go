package conformance

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, foreignValueCases()) }

// foreignValueCases are methods that do not return of values other than errors: of
// schedules, backoffs and log handlers.
func foreignValueCases() (cases []kase) {
	for _, c := range []crash{crashes[0], crashes[3]} {
		cases = append(cases,
			kase{rule: "ERR-2", name: c.name + "-in-a-schedules-string-method-leaves-the-worker-listed", needs: []core.Feature{core.FeatureAnySchedule}, run: func(t *trial) {
				m := t.running(core.Options{}, t.worker("w", unprintable{core.Every(t.period()), c.do}, nil))
				s := t.awaitRuns(m, "w", 2)
				assert.Zero(t, s.Failures, "failures")
				require.NoError(t, t.stopping(m).within(t.soon()))
			}},
			kase{rule: "ERR-2", name: c.name + "-in-a-schedules-next-method-stops-no-other-worker", needs: []core.Feature{core.FeatureAnySchedule}, run: func(t *trial) {
				brittle := &breaking{Interval: core.Every(t.period()), do: c.do}
				m := t.running(core.Options{}, t.worker("brittle", brittle, nil), t.worker("w", core.Every(t.period()), nil))
				t.awaitRuns(m, "w", 1)
				brittle.broken.Store(true)
				n := t.count("w")
				t.awaitCalls("w", n+3)
				require.NoError(t, t.stopping(m).within(t.soon()))
			}},
			kase{rule: "ERR-2", name: c.name + "-in-a-backoff-does-not-end-the-retries", needs: retries, run: func(t *trial) {
				w := t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
					if tick, _ := core.TickFrom(ctx); tick.Attempt == 1 {
						return errBoom
					}
					return nil
				})
				w.Retry = core.Retry{MaxAttempts: 2, Backoff: &asking{wait: func(int) time.Duration { c.do(); return 0 }}}
				log := newJournal()
				m := t.running(core.Options{Logger: slog.New(log)}, w)
				s := t.awaitRuns(m, "w", 1)
				assert.Zero(t, s.Failures, "failures: the second attempt succeeds")
				t.waited("w", time.Second) // the default backoff's
				assert.NotEmpty(t, log.about("w", slog.LevelError), "records at level error that name the worker")
				require.NoError(t, t.stopping(m).within(t.soon()))
			}},
			kase{rule: "ERR-3", name: c.name + "-in-a-log-handler-disturbs-nothing", run: func(t *trial) {
				log := newJournal()
				wild := &wildHandler{Handler: log, do: c.do, left: new(atomic.Int64)}
				wild.left.Store(2)
				m := t.running(core.Options{Logger: slog.New(wild)}, t.worker("w", core.Every(t.period()), fails),
					t.worker("slow", core.Every(t.period()), func(context.Context) error {
						time.Sleep(t.period() * 3 / 2) // every other slot is skipped, and that is logged
						return nil
					}))
				t.awaitRuns(m, "w", 2)
				wild.left.Store(2)
				s := t.awaitRuns(m, "w", 4)
				assert.ErrorIs(t, s.Last.Err, errBoom, "the error in the status is the run's")
				assert.Zero(t, t.status(m, "slow").Failures, "failures of the other worker")
				assert.NotEmpty(t, log.about("w", slog.LevelError), "records at level error that the handler takes after it has failed")
				require.NoError(t, t.stopping(m).within(2*t.period()))
			}},
		)
	}
	return append(cases, logCases...)
}

var logCases = []kase{
	{rule: "ERR-3", name: "a-log-handler-all-of-whose-methods-panic-fails-no-run", run: func(t *trial) {
		m := t.running(core.Options{Logger: slog.New((*nilHandler)(nil))}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			core.Logger(ctx).With("a", 1).WithGroup("g").Info("in the run", "b", 2)
			return nil
		}))
		s := t.awaitRuns(m, "w", 3)
		assert.Zero(t, s.Failures, "failures: the handler's panic is not the run's")
		require.NoError(t, t.stopping(m).within(t.soon()))
	}},
	{rule: "ERR-3", name: "a-log-value-that-panics-fails-no-run", run: func(t *trial) {
		log := newJournal()
		m := t.running(core.Options{Logger: slog.New(eagerLog{log})}, t.worker("w", core.Every(t.period()), func(ctx context.Context) error {
			core.Logger(ctx).Info("in the run", "value", wildValue{"secret"})
			core.Logger(ctx).With("value", wildValue{"secret"}).Info("in the run, again")
			return nil
		}))
		s := t.awaitRuns(m, "w", 2)
		assert.Zero(t, s.Failures, "failures: the value's panic is not the run's")
		for _, message := range []string{"in the run", "in the run, again"} {
			records := log.saying(message)
			require.NotEmpty(t, records, "records %q: the rest of one whose value panics is logged", message)
			assert.NotContains(t, records[0].String(), "secret", "the record: what a value does not show of itself")
		}
		require.NoError(t, t.stopping(m).within(t.soon()))
	}},
}

// unprintable is a schedule whose String method does not return.
type unprintable struct {
	slots core.Interval
	do    func()
}

func (u unprintable) Next(after time.Time) time.Time { return u.slots.Next(after) }
func (u unprintable) String() string                 { u.do(); return "" }

// breaking is a schedule whose methods do not return once it is broken.
type breaking struct {
	core.Interval
	do     func()
	broken atomic.Bool
}

func (b *breaking) Next(after time.Time) time.Time {
	if b.broken.Load() {
		b.do()
	}
	return b.Interval.Next(after)
}

// wildHandler is a log handler that does not return from some calls of Handle, as long
// as some are left.
type wildHandler struct {
	slog.Handler
	do   func()
	left *atomic.Int64
}

func (h *wildHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.left.Add(-1) >= 0 {
		h.do()
	}
	return h.Handler.Handle(ctx, r)
}

func (h *wildHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &wildHandler{h.Handler.WithAttrs(attrs), h.do, h.left}
}

func (h *wildHandler) WithGroup(name string) slog.Handler {
	return &wildHandler{h.Handler.WithGroup(name), h.do, h.left}
}

// nilHandler has methods that want a value.
type nilHandler struct{ slog.Handler }

// eagerLog is a journal that asks values itself, and does not contain what they do.
type eagerLog struct{ journal }

func (e eagerLog) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { askValue(a); return true })
	return e.journal.Handle(ctx, r)
}

func (e eagerLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		askValue(a)
	}
	return eagerLog{e.journal.WithAttrs(attrs).(journal)}
}

func (e eagerLog) WithGroup(name string) slog.Handler {
	return eagerLog{e.journal.WithGroup(name).(journal)}
}

func askValue(a slog.Attr) {
	if v, ok := a.Value.Any().(slog.LogValuer); ok {
		v.LogValue()
	}
}

// wildValue does not say what it is to be logged as.
type wildValue struct{ hidden string }

func (wildValue) LogValue() slog.Value { panic(errors.New("kaboom")) }
