package backends_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// TestEveryBackendRunsTheSame: one program, a day of virtual time in which the
// clocks of Berlin go forward and an operator pauses, triggers and changes
// workers, and nothing but one word of its configuration changed: what runs is
// the same slot by slot on every registered backend.
func TestEveryBackendRunsTheSame(t *testing.T) {
	want := day(t, "native")
	require.Len(t, want, len(program(nil)))
	assert.Len(t, want["minutely"], 26*60+1)
	assert.Equal(t, []string{"manual after 1 attempts: succeeded", "2000-03-26T01:10:00Z skipped 1: paused"}, want["paused"][18:20])
	assert.Equal(t, []string{"2000-03-26T06:00:00Z +0s after 1 attempts: succeeded", "removed"}, want["removed"][7:])
	assert.Equal(t, "2000-03-26T01:00:00Z +0s after 1 attempts: succeeded", want["cron"][0], "half past two is skipped by the clocks")
	for _, name := range backends.Registered() {
		t.Run(name, func(t *testing.T) {
			got := day(t, name)
			for _, w := range program(nil) {
				if w.Name == "delay" && (name == "asynq" || name == "nats") {
					// Its slots follow the ends of its runs, and a claim takes some
					// milliseconds, which add up: that is what followsItself tests.
					// A day's are at most some seconds, so there is no run more or
					// less; the last is in progress when the status is taken.
					assert.Equal(t, outcomes(want[w.Name]), outcomes(got[w.Name]), "worker %s on %s, beside native", w.Name, name)
					continue
				}
				assert.Equal(t, want[w.Name], got[w.Name], "worker %s on %s, beside native", w.Name, name)
			}
		})
	}
}

// day runs the program from 22:00 UTC on the day before until the day is over,
// and returns what happened to each worker, in order.
func day(t *testing.T, backend string) (diary map[string][]string) {
	data := t.TempDir()
	if backend == "nats" {
		ledgerOfTheDayBefore(t, data)
	}
	natstest.Bubble(t, func(t *testing.T) {
		wait := func() { time.Sleep(time.Until(time.Date(2000, 3, 25, 22, 0, 30, 0, time.UTC))) }
		cfg, err := backends.LoadFrom("same.yaml", "backend: "+backend+`
workers:
  configured: {cron: "0 * * * *", timezone: America/New_York, jitter: 1m}
  off: {enabled: false}
`)
		require.NoError(t, err)
		switch backend {
		case "asynq":
			redis := redistest.NewMini()
			defer redis.Close()
			redis.Age("tickwork")
			client := redis.Client("")
			defer client.Close()
			cfg.Set("asynq", asynq.Config{Client: client, Lease: 10 * time.Minute, Poll: time.Minute})
			wait()
		case "nats":
			wait() // a server that stands idle for months still looks after itself
			server, err := natstest.New(natstest.InProcess, natstest.Dir(data))
			require.NoError(t, err)
			defer func() { require.NoError(t, server.Stop()) }()
			cfg.Set("nats", nats.Config{Options: []natsgo.Option{server.Dial(), natsgo.PingInterval(time.Hour)}, Lease: 10 * time.Minute})
		default:
			wait()
		}
		d := &recorder{entries: make(map[string][]string)}
		opts := quiet
		opts.Observers = []core.Observer{d.observe}
		m, err := backends.Open(t.Context(), cfg, opts)
		require.NoError(t, err)
		for _, w := range program(d) {
			require.NoError(t, m.Add(t.Context(), w))
		}
		begin := time.Now()
		require.NoError(t, m.Start(t.Context()))
		d.control(t, m, 26*time.Hour)
		status := m.Workers()
		require.NoError(t, m.Stop(context.Background()))
		for _, w := range status {
			d.write(w.Name, fmt.Sprintf("%s, %s, %d runs, %d failures, skips %+v, next %s",
				w.Schedule, w.State, w.Runs, w.Failures, w.Skips, w.Next.Format(time.DateTime)))
		}
		diary = d.entries
		followsItself(t, d.delays, begin, m.Features().Lateness)
	})
	return diary
}

