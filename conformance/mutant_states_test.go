package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, stateMutants, removeHookMutants, longEndMutants) }

// stateMutants show and accept wrongly what is rare.
var stateMutants = []mutant{
	{name: "takes-an-unknown-scope", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Scope = min(w.Scope, core.PerInstance) }, nil)},
	{name: "takes-an-unknown-misfire-policy", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Misfire = min(w.Misfire, core.SkipMissed) }, nil)},
	{name: "takes-a-negative-jitter", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Jitter = max(w.Jitter, 0) }, nil)},
	{name: "takes-a-negative-number-of-attempts", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Retry.MaxAttempts = max(w.Retry.MaxAttempts, 0) }, nil)},
	{name: "goes-back-to-1970-when-options-now-panics", breaks: []string{"ERR-3"}, open: tweaked(nil, func(o *core.Options) {
		now := o.Now
		o.Now = func() (t time.Time) {
			defer func() {
				if recover() != nil {
					t = time.Unix(0, 0)
				}
			}()
			return now()
		}
	})},
	{name: "does-not-tell-observers-why-a-run-is-made", breaks: []string{"OBS-2"}, open: tweaked(nil, func(o *core.Options) {
		for i, observer := range o.Observers {
			o.Observers[i] = func(e core.Event) {
				e.Cause = core.CauseNone
				observer(e)
			}
		}
	})},
	{name: "a-timeout-is-a-context-error-alone", breaks: []string{"ERR-4"}, open: showingLast(func(l *core.LastRun) {
		if l.Err != nil && !isWild(l.Err) && errors.Is(l.Err, core.ErrTimeout) {
			l.Err = context.DeadlineExceeded
		}
	})},
	{name: "a-reschedule-leaves-a-broken-worker-broken", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		broken := sync.Map{}
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			if m.is(name, core.StateBroken) {
				broken.Store(name, true)
			}
			return m.Manager.Reschedule(ctx, name, s)
		}
		m.altered.workers = func() []core.WorkerStatus {
			list := m.Manager.Workers()
			for i := range list {
				if _, ok := broken.Load(list[i].Name); ok {
					list[i].State, list[i].Err = core.StateBroken, errBoom
				}
			}
			return list
		}
	})},
	{name: "a-broken-worker-shows-a-next-slot", breaks: []string{"OBS-1", "PER-9"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateBroken && w.Schedule != "long-running" {
			w.Next = time.Now().Add(time.Minute)
		}
	})},
	{name: "a-long-running-worker-is-in-backoff-before-it-starts", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateIdle && w.Schedule == "long-running" && w.Runs == 0 {
			w.State = core.StateBackoff
		}
	})},
	{name: "a-long-running-worker-is-idle-in-its-first-backoff", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateBackoff && w.Failures == 1 {
			w.State = core.StateIdle
		}
	})},
	{name: "shows-a-slot-that-ran-as-the-next-after-a-jump-back", breaks: []string{"PER-11", "ERR-3"}, open: altering(func(a *altered, o *core.Options) {
		now := o.Now
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for i := range list {
				if last := list[i].Last; last != nil && last.Tick.Manual == "" && now().Before(last.Tick.Slot) {
					list[i].Next = last.Tick.Slot
				}
			}
			return list
		}
	})},
	{name: "tells-the-observers-no-time-of-skips", breaks: []string{"OBS-2"}, open: telling(func(e *core.Event) bool {
		if e.Kind == core.EventSkipped {
			e.Time = time.Time{}
		}
		return true
	})},
	{name: "tells-the-observers-of-one-attempt", breaks: []string{"ERR-5", "OBS-2"}, open: telling(func(e *core.Event) bool {
		e.Result.Attempts = min(e.Result.Attempts, 1)
		return true
	})},
}

// removeHookMutants are wrong about the hooks that Start and Remove call.
var removeHookMutants = []mutant{
	{name: "stop-does-not-wait-for-the-on-stop-of-a-remove", breaks: []string{"STP-6"}, open: meddling(func(m *meddler, _ *core.Options) {
		var removing, hooks atomic.Int32
		m.add = func(ctx context.Context, w core.Worker) error {
			if hook := w.OnStop; hook != nil {
				w.OnStop = func(ctx context.Context) error {
					if removing.Load() > 0 {
						hooks.Add(1)
						defer hooks.Add(-1)
					}
					return hook(ctx)
				}
			}
			return m.Manager.Add(ctx, w)
		}
		m.remove = func(ctx context.Context, name string) error {
			removing.Add(1)
			defer removing.Add(-1)
			return m.Manager.Remove(ctx, name)
		}
		m.stop = func(ctx context.Context) error {
			if ctx != nil && hooks.Load() > 0 {
				go func() { _ = m.Manager.Stop(ctx) }()
				return nil
			}
			return m.Manager.Stop(ctx)
		}
	})},
	{name: "a-start-that-failed-in-a-hook-says-that-it-was-stopped", breaks: []string{"STA-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			err := a.Manager.Start(ctx)
			var named *core.WorkerError
			if errors.As(err, &named) && !a.stopping.Load() {
				return fmt.Errorf("%w: %w", core.ErrStopped, err)
			}
			return err
		}
	})},
	{name: "remove-of-an-idle-worker-skips-on-stop", breaks: []string{"CTL-1", "STP-6"}, open: meddling(func(m *meddler, _ *core.Options) {
		idle := sync.Map{}
		m.add = func(ctx context.Context, w core.Worker) error {
			if hook := w.OnStop; hook != nil {
				w.OnStop = func(ctx context.Context) error {
					if _, ok := idle.Load(w.Name); ok {
						return nil
					}
					return hook(ctx)
				}
			}
			return m.Manager.Add(ctx, w)
		}
		m.remove = func(ctx context.Context, name string) error {
			if m.is(name, core.StateIdle) {
				idle.Store(name, true)
			}
			return m.Manager.Remove(ctx, name)
		}
	})},
}

// longEndMutants are wrong about long-running workers that end, or have ended.
var longEndMutants = []mutant{
	{name: "a-remove-without-time-cuts-a-long-running-worker-off", breaks: []string{"LNG-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			err := m.Manager.Remove(ctx, name)
			if _, inside := core.TickFrom(ctx); !inside && err == nil && ctx.Err() != nil && m.worker(name).Schedule == nil {
				return &core.StopError{CutOff: []string{name}, Err: ctx.Err()}
			}
			return err
		}
	})},
	{name: "a-trigger-does-nothing-after-a-long-running-worker-gave-up", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if m.is(name, core.StateBroken) && m.worker(name).Schedule == nil {
				return core.ManualTick(name), nil
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
	{name: "a-resume-runs-a-long-running-worker-again-that-was-done", breaks: []string{"LNG-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.resume = func(ctx context.Context, name string) error {
			err := m.Manager.Resume(ctx, name)
			if err == nil && m.worker(name).Schedule == nil && m.is(name, core.StateDone) {
				_, _ = m.Manager.Trigger(ctx, name)
			}
			return err
		}
	})},
}
