package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, removeMutants, insideMutants) }

var removeMutants = []mutant{
	{name: "remove-does-not-wait", breaks: []string{"CTL-1", "PER-5"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			if _, inside := core.TickFrom(ctx); inside || !m.is(name, core.StateRunning) {
				return m.Manager.Remove(ctx, name)
			}
			go func() { _ = m.Manager.Remove(ctx, name) }()
			return nil
		}
	})},
	{name: "remove-waits-for-a-lull-first", breaks: []string{"CTL-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			_, inside := core.TickFrom(ctx)
			inside = inside || m.worker(name).Schedule == nil
			for i := 0; i < 60_000 && !inside && ctx.Err() == nil && m.is(name, core.StateRunning); i++ {
				time.Sleep(10 * time.Millisecond)
			}
			return m.Manager.Remove(ctx, name)
		}
	})},
	{name: "remove-waits-without-end", breaks: []string{"CTL-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			return m.Manager.Remove(context.WithoutCancel(ctx), name)
		}
	})},
	{name: "remove-cancels-at-once", breaks: []string{"CTL-1", "PER-5"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			if _, inside := core.TickFrom(ctx); inside {
				return m.Manager.Remove(ctx, name)
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			err := m.Manager.Remove(ended, name)
			if ctx.Err() == nil && errors.As(err, new(*core.StopError)) {
				return nil
			}
			return err
		}
	})},
	{name: "remove-says-nothing-of-what-it-cut-off", breaks: []string{"CTL-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			err := m.Manager.Remove(ctx, name)
			if errors.As(err, new(*core.StopError)) {
				return nil
			}
			return err
		}
	})},
	{name: "remove-keeps-the-name", breaks: []string{"CTL-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.add = func(ctx context.Context, w core.Worker) error {
			if ctx != nil && w.Name != "" && m.worker(w.Name).Name == w.Name && len(m.Manager.Workers()) == 0 {
				return core.ErrDuplicate
			}
			return m.Manager.Add(ctx, w)
		}
	})},
	{name: "remove-of-nobody-is-fine", breaks: []string{"CTL-1", "REG-4"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			if err := m.Manager.Remove(ctx, name); !errors.Is(err, core.ErrNotFound) || m.worker(name).Name != "" {
				return err
			}
			return nil
		}
	})},
	{name: "a-removed-worker-runs-once-more", breaks: []string{"CTL-1"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			err := m.Manager.Remove(ctx, name)
			if w := m.worker(name); err == nil && w.Schedule == core.Every(time.Minute) && m.started.Load() {
				if _, inside := core.TickFrom(ctx); !inside && len(m.Manager.Workers()) > 0 {
					time.AfterFunc(time.Minute, func() { _ = w.Run(context.Background()) })
				}
			}
			return err
		}
	})},
	{name: "remove-skips-on-stop", breaks: []string{"CTL-1", "STP-6"}, open: meddling(func(m *meddler, _ *core.Options) {
		removed := map[string]bool{}
		m.add = func(ctx context.Context, w core.Worker) error {
			if hook := w.OnStop; hook != nil {
				w.OnStop = func(ctx context.Context) error {
					m.mu.Lock()
					gone := removed[w.Name]
					m.mu.Unlock()
					if gone {
						return nil
					}
					return hook(ctx)
				}
			}
			return m.Manager.Add(ctx, w)
		}
		m.remove = func(ctx context.Context, name string) error {
			if _, inside := core.TickFrom(ctx); !inside {
				m.mu.Lock()
				removed[name] = true
				m.mu.Unlock()
			}
			return m.Manager.Remove(ctx, name)
		}
	})},
}

var insideMutants = []mutant{
	{name: "a-remove-from-inside-waits-for-itself", breaks: []string{"CTL-5"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			if tick, _ := core.TickFrom(ctx); tick.Worker == name {
				return m.Manager.Remove(forgetful{ctx}, name)
			}
			return m.Manager.Remove(ctx, name)
		}
	})},
	{name: "a-remove-from-inside-waits-for-who-waits-for-it", breaks: []string{"CTL-5"}, open: meddling(func(m *meddler, _ *core.Options) {
		m.remove = func(ctx context.Context, name string) error {
			if tick, _ := core.TickFrom(ctx); tick.Worker != "" && tick.Worker != name {
				return m.Manager.Remove(forgetful{ctx}, name)
			}
			return m.Manager.Remove(ctx, name)
		}
	})},
	{name: "a-stop-from-a-second-attempt-waits-for-itself", breaks: []string{"CTL-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			if ctx != nil {
				if tick, _ := core.TickFrom(ctx); tick.Attempt > 1 {
					return a.Manager.Stop(forgetful{ctx})
				}
			}
			return a.Manager.Stop(ctx)
		}
	})},
	{name: "a-stop-from-the-error-handler-waits-for-itself", breaks: []string{"CTL-5"}, open: altering(func(a *altered, o *core.Options) {
		type handled struct{}
		if handler := o.OnError; handler != nil {
			o.OnError = func(ctx context.Context, tick core.Tick, err error) {
				handler(context.WithValue(ctx, handled{}, true), tick, err)
			}
		}
		a.stop = func(ctx context.Context) error {
			if ctx != nil && ctx.Value(handled{}) != nil {
				return a.Manager.Stop(forgetful{ctx})
			}
			return a.Manager.Stop(ctx)
		}
	})},
	{name: "has-one-lock-for-everything", breaks: []string{"CTL-5"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := tweaked(nil, nil)(opts)
		return &locked{m, make(mutex, 1)}, err
	}},
	{name: "tells-its-observers-under-its-lock", breaks: []string{"CTL-5"}, open: meddling(func(m *meddler, opts *core.Options) {
		lock := make(mutex, 1)
		for i, observer := range opts.Observers {
			opts.Observers[i] = func(e core.Event) {
				defer lock.lock()()
				observer(e)
			}
		}
		m.altered.workers = func() []core.WorkerStatus {
			defer lock.lock()()
			return m.Manager.Workers()
		}
	})},
}

// locked is a manager that does one thing at a time, a Remove included.
type locked struct {
	core.Manager
	mu mutex
}

func (l *locked) Remove(ctx context.Context, name string) error {
	defer l.mu.lock()()
	return l.Manager.Remove(ctx, name)
}

func (l *locked) Workers() []core.WorkerStatus {
	defer l.mu.lock()()
	return l.Manager.Workers()
}

// mutex is a lock that a synctest bubble knows to block for ever: it does not
// wait for a sync.Mutex.
type mutex chan struct{}

func (m mutex) lock() (unlock func()) {
	m <- struct{}{}
	return func() { <-m }
}
