package main

import (
	"context"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A metronome is an engine that begins runs only on the beat: whatever falls
// due between two beats begins together at the second, so that the process
// wakes seldom, however many workers there are.
type metronome struct {
	beat  time.Duration
	clock *core.Clock   // finds the slots: time zones, missed slots, a clock that jumps
	due   chan func()   // from the clock to the beat: each delivers a slot
	over  chan struct{} // closed when run has returned
}

// Features are promises, to which the conformance suite holds the engine. A
// worker that wants what it Lacks is refused, and so is a Reschedule: off the
// beat nothing begins, and a slot that waits for its beat is not taken back.
func (m *metronome) Features() core.Features {
	return core.Features{
		Engine:    "metronome",
		Lateness:  m.beat + 50*time.Millisecond,
		MinPeriod: m.beat,
		Lacks:     []core.Feature{core.FeatureJitter, core.FeatureDelay, core.FeatureReschedule},
	}
}

// Start begins to beat.
func (m *metronome) Start(_ context.Context, host core.Host) error {
	m.due, m.over = make(chan func()), make(chan struct{})
	m.clock = core.NewClock(host.Now, m.note)
	go m.run(host.Now)
	return nil
}

// note is what the clock calls at each slot, with those that the worker missed
// before it. The manager does the rest of a delivery: the goroutine, timeout,
// retries, panics, status, log.
func (m *metronome) note(job *core.Job, slot time.Time, missed core.Slots) {
	m.due <- func() {
		if job.Misfire(slot, missed) { // the worker's policy for missed slots
			job.Go(context.Background(), job.Tick(slot), nil)
		}
	}
}

// run gathers what is due until the beat, and delivers it.
func (m *metronome) run(now func() time.Time) {
	defer close(m.over)
	var due []func()
	var beat <-chan time.Time // nil, which never comes, while nothing is due
	for {
		select {
		case deliver, more := <-m.due:
			if !more {
				return
			}
			if due = append(due, deliver); beat == nil {
				sinceBeat := time.Duration(now().UnixNano()) % m.beat
				beat = time.After((m.beat - sinceBeat) % m.beat) // at once where now is the beat
			}
		case <-beat:
			for _, deliver := range due {
				deliver()
			}
			due, beat = nil, nil
		}
	}
}

// Schedule is called when a worker starts.
func (m *metronome) Schedule(_ context.Context, job *core.Job) error {
	m.clock.Set(job)
	return nil
}

// Unschedule is called when a worker is removed. A delivery that still comes
// ends at once.
func (m *metronome) Unschedule(_ context.Context, job *core.Job) error {
	m.clock.Unset(job)
	return nil
}

// Stop delivers nothing more. The runs in progress are the manager's to await.
func (m *metronome) Stop(context.Context) error {
	m.clock.Stop() // from here on nothing falls due
	close(m.due)
	<-m.over
	return nil
}
