package conformance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, rescheduleMutants, triggerMutants, pauseMutants) }

var rescheduleMutants = []mutant{
	{name: "reschedules-after-the-old-schedules-next-slot", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			old := m.status(name).Next
			if i, ok := s.(core.Interval); ok && i.Period() > 0 && old.Before(time.Now().Add(2*time.Minute)) && !m.is(name, core.StateRunning) {
				s = otherNext{s, func(after time.Time) time.Time {
					if after.Before(old) {
						return old
					}
					return i.Next(after)
				}}
			}
			return m.Manager.Reschedule(ctx, name, s)
		}
	})},
	{name: "a-reschedule-restarts-the-period", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, opts *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			if i, ok := s.(core.Interval); ok && i == core.Every(time.Minute) && time.Now().Before(at("2000-01-01T00:01:00Z")) {
				s = i.Offset(time.Duration(opts.Now().UnixNano() % int64(i.Period())))
			}
			return m.Manager.Reschedule(ctx, name, s)
		}
	})},
	{name: "a-reschedule-runs-at-once", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			err := m.Manager.Reschedule(ctx, name, s)
			if err == nil && m.is(name, core.StateIdle) && s == core.Every(time.Minute) {
				_, _ = m.Manager.Trigger(ctx, name)
			}
			return err
		}
	})},
	{name: "a-reschedule-cancels-the-run", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		cancels := &cancels{}
		m.around(cancels.around)
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			err := m.Manager.Reschedule(ctx, name, s)
			if _, inside := core.TickFrom(ctx); err == nil && !inside {
				cancels.cancel(name)
			}
			return err
		}
	})},
	{name: "a-schedule-that-is-refused-ends-the-old", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			err := m.Manager.Reschedule(ctx, name, s)
			if errors.Is(err, core.ErrInvalidWorker) && m.started.Load() {
				_ = m.Manager.Pause(ctx, name)
			}
			return err
		}
	})},
	{name: "reschedules-before-start-are-lost", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			if m.starting.Load() {
				return m.Manager.Reschedule(ctx, name, s)
			}
			return nil
		}
	})},
	{name: "of-reschedules-at-once-the-status-shows-the-first", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		busy, shown := 0, map[string]string{}
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			slow, ok := s.(hesitant)
			if !ok {
				return m.Manager.Reschedule(ctx, name, s)
			}
			m.mu.Lock()
			if busy++; busy == 1 {
				shown[name] = slow.String()
			}
			m.mu.Unlock()
			err := m.Manager.Reschedule(ctx, name, s)
			m.mu.Lock()
			defer m.mu.Unlock()
			busy--
			return err
		}
		m.altered.workers = func() []core.WorkerStatus {
			list := m.Manager.Workers()
			m.mu.Lock()
			defer m.mu.Unlock()
			for i := range list {
				if text := shown[list[i].Name]; text != "" {
					list[i].Schedule = text
				}
			}
			return list
		}
	})},
	{name: "a-reschedule-is-a-resume", breaks: []string{"CTL-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.reschedule = func(ctx context.Context, name string, s core.Schedule) error {
			err := m.Manager.Reschedule(ctx, name, s)
			if err == nil && m.is(name, core.StatePaused) {
				_ = m.Manager.Resume(ctx, name)
			}
			return err
		}
	})},
}

