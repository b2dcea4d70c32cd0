package core_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// byHand is an engine that delivers a slot when it is told to: an engine for
// tests, and about the smallest there can be.
type byHand struct {
	mu   sync.Mutex
	jobs map[string]*core.Job
}

func (e *byHand) Features() core.Features { return core.Features{Engine: "by-hand"} }

func (e *byHand) Start(context.Context, core.Host) error {
	e.jobs = make(map[string]*core.Job)
	return nil
}

func (e *byHand) Schedule(_ context.Context, job *core.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.jobs[job.Name()] = job
	return nil
}

func (e *byHand) Unschedule(_ context.Context, job *core.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.jobs, job.Name())
	return nil
}

func (e *byHand) Stop(context.Context) error { return nil }

// deliver runs a worker for a slot and waits for the outcome.
func (e *byHand) deliver(ctx context.Context, name string, slot time.Time) core.Result {
	e.mu.Lock()
	job := e.jobs[name]
	e.mu.Unlock()
	return job.Run(ctx, job.Tick(slot))
}

// An engine says when a tick is due; the manager does the rest, for every engine
// alike.
func ExampleNewManager() {
	ctx := context.Background()
	engine := &byHand{}
	m := core.NewManager(engine, core.Options{Logger: silent})
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * *"),
		Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			if tick.Slot.Weekday() == time.Sunday {
				return fmt.Errorf("%s: no report on a Sunday", tick)
			}
			return nil
		},
	})
	_ = m.Start(ctx)
	saturday := time.Date(2026, 3, 28, 6, 0, 0, 0, time.UTC)
	fmt.Println(engine.deliver(ctx, "report", saturday))
	fmt.Println(engine.deliver(ctx, "report", saturday.AddDate(0, 0, 1)))
	_ = m.Stop(ctx)
	fmt.Println(engine.deliver(ctx, "report", saturday.AddDate(0, 0, 2)))
	// Output:
	// succeeded
	// failed: report@2026-03-29T06:00:00Z: no report on a Sunday
	// refused
}
