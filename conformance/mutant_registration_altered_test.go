package conformance

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// altered is a native manager of which some methods are others.
type altered struct {
	core.Manager // the native one

	add      func(context.Context, core.Worker) error
	start    func(context.Context) error
	stop     func(context.Context) error
	trigger  func(context.Context, string) (core.Tick, error)
	workers  func() []core.WorkerStatus
	features func(core.Features) core.Features

	// What the methods below have noted.
	starting atomic.Bool  // Start was called
	started  atomic.Bool  // Start has returned
	stopping atomic.Bool  // Stop was called
	stops    atomic.Int32 // how often
	stopped  atomic.Bool  // Stop has returned
}

// altering returns an Open: change sets the methods, and may change the options.
func altering(change func(*altered, *core.Options)) func(core.Options) (core.Manager, error) {
	return func(opts core.Options) (core.Manager, error) {
		a := &altered{}
		change(a, &opts)
		var err error
		a.Manager, err = native.New(native.Config{}, opts)
		return a, err
	}
}

// refusing returns an Open whose Add refuses more.
func refusing(refuse func(core.Worker) error) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			if err := refuse(w); err != nil {
				return err
			}
			return a.Manager.Add(ctx, w)
		}
	})
}

// busy returns how many runs are in progress, less the long-running.
func (a *altered) busy() (n int) {
	for _, w := range a.Manager.Workers() {
		if w.State == core.StateRunning && w.Schedule != "long-running" {
			n++
		}
	}
	return n
}

// await waits for a condition until ctx ends, or for ten minutes: a mutant must
// not go on for ever. A nil context is for the manager to refuse.
func (a *altered) await(ctx context.Context, condition func() bool) {
	for i := 0; ctx != nil && ctx.Err() == nil && !condition() && i < 6000; i++ {
		time.Sleep(min(time.Duration(i+1)*time.Millisecond, 100*time.Millisecond))
	}
}

// has tells whether a worker is in a state.
func (a *altered) has(s core.State) bool {
	for _, w := range a.Manager.Workers() {
		if w.State == s {
			return true
		}
	}
	return false
}

func (a *altered) Add(ctx context.Context, w core.Worker) error {
	if a.add != nil {
		return a.add(ctx, w)
	}
	return a.Manager.Add(ctx, w)
}

func (a *altered) Start(ctx context.Context) error {
	if ctx != nil {
		a.starting.Store(true)
		defer a.started.Store(true)
	}
	if a.start != nil {
		return a.start(ctx)
	}
	return a.Manager.Start(ctx)
}

func (a *altered) Stop(ctx context.Context) error {
	if ctx != nil {
		a.stopping.Store(true)
		a.stops.Add(1)
		defer a.stopped.Store(true)
	}
	if a.stop != nil {
		return a.stop(ctx)
	}
	return a.Manager.Stop(ctx)
}

func (a *altered) Trigger(ctx context.Context, name string) (core.Tick, error) {
	if a.trigger != nil {
		return a.trigger(ctx, name)
	}
	return a.Manager.Trigger(ctx, name)
}

func (a *altered) Workers() []core.WorkerStatus {
	if a.workers != nil {
		return a.workers()
	}
	return a.Manager.Workers()
}

func (a *altered) Features() core.Features {
	if a.features != nil {
		return a.features(a.Manager.Features())
	}
	return a.Manager.Features()
}
