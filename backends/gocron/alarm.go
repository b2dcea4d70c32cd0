package gocron

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An alarm is what the engine keeps of a worker: the slot that it waits for.
// To gocron it is the implementation of a cron schedule, and what to call. When
// gocron calls ring, the alarm finds out by the instance's clock which slot is
// due, if any, and delivers it. Then gocron calls Next to learn when to call
// again.
type alarm struct {
	engine *engine
	job    *core.Job
	home   int // the scheduler that it is a job of, of the engine's homes

	arming sync.Mutex // held while gocron is told of the alarm
	id     uuid.UUID  // of its gocron job; uuid.Nil where there is none

	mu       sync.Mutex
	schedule core.Schedule // that slot is of
	slot     time.Time     // to be delivered next; zero where there is none
	rings    time.Duration // when gocron's timer goes off, after the engine began; zero before gocron has asked
	askedAt  time.Duration // when gocron last asked, after the engine began
	queued   uint32        // how often gocron's timer went off, and it has not called yet; see queues
	sets     uint32        // counts what slot was set to other than by delivering
	gen      uint32        // counts the gocron jobs: a call for an earlier one is stale
	rewinds  uint32        // the engine's, when slot was found
	early    uint16        // how often gocron called too early for slot, the clock having been set back
	called   bool          // gocron called about the time, and has not asked again yet
	retries  uint8         // how often gocron was given an instant for this slot
}

// set has the alarm wait for the first slot of the job's present schedule.
func (a *alarm) set(v view) error {
	a.arming.Lock()
	defer a.arming.Unlock()
	schedule := a.job.Schedule()
	slot, err := a.job.Next(v.seen) // which is now, unless the clock was set back a little (PER-11)
	a.mu.Lock()
	a.schedule, a.slot, a.rewinds = schedule, slot, v.rewinds
	a.sets++
	a.mu.Unlock()
	if err != nil || slot.IsZero() {
		a.report(schedule, slot, err)
		return a.rearm(false)
	}
	return a.rearm(true)
}

// unset takes the alarm away.
func (a *alarm) unset() {
	a.arming.Lock()
	defer a.arming.Unlock()
	a.mu.Lock()
	a.slot = time.Time{}
	a.sets++
	a.mu.Unlock()
	_ = a.rearm(false)
}

// reset has gocron set the timer anew, after the clock was set.
func (a *alarm) reset() {
	if err := a.tryReset(); err != nil {
		a.engine.host.Logger.Error("gocron: worker not scheduled anew after the clock was set", "worker", a.job.Name(), "error", err)
	}
}

func (a *alarm) tryReset() error {
	a.arming.Lock()
	defer a.arming.Unlock()
	if a.id == uuid.Nil {
		return nil
	}
	v := a.engine.look()
	a.mu.Lock()
	schedule, slot, back := a.schedule, a.slot, a.rewinds != v.rewinds
	a.rewinds = v.rewinds
	a.mu.Unlock()
	if back && !slot.IsZero() { // the slots begin anew from now (PER-11)
		following, err := core.NextSlot(schedule, v.now)
		a.mu.Lock()
		a.slot = following
		a.sets++
		a.mu.Unlock()
		if a.report(schedule, following, err) {
			return a.rearm(false)
		}
	}
	return a.rearm(true)
}

// rearm gives the alarm a new gocron job in place of the one it has, or none.
// a.arming is held.
func (a *alarm) rearm(again bool) error {
	a.mu.Lock()
	a.gen++
	a.rings, a.queued, a.early, a.called, a.retries = 0, 0, 0, false, 0
	gen, schedule := a.gen, a.schedule
	a.mu.Unlock()
	a.disarm(a.id)
	a.id = uuid.Nil
	if !again {
		return nil
	}
	id, err := a.engine.arm(a, core.DescribeSchedule(schedule), gen)
	a.id = id
	return err
}

// drop takes the alarm's gocron job away, unless the alarm was set anew.
func (a *alarm) drop(sets uint32) {
	a.arming.Lock()
	defer a.arming.Unlock()
	a.mu.Lock()
	stale := a.sets != sets
	a.mu.Unlock()
	if !stale {
		_ = a.rearm(false)
	}
}

// ring is what gocron calls, at the time that Next gave, or at any time for a
// RunNow, on a goroutine that gocron waits for. So it returns soon.
//
// Gocron does not tell the one from the other. Where it queues calls, it has asked
// for another time for each call of its timer's: a call beyond those is a RunNow.
// Elsewhere it asks after the call. There a call well before the time is a RunNow,
// and of two calls about the time one is, because gocron asks in between if both
// are its timer's: then the slot is delivered, and beside it the worker is triggered.
func (a *alarm) ring(gen uint32) {
	e := a.engine
	v, ok := e.enter()
	if !ok {
		return
	}
	defer e.busy.Done()
	jitter := a.job.Jitter()

	a.mu.Lock()
	schedule, slot, sets := a.schedule, a.slot, a.sets
	stale := a.gen != gen
	asked := a.rings != 0 // not so where the scheduler starts all jobs immediately
	early := v.now.Before(slot.Add(jitter))
	back := a.rewinds != v.rewinds
	var byHand, twice bool
	switch {
	case stale:
	case e.queues && a.queued > 0:
		a.queued--
	case e.queues:
		byHand = true
	case asked && a.rings-v.actual.Sub(e.began) > soon:
		byHand = true
	default:
		twice = a.called
		a.rings, a.called = 0, true
	}
	if early && asked && !stale && !byHand {
		a.early++
	}
	a.mu.Unlock()

	switch {
	case stale:
	case byHand:
		_, _ = a.job.Trigger() // it fails if the worker may not run any more
	case slot.IsZero():
	case back:
		e.busy.Go(a.reset)
	case early: // gocron asks Next again
	default:
		due, missed, following, err := core.CatchUp(schedule, slot, v.now.Add(-jitter))
		if a.advance(sets, schedule, slot, following, err) && a.job.Misfire(due, missed) {
			a.job.Go(context.Background(), a.job.Tick(due), nil)
		}
	}
	if twice {
		_, _ = a.job.Trigger() // it fails if the worker may not run any more
	}
}

// advance has the alarm wait for the following slot, and reports that there is
// none. It returns false where the alarm was set anew meanwhile, or unset, or
// another call has delivered the slot.
func (a *alarm) advance(sets uint32, schedule core.Schedule, slot, following time.Time, err error) bool {
	a.mu.Lock()
	if a.sets != sets || !a.slot.Equal(slot) {
		a.mu.Unlock()
		return false
	}
	a.slot, a.early, a.retries = following, 0, 0
	a.mu.Unlock()
	if a.report(schedule, following, err) {
		a.engine.busy.Go(func() { a.drop(sets) })
	}
	return true
}

// report tells the job if its schedule is over or misbehaved, and returns
// whether it is. A Delay without a slot is neither: it is set again when its run
// ends.
func (a *alarm) report(schedule core.Schedule, slot time.Time, err error) (over bool) {
	_, delay := schedule.(core.AfterRun)
	switch {
	case err != nil:
		a.job.Broke(err)
	case slot.IsZero() && !delay:
		a.job.Over()
	default:
		return false
	}
	return true
}
