package gocron

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

const (
	// soon is when gocron is to call for a slot that is due already. It is some
	// time ahead because gocron asks again for a time that has passed.
	soon = time.Millisecond

	// maxRetries is how often gocron is asked to call soon for one slot. A
	// scheduler that was lent may decline to, for its own limit or elector.
	maxRetries = 2

	// inHand is how long at most a call is neither in gocron's queue nor made.
	inHand = time.Second
)

// never is when an alarm without a slot goes off. It is not the zero time, for
// which gocron would ask on and on where it looks for a run in the future.
var never = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// IsValid implements gocron.Cron. Gocron calls it when the job is made, with
// the present time by the scheduler's clock.
func (a *alarm) IsValid(_ string, _ *time.Location, now time.Time) error {
	if apart := time.Since(now).Abs(); apart > time.Minute {
		return fmt.Errorf("the scheduler's clock is %s apart from the real one, which the engine needs", apart)
	}
	return nil
}

// Next implements gocron.Cron: it returns when gocron is to call next, after
// last. Gocron asks after each call, and again with the answer where that has
// passed already; and Job.NextRuns asks, from any goroutine, what follows a time
// to come. The answer is always after last, and not before the present.
func (a *alarm) Next(last time.Time) time.Time {
	now := time.Now()
	again := !last.After(now) // it is not Job.NextRuns that asks
	a.mu.Lock()
	rings, schedule, shift := never, a.schedule, a.job.Jitter()+time.Duration(a.engine.skew.Load())
	if !a.slot.IsZero() {
		rings = a.slot.Add(shift + time.Duration(a.early))
	}
	known := true
	switch {
	case rings.After(later(now, last)):
	case again && a.retries < maxRetries:
		a.retries++
		rings = now.Add(soon)
	default:
		known = false
	}
	a.mu.Unlock()
	if !known {
		rings = beyond(schedule, later(now, last), shift)
	}
	if again {
		a.answer(last, now, rings)
	}
	return distinct(last, rings)
}

// answer notes what gocron is answered, and, where it queues calls, that its timer
// has gone off. Of a new job it asks after e.past; and again before the timer goes
// off where it was stopped and started meanwhile.
func (a *alarm) answer(last, now, rings time.Time) {
	e := a.engine
	began := now.Sub(e.began)
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.queues && a.rings <= began && !last.Equal(e.past) {
		if began-a.askedAt > inHand && e.lent.JobsWaitingInQueue() == 0 {
			a.queued = 0 // those that StopJobs, or an elector, has cost
		}
		a.queued++
	}
	a.called = false
	a.askedAt, a.rings = began, began+min(rings.Sub(now), math.MaxInt64/2)
}

// ready tells whether gocron has asked for the time of its present job's call.
func (a *alarm) ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rings != 0
}

// beyond returns the first of a schedule's slots that is past t when it is
// shifted.
func beyond(s core.Schedule, t time.Time, shift time.Duration) time.Time {
	if _, delay := s.(core.AfterRun); !delay && t.Before(never) {
		if slot, err := core.NextSlot(s, t.Add(-shift)); err == nil && !slot.IsZero() {
			return slot.Add(shift)
		}
	}
	return later(never, t.Add(time.Second))
}

// distinct returns t as the scheduler's location shows it, or where last is the
// same to the second there as another does: gocron takes two runs that the
// clock on the wall does not tell apart for one that daylight saving repeats,
// and passes over the second.
func distinct(last, t time.Time) time.Time {
	for _, loc := range [...]*time.Location{last.Location(), time.UTC} {
		if t = t.In(loc); !sameOnTheWall(last, t) {
			return t
		}
	}
	return t.In(elsewhere)
}

// elsewhere shows another time than UTC does at every instant.
var elsewhere = time.FixedZone("", int(time.Hour/time.Second))

func sameOnTheWall(a, b time.Time) bool { return wall(a) == wall(b) }

// wall returns the second that a clock on the wall shows.
func wall(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
