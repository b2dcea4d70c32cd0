package native

import (
	"context"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Config is the native engine's configuration. There is nothing to configure:
// the zero value is all there is.
type Config struct{}

// New returns a manager that runs its workers by this process's own timers. Its
// error is always nil; the signature is that of every backend.
func New(cfg Config, opts core.Options) (core.Manager, error) {
	return core.NewManager(NewEngine(cfg), opts), nil
}

// NewEngine returns the engine alone, for those who wrap it.
func NewEngine(Config) core.Engine { return &engine{} }

const (
	// lateness on an idle machine is a millisecond or two of timer; the rest
	// is room for all the workers of a large process being due at once.
	lateness = 50 * time.Millisecond

	// minPeriod is the shortest period that timers of a millisecond keep.
	minPeriod = time.Millisecond
)

// engine is core's clock, and core's goroutines: there is nothing between them.
type engine struct{ clock *core.Clock }

func (e *engine) Features() core.Features {
	return core.Features{Engine: "native", Lateness: lateness, MinPeriod: minPeriod}
}

func (e *engine) Start(_ context.Context, host core.Host) error {
	e.clock = core.NewClock(host.Now, deliver)
	return nil
}

func (e *engine) Schedule(_ context.Context, job *core.Job) error {
	e.clock.Set(job)
	return nil
}

func (e *engine) Unschedule(_ context.Context, job *core.Job) error {
	e.clock.Unset(job)
	return nil
}

func (e *engine) Stop(context.Context) error {
	e.clock.Stop()
	return nil
}

func deliver(job *core.Job, slot time.Time, missed core.Slots) {
	if job.Misfire(slot, missed) {
		job.Go(context.Background(), job.Tick(slot), nil)
	}
}
