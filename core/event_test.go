package core

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type traceKey struct{}

// traced is middleware that opens a span.
func traced(span string) Middleware {
	return func(ctx context.Context, next func(context.Context) error) error {
		return next(context.WithValue(ctx, traceKey{}, span))
	}
}

// traceHandler keeps the span and the message of each record.
type traceHandler struct {
	slog.Handler
	records *[]string
}

func (h traceHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	span, _ := ctx.Value(traceKey{}).(string)
	*h.records = append(*h.records, r.Message+" in "+span)
	return nil
}

// Events carry what telemetry needs, and log records are written in the context that
// the middleware made.
func TestEventsCarryWhatTelemetryNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []Event
		var records []string
		var handled any
		m := NewManager(noEngine{}, Options{
			Logger:            slog.New(traceHandler{slog.DiscardHandler, &records}),
			Instance:          "here",
			Middleware:        []Middleware{traced("outer"), traced("run")},
			AttemptMiddleware: []Middleware{traced("attempt")},
			Observers: []Observer{func(e Event) {
				events = append(events, e)
				tick, ok := TickFrom(e.Context)
				assert.True(t, ok, e.Kind)
				assert.Equal(t, e.Tick, tick, e.Kind)
			}},
			OnError: func(ctx context.Context, _ Tick, _ error) { handled = ctx.Value(traceKey{}) },
		}).(*manager)
		m.features.Engine = "some"
		j := newJob(m, Worker{
			Name: "w", Schedule: Every(time.Hour), Jitter: time.Minute, Retry: Retry{MaxAttempts: 2},
			Run: func(context.Context) error { return errors.New("no") },
		}, 1)
		j.phase = live
		slot := Every(time.Hour).Next(time.Now())
		j.Run(context.Background(), j.Tick(slot))
		m.runners.stop()
		synctest.Wait()

		kinds := []EventKind{}
		for _, e := range events {
			kinds = append(kinds, e.Kind)
			assert.Equal(t, slot.Add(j.Jitter()), e.Due, e.Kind)
			assert.Equal(t, CauseSchedule, e.Cause, e.Kind)
			assert.Equal(t, "some", e.Engine, e.Kind)
			assert.Equal(t, "here", e.Instance, e.Kind)
		}
		require.Equal(t, []EventKind{EventBegan, EventAttemptFailed, EventEnded}, kinds)
		assert.Nil(t, events[0].Context.Value(traceKey{}))
		assert.Equal(t, "attempt", events[1].Context.Value(traceKey{}))
		assert.Equal(t, 1, events[1].Result.Attempts)
		assert.Equal(t, "run", events[2].Context.Value(traceKey{}))
		assert.Equal(t, 2, events[2].Result.Attempts)
		assert.Equal(t, "run", handled, "the context of OnError")
		assert.Equal(t, []string{
			"tickwork: run began in ", "tickwork: attempt failed, another follows in attempt", "tickwork: run failed in run",
		}, records)
	})
}

func TestCauseOfARun(t *testing.T) {
	m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
	j := newJob(m, Worker{Name: "w", Schedule: Every(time.Hour)}, 1)
	long := newJob(m, Worker{Name: "long"}, 2)
	slot := time.Unix(3600, 0)
	assert.Equal(t, CauseSchedule, j.event(EventBegan, j.Tick(slot)).Cause)
	assert.Equal(t, CauseTrigger, j.event(EventBegan, ManualTick("w")).Cause)
	assert.True(t, j.event(EventBegan, ManualTick("w")).Due.IsZero())
	assert.Equal(t, CauseLongRunning, long.event(EventBegan, ManualTick("long")).Cause)
	assert.Equal(t, CauseNone, j.event(EventBroken, Tick{Worker: "w"}).Cause)
	assert.Equal(t, "none", Cause(0).String())
	assert.Equal(t, "long-running", CauseLongRunning.String())
}