// followsItself tests that each run of the worker delay was due 7 minutes after
// the end of the one before, to the nanosecond and wherever the backend keeps
// that, and began by the lateness that the engine declares: what a claim takes is
// within it. The first was due so long after the worker started, which is in the
// course of Start, and the manager waited for the last.
func followsItself(t *testing.T, runs []span, begin time.Time, lateness time.Duration) {
	t.Helper()
	require.NotEmpty(t, runs)
	assert.WithinRange(t, runs[0].due, begin.Add(7*time.Minute), begin.Add(7*time.Minute+lateness), "the first")
	for i, run := range runs {
		if i > 0 {
			assert.Equal(t, 7*time.Minute, run.due.Sub(runs[i-1].end), "due after the end of the run before, run %d", i)
		}
		assert.WithinRange(t, run.begin, run.due, run.due.Add(lateness), "begun, run %d", i)
	}
	assert.True(t, runs[len(runs)-1].end.Add(7*time.Minute).After(begin.Add(26*time.Hour)), "none is missing at the end")
}

// ledgerOfTheDayBefore makes the data of a server on which the namespace has a
// ledger already: nothing is claimed from a new one.
func ledgerOfTheDayBefore(t *testing.T, dir string) {
	natstest.Bubble(t, func(t *testing.T) {
		begin := time.Now()
		server, err := natstest.New(natstest.InProcess, natstest.Dir(dir))
		require.NoError(t, err)
		m, err := nats.New(nats.Config{Options: []natsgo.Option{server.Dial()}, Lease: 10 * time.Second}, quiet)
		require.NoError(t, err)
		require.NoError(t, m.Start(t.Context()))
		require.NoError(t, m.Stop(t.Context()))
		require.NoError(t, server.Stop())
		require.NoError(t, natstest.Age(dir, "KV_tickwork_default", begin.Add(-24*time.Hour)))
	})
}

// control is the operator's day: what is done to the workers while they run.
func (d *recorder) control(t *testing.T, m core.Manager, day time.Duration) {
	ctx, begin := t.Context(), time.Now()
	at := func(after time.Duration) {
		time.Sleep(time.Until(begin.Add(after)))
		synctest.Wait()
	}
	at(3 * time.Hour)
	require.NoError(t, m.Pause(ctx, "paused"))
	require.NoError(t, errOf(m.Trigger(ctx, "paused")))
	at(5 * time.Hour)
	require.NoError(t, m.Resume(ctx, "paused"))
	at(6*time.Hour + 20*time.Second)
	require.NoError(t, errOf(m.Trigger(ctx, "slow")))
	at(6*time.Hour + 25*time.Second)
	require.NoError(t, errOf(m.Trigger(ctx, "slow"))) // waits for the first, which has begun
	at(7 * time.Hour)
	require.NoError(t, m.Reschedule(ctx, "changed", core.Cron("5 */3 * * *")))
	at(8 * time.Hour)
	require.NoError(t, m.Remove(ctx, "removed"))
	d.write("removed", "removed")
	at(day)
}

