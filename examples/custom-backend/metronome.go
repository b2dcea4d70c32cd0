package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A metronome is an engine that begins runs only on the beat: whatever falls
// due between two beats begins together at the second, so that the process
// wakes seldom, however many workers there are.
type metronome struct {
	beat  time.Duration
	now   func() time.Time
	clock *core.Clock // finds the slots: time zones, missed slots, a clock that jumps
	end   context.CancelFunc
	over  chan struct{} // closed when run has returned
	wake  chan struct{} // something has become due

	mu  sync.Mutex
	due []delivery // at the next beat
}

// A delivery is a slot that a worker is due for, and how many it missed before.
type delivery struct {
	job    *core.Job
	slot   time.Time
	missed int
}

// Features are promises, to which the conformance suite holds the engine. A
// worker that wants what it Lacks is refused: off the beat there is nothing.
func (m *metronome) Features() core.Features {
	return core.Features{
		Engine:    "metronome",
		Lateness:  m.beat + 50*time.Millisecond,
		MinPeriod: m.beat,
		Lacks:     []core.Feature{core.FeatureJitter, core.FeatureDelay},
	}
}

// Start begins to beat.
func (m *metronome) Start(_ context.Context, host core.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	m.now, m.end = host.Now, cancel
	m.over, m.wake = make(chan struct{}), make(chan struct{}, 1)
	m.clock = core.NewClock(host.Now, m.note)
	go m.run(ctx)
	return nil
}

// note is what the clock calls at each slot.
func (m *metronome) note(job *core.Job, slot time.Time, missed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = append(m.due, delivery{job, slot, missed})
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run sleeps until something is due, then until the beat, and delivers.
func (m *metronome) run(ctx context.Context) {
	defer close(m.over)
	for {
		select {
		case <-m.wake:
		case <-ctx.Done():
			return
		}
		sinceBeat := time.Duration(m.now().UnixNano()) % m.beat
		select {
		case <-time.After((m.beat - sinceBeat) % m.beat): // none where now is the beat
			m.deliver()
		case <-ctx.Done():
			return
		}
	}
}

// deliver hands the slots that are due to the manager, which does the rest: the
// goroutine, timeout, retries, panics, status, log.
func (m *metronome) deliver() {
	m.mu.Lock()
	due := m.due
	m.due = nil
	m.mu.Unlock()
	for _, d := range due {
		if d.job.Misfire(d.slot, d.missed) { // the worker's policy for missed slots
			d.job.Go(context.Background(), d.job.Tick(d.slot), nil)
		}
	}
}

// Schedule is called when a worker starts, and when it gets another schedule.
func (m *metronome) Schedule(ctx context.Context, job *core.Job) error {
	err := m.Unschedule(ctx, job)
	m.clock.Set(job)
	return err
}

// Unschedule is called when a worker is removed.
func (m *metronome) Unschedule(_ context.Context, job *core.Job) error {
	m.clock.Unset(job)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = slices.DeleteFunc(m.due, func(d delivery) bool { return d.job == job })
	return nil
}

// Stop delivers nothing more. The runs in progress are the manager's to await.
func (m *metronome) Stop(context.Context) error {
	m.clock.Stop()
	m.end()
	<-m.over
	return nil
}
