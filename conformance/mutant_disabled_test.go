package conformance

import (
	"context"
	"encoding/json"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

func init() { mutants = append(mutants, disabledMutants) }

// Clusters in which a disabled manager does not do what is asked of it, or too much.
var disabledMutants = []mutant{
	{name: "cluster-a-disabled-manager-acts-on-nothing-and-says-nothing", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.trigger = func(_ context.Context, job *core.Job) (core.Tick, error) { return core.ManualTick(job.Name()), nil }
		o.pause = func(context.Context, *core.Job) error { return nil }
		o.resume = o.pause
	})},
	{name: "cluster-a-disabled-manager-refuses-to-trigger", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.trigger = func(context.Context, *core.Job) (core.Tick, error) { return core.Tick{}, core.ErrDisabled }
	})},
	{name: "cluster-a-disabled-manager-refuses-to-pause", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.pause = func(context.Context, *core.Job) error { return core.ErrDisabled }
	})},
	{name: "cluster-a-disabled-manager-cannot-resume", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.resume = func(context.Context, *core.Job) error { return nil }
	})},
	{name: "cluster-a-disabled-manager-runs-what-it-triggers", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.trigger = func(ctx context.Context, job *core.Job) (core.Tick, error) {
			tick := core.ManualTick(job.Name())
			job.Go(context.WithoutCancel(ctx), tick, nil)
			return tick, nil
		}
	})},
	{name: "cluster-a-disabled-manager-tries-to-connect-once", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		var failed error
		o.start = func(ctx context.Context, host core.Host) error {
			if failed == nil {
				failed = o.ClusterEngine.Start(ctx, host)
			}
			return failed
		}
	})},
	{name: "cluster-a-disabled-manager-has-a-patience-of-its-own", breaks: []string{"CTL-4"}, world: offWorld(func(o *off) {
		o.start = func(ctx context.Context, host core.Host) error {
			ctx, cancel := patiently(ctx)
			defer cancel()
			return o.ClusterEngine.Start(ctx, host)
		}
	})},
	{name: "cluster-a-disabled-manager-ignores-that-it-is", breaks: []string{"STA-5"}, world: wrongWorld{
		node: func(_ *Node, opts *core.Options) { opts.Disabled = false },
	}},
	{name: "cluster-a-disabled-instance-is-listed-with-its-workers", breaks: []string{"PER-6"}, world: offWorld(func(o *off) {
		end := make(chan struct{})
		o.start = func(ctx context.Context, host core.Host) error {
			roster, _ := json.Marshal(ledger.Roster{Process: "off", Count: 1, Workers: []string{"w"}})
			go func() {
				beat := time.NewTicker(time.Second)
				defer beat.Stop()
				for {
					_, _ = o.world.memory.Store("").Beat(context.Background(), host.Instance, roster)
					select {
					case <-beat.C:
					case <-end:
						return
					}
				}
			}()
			return o.ClusterEngine.Start(ctx, host)
		}
		o.stop = func(ctx context.Context) error {
			close(end)
			return o.ClusterEngine.Stop(ctx)
		}
	})},
	{name: "cluster-a-disabled-manager-stays-connected", breaks: []string{"STP-6"}, world: offWorld(func(o *off) {
		o.stop = func(context.Context) error { return nil }
	})},
	{name: "cluster-stop-does-not-end-what-a-disabled-manager-tries", breaks: []string{"STP-6"}, world: offWorld(func(o *off) {
		o.start = func(ctx context.Context, host core.Host) error {
			ctx, cancel := patiently(ctx)
			defer cancel()
			return o.ClusterEngine.Start(ctx, host)
		}
	})},
}

// patiently returns a context that does not end with another, but much later.
func patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
}

// off is the engine of a manager that is disabled, with some methods replaced.
type off struct {
	core.ClusterEngine
	start         func(context.Context, core.Host) error
	trigger       func(context.Context, *core.Job) (core.Tick, error)
	pause, resume func(context.Context, *core.Job) error
	stop          func(context.Context) error
	disabled      bool
	world         *memoryWorld
}

// offWorld is a world in which the engines of disabled managers are changed.
func offWorld(change func(*off)) wrongWorld {
	return wrongWorld{engine: func(w *memoryWorld, e core.ClusterEngine) core.ClusterEngine {
		o := &off{ClusterEngine: e, world: w}
		o.start, o.trigger, o.pause, o.resume, o.stop = e.Start, e.Trigger, e.Pause, e.Resume, e.Stop
		change(o)
		return o
	}}
}

func (o *off) Start(ctx context.Context, host core.Host) error {
	if o.disabled = host.Disabled; o.disabled {
		return o.start(ctx, host)
	}
	return o.ClusterEngine.Start(ctx, host)
}

func (o *off) Trigger(ctx context.Context, job *core.Job) (core.Tick, error) {
	if o.disabled {
		return o.trigger(ctx, job)
	}
	return o.ClusterEngine.Trigger(ctx, job)
}

func (o *off) Pause(ctx context.Context, job *core.Job) error {
	if o.disabled {
		return o.pause(ctx, job)
	}
	return o.ClusterEngine.Pause(ctx, job)
}

func (o *off) Resume(ctx context.Context, job *core.Job) error {
	if o.disabled {
		return o.resume(ctx, job)
	}
	return o.ClusterEngine.Resume(ctx, job)
}

func (o *off) Stop(ctx context.Context) error {
	if o.disabled {
		return o.stop(ctx)
	}
	return o.ClusterEngine.Stop(ctx)
}
