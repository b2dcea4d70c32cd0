package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// What the cases about time have in common: where the slots lie, how to wait
// for a moment between them, and which of them a worker has run.

// floor returns the last multiple of d since the Unix epoch at or before a time.
func floor(at time.Time, d time.Duration) time.Time {
	ns := at.UnixNano()
	return time.Unix(0, ns-ns%int64(d)).UTC()
}

// until waits for a moment, by the trial's own clock, which never jumps.
func until(t *trial, moment time.Time) { t.sleep(time.Until(moment)) }

// midway waits for the next middle between two slots of Every(d), where nothing
// is due for a while on either side, and returns the slot to come.
func midway(t *trial, d time.Duration) time.Time {
	now := time.Now()
	mid := floor(now, d).Add(d / 2)
	if mid.Before(now) {
		mid = mid.Add(d)
	}
	until(t, mid)
	return mid.Add(d / 2).UTC()
}

// at parses a time in RFC 3339.
func at(s string) time.Time {
	moment, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return moment.UTC()
}

// series returns n times, a period apart.
func series(first time.Time, period time.Duration, n int) []time.Time {
	list := make([]time.Time, n)
	for i := range list {
		list[i] = first.Add(time.Duration(i) * period)
	}
	return list
}

// slotsRun returns the slots of which a worker's runs have begun, in that order.
func slotsRun(t *trial, worker string) []time.Time {
	var list []time.Time
	for _, c := range t.calls(worker) {
		if c.tick.Manual == "" {
			list = append(list, c.tick.Slot)
		}
	}
	return list
}

// manualRuns returns how many of a worker's runs were of no slot.
func manualRuns(t *trial, worker string) int { return t.count(worker) - len(slotsRun(t, worker)) }

// ranSlots fails the case unless a worker has run these slots and no others, in
// this order.
func ranSlots(t *trial, worker string, want []time.Time, promise string) {
	require.Equal(t, stamps(want), stamps(slotsRun(t, worker)), "the slots that %s has run: %s", worker, promise)
}

// beganFrom fails the case if a call of a worker, after the first n, began before
// a time. That is no question of when the case looks.
func (t *trial) beganFrom(worker string, n int, earliest time.Time, promise string) {
	for i, c := range t.calls(worker) {
		if i >= n && c.begin.Before(earliest) {
			require.Fail(t, "too early", "%s began at %s, before %s: %s", c.tick, c.begin.UTC(), earliest, promise)
		}
	}
}

// stamps prints times, for a diff that can be read.
func stamps(times []time.Time) []string {
	list := make([]string, len(times))
	for i, at := range times {
		list[i] = at.UTC().Format(time.RFC3339Nano)
	}
	return list
}

// A stopwatch measures how long after its slot each run of a worker began, by
// the clock of the trial's managers.
type stopwatch struct {
	mu   sync.Mutex
	late []time.Duration
}

// on returns a recorded worker that is measured.
func (s *stopwatch) on(t *trial, name string, schedule core.Schedule) core.Worker {
	run := t.recorded(name, nil)
	return core.Worker{Name: name, Schedule: schedule, Run: func(ctx context.Context) error {
		now := t.clock.Now()
		if tick, _ := core.TickFrom(ctx); tick.Manual == "" {
			s.mu.Lock()
			s.late = append(s.late, now.Sub(tick.Slot))
			s.mu.Unlock()
		}
		return run(ctx)
	}}
}

// readings returns what was measured so far.
func (s *stopwatch) readings() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.late...)
}

// nextOnly is a user's own schedule: it has the one method that it must have.
type nextOnly struct{ next func(time.Time) time.Time }

func (n nextOnly) Next(after time.Time) time.Time { return n.next(after) }
