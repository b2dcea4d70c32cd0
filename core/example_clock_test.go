package core_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// timers is an engine that keeps its own time: a Clock calls back at each slot,
// and the engine delivers it.
type timers struct{ clock *core.Clock }

func (e *timers) Features() core.Features {
	return core.Features{Engine: "timers", Lateness: 50 * time.Millisecond, MinPeriod: time.Millisecond}
}

func (e *timers) Start(_ context.Context, host core.Host) error {
	e.clock = core.NewClock(host.Now, func(job *core.Job, slot time.Time, missed core.Slots) {
		if job.Misfire(slot, missed) { // the worker's policy for slots that are overdue
			job.Go(context.Background(), job.Tick(slot), nil)
		}
	})
	return nil
}

func (e *timers) Schedule(_ context.Context, job *core.Job) error {
	e.clock.Set(job)
	return nil
}

func (e *timers) Unschedule(_ context.Context, job *core.Job) error {
	e.clock.Unset(job)
	return nil
}

func (e *timers) Stop(context.Context) error {
	e.clock.Stop()
	return nil
}

// An engine that keeps its own time is a Clock and a few lines around it.
func ExampleClock() {
	ctx := context.Background()
	m := core.NewManager(&timers{}, core.Options{})
	slots := make(chan time.Time)
	_ = m.Add(ctx, core.Worker{
		Name:     "metronome",
		Schedule: core.Every(20 * time.Millisecond),
		Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			select {
			case slots <- tick.Slot:
			case <-core.Stopping(ctx):
			}
			return nil
		},
	})
	_ = m.Start(ctx)
	for range 3 {
		slot := <-slots
		fmt.Println("due at a multiple of the period:", slot.Equal(slot.Truncate(20*time.Millisecond)))
	}
	_ = m.Stop(ctx)
	// Output:
	// due at a multiple of the period: true
	// due at a multiple of the period: true
	// due at a multiple of the period: true
}