var triggerMutants = []mutant{
	{name: "triggers-pile-up", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		n := 0
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if w := m.worker(name); !m.is(name, core.StateRunning) || w.Schedule == nil || ctx.Err() != nil || m.stops.Load() > 0 {
				return m.Manager.Trigger(ctx, name)
			}
			if _, inside := core.TickFrom(ctx); inside {
				return m.Manager.Trigger(ctx, name)
			}
			m.mu.Lock()
			n++
			turn := time.Duration(n) * time.Millisecond
			m.mu.Unlock()
			go func() {
				for m.is(name, core.StateRunning) && m.stops.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(turn)
				_, _ = m.Manager.Trigger(context.WithoutCancel(ctx), name)
			}()
			return core.ManualTick(name), nil
		}
	})},
	{name: "a-trigger-while-it-runs-is-lost", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if _, inside := core.TickFrom(ctx); !inside && m.is(name, core.StateRunning) && m.stops.Load() == 0 {
				return core.ManualTick(name), nil
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
	{name: "a-trigger-waits-for-the-next-minute", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, opts *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			i, _ := m.worker(name).Schedule.(core.Interval) // of a period of hours: where the trigger is all that runs
			if i.Period() > time.Hour && m.is(name, core.StateIdle) && m.started.Load() && m.stops.Load() == 0 && opts.MaxConcurrent == 0 && opts.Logger == discard {
				time.AfterFunc(time.Minute, func() { _, _ = m.Manager.Trigger(context.Background(), name) })
				return core.ManualTick(name), nil
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
	{name: "a-trigger-moves-the-schedule", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, opts *core.Options) {
		var n atomic.Int32
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			// The cases about slots trigger once or twice.
			if i, ok := m.worker(name).Schedule.(core.Interval); err == nil && ok && n.Add(1) == 3 {
				_ = m.Manager.Reschedule(ctx, name, i.Offset(time.Duration(opts.Now().UnixNano()%int64(i.Period()))))
			}
			return tick, err
		}
	})},
	{name: "a-trigger-waits-for-its-run", breaks: []string{"CTL-3", "OBS-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			if _, inside := core.TickFrom(ctx); err == nil && !inside && m.worker(name).Schedule != nil {
				time.Sleep(time.Nanosecond) // by then the run has begun
				for range 600 {
					if m.is(name, core.StateRunning) {
						time.Sleep(time.Second)
					}
				}
			}
			return tick, err
		}
	})},
	{name: "a-trigger-returns-another-tick-than-runs", breaks: []string{"CTL-3", "OBS-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			if err == nil && m.worker(name).Schedule != nil {
				tick = core.ManualTick(name)
			}
			return tick, err
		}
	})},
	{name: "a-trigger-that-joins-another-returns-a-tick-of-its-own", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		waiting := map[string]string{}
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			m.mu.Lock()
			defer m.mu.Unlock()
			if err == nil && m.workers[name].Schedule != nil && waiting[name] == tick.ID() {
				return core.ManualTick(name), nil
			}
			waiting[name] = tick.ID()
			return tick, err
		}
	})},
	{name: "a-trigger-of-a-long-running-worker-returns-no-tick-of-it", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			if err == nil && m.worker(name).Schedule == nil && !m.is(name, core.StatePaused) {
				tick = core.ManualTick(name)
			}
			return tick, err
		}
	})},
	{name: "a-trigger-of-a-paused-long-running-worker-is-lost", breaks: []string{"CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if m.worker(name).Schedule == nil && m.is(name, core.StatePaused) {
				return core.ManualTick(name), nil
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
	{name: "a-disabled-worker-can-be-triggered", breaks: []string{"CTL-3", "STA-5", "CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			tick, err := m.Manager.Trigger(ctx, name)
			if errors.Is(err, core.ErrDisabled) {
				_ = m.worker(name).Run(ctx)
				return core.ManualTick(name), nil
			}
			return tick, err
		}
	})},
	{name: "a-triggered-run-has-a-slot", breaks: []string{"CTL-3", "PER-6"}, open: retelling(func(t *core.Tick) {
		if t.Manual != "" {
			t.Slot = time.Now().UTC()
		}
	})},
	{name: "a-trigger-starts-another-of-a-long-running-worker", breaks: []string{"CTL-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if w := m.worker(name); w.Schedule == nil && m.is(name, core.StateRunning) {
				ended, cancel := context.WithCancel(ctx)
				cancel()
				go func() { _ = w.Run(ended) }()
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
}

var pauseMutants = []mutant{
	{name: "a-resume-makes-up-for-the-pause", breaks: []string{"CTL-4", "OBS-2"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.resume = func(ctx context.Context, name string) error {
			err := m.Manager.Resume(ctx, name)
			if s := m.status(name); err == nil && s.Skips.Paused > 0 {
				_, _ = m.Manager.Trigger(ctx, name)
			}
			return err
		}
	})},
	{name: "a-pause-is-nobodys", breaks: []string{"OBS-1"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for i := range list {
				if list[i].Paused != nil {
					list[i].Paused = &core.Pause{At: list[i].Paused.At}
				}
			}
			return list
		}
	})},
	{name: "a-run-hides-a-pause", breaks: []string{"OBS-1"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for i := range list {
				if list[i].Running && list[i].Schedule != "long-running" {
					list[i].State = core.StateRunning
				}
			}
			return list
		}
	})},
	{name: "a-disabled-manager-pauses-nothing-and-says-nothing", breaks: []string{"CTL-4"}, open: meddling(func(m *meddler, opts *core.Options) {
		disabled := opts.Disabled
		m.pause = func(ctx context.Context, name string) error {
			if disabled && m.started.Load() {
				return nil
			}
			return m.Manager.Pause(ctx, name)
		}
	})},
	{name: "a-pause-lasts-two-minutes", breaks: []string{"CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.pause = func(ctx context.Context, name string) error {
			err := m.Manager.Pause(ctx, name)
			if err == nil && m.worker(name).Schedule != nil {
				time.AfterFunc(2*time.Minute+time.Second, func() { _ = m.Manager.Resume(context.Background(), name) })
			}
			return err
		}
	})},
	{name: "a-paused-worker-cannot-be-triggered", breaks: []string{"CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.trigger = func(ctx context.Context, name string) (core.Tick, error) {
			if m.is(name, core.StatePaused) && !m.status(name).Running {
				return core.ManualTick(name), nil
			}
			return m.Manager.Trigger(ctx, name)
		}
	})},
	{name: "a-pause-cancels-the-run", breaks: []string{"CTL-4", "OBS-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		cancels := &cancels{}
		m.around(cancels.around)
		m.pause = func(ctx context.Context, name string) error {
			err := m.Manager.Pause(ctx, name)
			if _, inside := core.TickFrom(ctx); err == nil && !inside && m.worker(name).Schedule != nil {
				cancels.cancel(name)
			}
			return err
		}
	})},
	{name: "pauses-are-counted", breaks: []string{"CTL-4", "OBS-1", "REG-3"}, open: meddling(func(m *meddler, _ *core.Options) {
		pauses := map[string]int{}
		m.pause = func(ctx context.Context, name string) error {
			m.mu.Lock()
			pauses[name]++
			m.mu.Unlock()
			return m.Manager.Pause(ctx, name)
		}
		m.resume = func(ctx context.Context, name string) error {
			m.mu.Lock()
			pauses[name]--
			left := pauses[name]
			pauses[name] = max(left, 0)
			m.mu.Unlock()
			if left > 0 {
				return nil
			}
			return m.Manager.Resume(ctx, name)
		}
	})},
	{name: "a-paused-worker-is-shown-as-idle", breaks: []string{"CTL-4", "OBS-1", "REG-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for i, w := range list {
				if w.State == core.StatePaused && w.Schedule != "long-running" {
					list[i].State = core.StateIdle
				}
			}
			return list
		}
	})},
	{name: "a-pause-is-of-all", breaks: []string{"CTL-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.pause = func(ctx context.Context, name string) error {
			err := m.Manager.Pause(ctx, name)
			_, inside := core.TickFrom(ctx)
			for _, w := range m.Manager.Workers() {
				if err == nil && !inside && !m.worker(name).Disabled && w.Schedule != "long-running" && !m.is(name, core.StateRunning) {
					_ = m.Manager.Pause(ctx, w.Name)
				}
			}
			return err
		}
	})},
}

// cancels can cancel the run in progress of a worker.
type cancels struct {
	mu sync.Mutex
	of map[string]context.CancelFunc
}

func (c *cancels) around(ctx context.Context, run func(context.Context) error) error {
	tick, _ := core.TickFrom(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	if c.of == nil {
		c.of = map[string]context.CancelFunc{}
	}
	c.of[tick.Worker] = cancel
	c.mu.Unlock()
	return run(ctx)
}

func (c *cancels) cancel(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.of[name]; cancel != nil {
		cancel()
	}
}
