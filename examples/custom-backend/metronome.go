package main

import (
	"context"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A metronome is an engine that starts runs only on the beat. What falls due
// between two beats starts on the second one, all at once, so that the process
// rarely wakes up, no matter how many workers there are.
type metronome struct {
	beat  time.Duration
	clock *core.Clock   // finds the slots: time zones, missed slots, a clock that jumps
	due   chan func()   // from the clock to the beat: each delivers a slot
	over  chan struct{} // closed when run returns
}

// Features returns what the engine promises; the conformance suite tests it. The
// manager refuses a worker that needs a feature in Lacks. The metronome lacks
// these three because nothing starts off the beat, and because a slot that waits
// for its beat cannot be taken back.
func (m *metronome) Features() core.Features {
	return core.Features{
		Engine:    "metronome",
		Lateness:  m.beat + 50*time.Millisecond,
		MinPeriod: m.beat,
		Lacks:     []core.Feature{core.FeatureJitter, core.FeatureDelay, core.FeatureReschedule},
	}
}

// Start starts the clock and the beat.
func (m *metronome) Start(_ context.Context, host core.Host) error {
	m.due, m.over = make(chan func()), make(chan struct{})
	m.clock = core.NewClock(host.Now, m.note)
	go m.run(host.Now)
	return nil
}

// note is called by the clock at each slot, with the slots that the worker missed
// before it. Job.Go does the rest: the goroutine, the timeout, retries, panics,
// status and log.
func (m *metronome) note(job *core.Job, slot time.Time, missed core.Slots) {
	m.due <- func() {
		if job.Misfire(slot, missed) { // the worker's policy for missed slots
			job.Go(context.Background(), job.Tick(slot), nil)
		}
	}
}

// run collects what is due until the next beat, and delivers it then.
func (m *metronome) run(now func() time.Time) {
	defer close(m.over)
	var due []func()
	var beat <-chan time.Time // nil, which blocks for ever, while nothing is due
	for {
		select {
		case deliver, more := <-m.due:
			if !more {
				return
			}
			if due = append(due, deliver); beat == nil {
				sinceBeat := time.Duration(now().UnixNano()) % m.beat
				beat = time.After((m.beat - sinceBeat) % m.beat) // at once if now is the beat
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

// Unschedule is called when a worker is removed. A later delivery does nothing.
func (m *metronome) Unschedule(_ context.Context, job *core.Job) error {
	m.clock.Unset(job)
	return nil
}

// Stop ends the deliveries. The manager waits for the runs in progress.
func (m *metronome) Stop(context.Context) error {
	m.clock.Stop() // nothing falls due after this
	close(m.due)
	<-m.over
	return nil
}
