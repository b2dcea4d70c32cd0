package conformance

import (
	"context"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
)

// meddler is an altered manager whose methods for a running manager may be
// others. A nil function is the right way.
type meddler struct {
	*altered
	remove     func(ctx context.Context, name string) error
	reschedule func(ctx context.Context, name string, s core.Schedule) error
	pause      func(ctx context.Context, name string) error
	resume     func(ctx context.Context, name string) error

	mu      sync.Mutex
	workers map[string]core.Worker // that were added
}

// meddling returns an Open: change sets the methods, and may change the options.
func meddling(change func(*meddler, *core.Options)) func(core.Options) (core.Manager, error) {
	return func(opts core.Options) (core.Manager, error) {
		m := &meddler{workers: map[string]core.Worker{}}
		_, err := altering(func(a *altered, opts *core.Options) {
			m.altered = a
			change(m, opts)
		})(opts)
		return m, err
	}
}

func (m *meddler) Add(ctx context.Context, w core.Worker) error {
	err := m.altered.Add(ctx, w)
	if err == nil {
		m.mu.Lock()
		m.workers[w.Name] = w
		m.mu.Unlock()
	}
	return err
}

// worker returns the worker of a name that was added.
func (m *meddler) worker(name string) core.Worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.workers[name]
}

func (m *meddler) Remove(ctx context.Context, name string) error {
	if m.remove != nil && ctx != nil {
		return m.remove(ctx, name)
	}
	return m.Manager.Remove(ctx, name)
}

func (m *meddler) Reschedule(ctx context.Context, name string, s core.Schedule) error {
	if m.reschedule != nil && ctx != nil {
		return m.reschedule(ctx, name, s)
	}
	return m.Manager.Reschedule(ctx, name, s)
}

func (m *meddler) Trigger(ctx context.Context, name string) (core.Tick, error) {
	if m.trigger != nil && ctx != nil {
		return m.trigger(ctx, name)
	}
	return m.Manager.Trigger(ctx, name)
}

func (m *meddler) Pause(ctx context.Context, name string) error {
	if m.pause != nil && ctx != nil {
		return m.pause(ctx, name)
	}
	return m.Manager.Pause(ctx, name)
}

func (m *meddler) Resume(ctx context.Context, name string) error {
	if m.resume != nil && ctx != nil {
		return m.resume(ctx, name)
	}
	return m.Manager.Resume(ctx, name)
}

// status returns the status of a worker, or the zero one.
func (m *meddler) status(name string) core.WorkerStatus {
	for _, w := range m.Manager.Workers() {
		if w.Name == name {
			return w
		}
	}
	return core.WorkerStatus{}
}
