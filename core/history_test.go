package core

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestRunTellsItsTick: a run gives back every tick as it was delivered, be it
// kept in short or as it is.
func TestRunTellsItsTick(t *testing.T) {
	m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler)}).(*manager)
	j := newJob(m, Worker{Name: "w", Schedule: Every(time.Second)}, 1)
	slot := time.Date(2026, 3, 29, 2, 30, 0, 5, time.UTC)
	for _, c := range []struct {
		what  string
		plain bool
		tick  Tick
	}{
		{"a slot", true, j.Tick(slot)},
		{"before 1970", true, j.Tick(slot.AddDate(-100, 0, 0))},
		{"out of nanoseconds", false, j.Tick(slot.AddDate(3000, 0, 0))},
		{"no slot", false, Tick{Worker: "w", Attempt: 1}},
		{"manual", false, ManualTick("w")},
		{"another name", false, Tick{Worker: "v", Slot: slot, Attempt: 1}},
		{"a local slot", false, Tick{Worker: "w", Slot: slot.In(time.FixedZone("east", 3600)), Attempt: 1}},
		{"with a monotonic reading", false, Tick{Worker: "w", Slot: time.Now(), Attempt: 1}},
		{"redelivered", false, Tick{Worker: "w", Slot: slot, Attempt: 1, Redelivered: true}},
		{"fenced", false, Tick{Worker: "w", Slot: slot, Attempt: 1, Fence: 7}},
	} {
		r := newRun(j, c.tick, context.Background(), nil)
		assert.Equal(t, c.plain, r.plain, c.what)
		assert.Equal(t, c.plain, r.extra == nil, c.what)
		got, ok := TickFrom(r)
		assert.True(t, ok, c.what)
		assert.Equal(t, c.tick, got, c.what)
		assert.Equal(t, c.tick.Manual != "", r.manual(), c.what)
	}
}

// TestHistory: the last run is the latest, whether it was plain or not.
func TestHistory(t *testing.T) {
	m := NewManager(noEngine{}, Options{Logger: slog.New(slog.DiscardHandler), Instance: "here"}).(*manager)
	j := newJob(m, Worker{Name: "w", Schedule: Every(time.Second)}, 1)
	_, ok := j.lastRun(time.Now())
	assert.False(t, ok, "before the first")

	slot := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
	record := func(tick Tick, start time.Time, attempts int, result Result) LastRun {
		r := newRun(j, tick, context.Background(), nil)
		r.progress = &progress{started: start, duration: time.Minute}
		result.Attempts = attempts
		assert.True(t, r.record(result, start.Add(time.Minute)))
		last, ok := j.lastRun(start)
		assert.True(t, ok)
		return last
	}
	want := LastRun{Tick: j.Tick(slot), Start: slot.Add(time.Second), Duration: time.Minute, Outcome: Succeeded, Instance: "here"}
	good, bad := Result{Outcome: Succeeded}, Result{Outcome: Failed, Err: errors.New("bad")}

	assert.Equal(t, want, record(want.Tick, want.Start, 1, good))
	assert.Nil(t, j.rare, "a plain run needs nothing more")

	failed := want
	failed.Tick.Attempt, failed.Outcome, failed.Err = 2, Failed, bad.Err
	assert.Equal(t, failed, record(want.Tick, want.Start, 2, bad))
	assert.Equal(t, want, record(want.Tick, want.Start, 1, good), "plain again")

	retried := want
	retried.Tick.Attempt = 2
	assert.Equal(t, retried, record(want.Tick, want.Start, 2, good))

	epoch := want
	epoch.Start = time.Unix(0, 0).UTC()
	assert.Equal(t, epoch, record(want.Tick, epoch.Start, 1, good), "a start of zero")
	assert.EqualValues(t, 5, j.runs)
	assert.EqualValues(t, 1, j.rare.failures)
}