// program is workers of every kind.
func program(d *recorder) []core.Worker {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	var tries int
	workers := []core.Worker{
		{Name: "minutely", Schedule: core.Every(time.Minute), Jitter: 20 * time.Second},
		{Name: "offset", Schedule: core.Every(time.Hour).Offset(17 * time.Minute)},
		{Name: "cron", Schedule: core.Cron("30 2 * * *", core.In(berlin))},
		{Name: "seconds", Schedule: core.Cron("*/20 */5 * * * *", core.In(berlin))},
		{Name: "own", Schedule: fibonacci{}},
		{Name: "slow", Schedule: core.Every(time.Minute), Run: func(ctx context.Context) error { return sleep(ctx, 90*time.Second) }},
		{Name: "delay", Schedule: core.Delay(7 * time.Minute), Run: func(ctx context.Context) error { return sleep(ctx, 30*time.Second) }},
		{Name: "failing", Schedule: core.Every(time.Hour), Retry: core.Retry{MaxAttempts: 3}, Run: func(context.Context) error {
			if tries++; tries%4 != 0 {
				return errors.New("no")
			}
			return nil
		}},
		{Name: "hanging", Schedule: core.Every(2 * time.Hour), Timeout: time.Minute, Run: func(ctx context.Context) error { return sleep(ctx, time.Hour) }},
		{Name: "panicking", Schedule: core.Every(6 * time.Hour), Run: func(context.Context) error { panic("no") }},
		{Name: "at-start", Schedule: core.Every(12 * time.Hour), RunOnStart: true},
		{Name: "long", Run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{Name: "paused", Schedule: core.Every(10 * time.Minute)},
		{Name: "changed", Schedule: core.Every(time.Hour), Jitter: time.Minute},
		{Name: "removed", Schedule: core.Every(time.Hour)},
		{Name: "jittered", Schedule: core.Cron("0 2,3 * * *", core.In(berlin)), Jitter: 10 * time.Minute},
		{Name: "configured", Schedule: core.Every(time.Second)},
		{Name: "off", Schedule: core.Every(time.Second)},
	}
	for i := range workers {
		if workers[i].Run == nil {
			workers[i].Run = func(context.Context) error { return nil }
		}
	}
	return workers
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fibonacci is a schedule of the program's own: at minutes 1, 2, 3, 5, 8, 13, …
// of each UTC day.
type fibonacci struct{}

func (fibonacci) Next(after time.Time) time.Time {
	day := after.UTC().Truncate(24 * time.Hour)
	for a, b := 1, 2; a < 24*60; a, b = b, a+b {
		if slot := day.Add(time.Duration(a) * time.Minute); slot.After(after) {
			return slot
		}
	}
	return day.Add(24*time.Hour + time.Minute)
}

// outcomes returns what was written of a worker, but for its slots and its status.
func outcomes(entries []string) []string {
	var list []string
	for _, e := range entries[:max(len(entries)-1, 0)] {
		_, outcome, _ := strings.Cut(e, " after ")
		list = append(list, outcome)
	}
	return list
}

// recorder writes down what a manager's observers are told.
type recorder struct {
	mu      sync.Mutex
	entries map[string][]string
	delays  []span // the runs of the worker delay
}

// span is when a run was due, when it began, and when it ended.
type span struct{ due, begin, end time.Time }

func (d *recorder) span(e core.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Tick.Worker == "delay" {
		d.delays = append(d.delays, span{e.Tick.Slot, e.Time.Add(-e.Duration), e.Time})
	}
}

func (d *recorder) observe(e core.Event) {
	slot := "manual"
	if e.Tick.Manual == "" {
		slot = e.Tick.Slot.Format(time.RFC3339Nano)
		if e.Kind == core.EventEnded { // when it began: after its jitter
			slot += " +" + e.Time.Add(-e.Duration).Sub(e.Tick.Slot).Round(100*time.Millisecond).String()
		}
	}
	switch e.Kind {
	case core.EventEnded:
		d.span(e)
		d.write(e.Tick.Worker, fmt.Sprintf("%s after %d attempts: %s", slot, e.Tick.Attempt, e.Result))
	case core.EventSkipped:
		d.write(e.Tick.Worker, fmt.Sprintf("%s skipped %d: %s", slot, e.Count, e.Reason))
	case core.EventBroken:
		d.write(e.Tick.Worker, fmt.Sprintf("broken: %v", e.Err))
	}
}

func (d *recorder) write(worker, entry string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[worker] = append(d.entries[worker], entry)
}

// errOf returns the error of a call that returns a tick, too.
func errOf(_ core.Tick, err error) error { return err }