// brokered is an engine that says of its broker what it is told to, while it starts.
type brokered struct {
	noEngine
	distributed bool
	says        []error
	host        *Host
}

func (b brokered) Features() Features { return Features{Engine: "b", Distributed: b.distributed} }

func (b brokered) Start(_ context.Context, host Host) error {
	for _, err := range b.says {
		host.Broker(err)
	}
	*b.host = host
	return nil
}

// The first connection to a broker is an event, once, and there is none without a broker.
func TestTheFirstConnectionIsAnEvent(t *testing.T) {
	away := errors.New("away")
	for name, c := range map[string]struct {
		distributed bool
		says        []error
		want        []error
	}{
		"no broker":                  {false, nil, nil},
		"reached":                    {true, nil, []error{nil}},
		"reached at the second time": {true, []error{away, nil}, []error{away, nil}},
		"reached and away again":     {true, []error{nil, away}, []error{nil, away}},
		"a clock that is wrong":      {true, []error{away}, []error{away}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []error
			var host Host
			m := NewManager(brokered{noEngine{}, c.distributed, c.says, &host}, Options{
				Logger: slog.New(slog.DiscardHandler),
				Observers: []Observer{func(e Event) {
					assert.Equal(t, EventBroker, e.Kind)
					assert.Equal(t, "b", e.Engine)
					assert.NotNil(t, e.Context)
					got = append(got, e.Err)
				}},
			})
			require.NoError(t, m.Start(t.Context()))
			require.Equal(t, c.want, got)
			require.NoError(t, m.Stop(t.Context()))
		})
	}
}

// The status says when the last success and the last failure ended, and how many
// failures there are in a row; a worker that always succeeds needs no memory for it.
func TestStatusOfSuccessesAndFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail error
		m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
		j := newJob(m, Worker{Name: "w", Schedule: Every(time.Hour), Run: func(context.Context) error {
			time.Sleep(time.Second)
			return fail
		}}, 1)
		j.phase = live
		run := func(tick Tick, err error) (WorkerStatus, time.Time) {
			fail = err
			j.Run(context.Background(), tick)
			return j.status(time.Now()), time.Now()
		}
		s := j.status(time.Now())
		assert.True(t, s.LastSuccess.IsZero() && s.LastFailure.IsZero())
		s, succeeded := run(j.Tick(time.Now()), nil)
		assert.Nil(t, j.rare, "a plain run needs nothing more")
		assert.True(t, succeeded.Equal(s.LastSuccess), s.LastSuccess)
		_, _ = run(j.Tick(time.Now()), errors.New("no"))
		s, failed := run(j.Tick(time.Now()), errors.New("no"))
		assert.True(t, succeeded.Equal(s.LastSuccess), s.LastSuccess)
		assert.True(t, failed.Equal(s.LastFailure), s.LastFailure)
		assert.EqualValues(t, 2, s.ConsecutiveFailures)
		s, succeeded = run(ManualTick("w"), nil)
		assert.True(t, succeeded.Equal(s.LastSuccess), s.LastSuccess)
		assert.True(t, failed.Equal(s.LastFailure), s.LastFailure)
		assert.Zero(t, s.ConsecutiveFailures)
		_, _ = run(j.Tick(time.Now()), errors.New("no"))
		s, succeeded = run(j.Tick(time.Now()), nil)
		assert.True(t, succeeded.Equal(s.LastSuccess), s.LastSuccess)
		assert.Zero(t, s.ConsecutiveFailures)

		j.Ran(LastRun{Tick: ManualTick("w"), Start: time.Now().Add(time.Minute), Duration: time.Second, Outcome: Failed, Instance: "elsewhere"})
		s = j.status(time.Now())
		assert.True(t, time.Now().Add(61*time.Second).Equal(s.LastFailure), s.LastFailure)
		assert.EqualValues(t, 1, s.ConsecutiveFailures, "a run on another instance")
		m.runners.stop()
	})
}
