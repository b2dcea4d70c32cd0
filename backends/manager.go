package backends

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
)

// manager applies a configuration's overrides to the workers that are added to
// another manager, and is that manager for the rest.
type manager struct {
	core.Manager
	cfg Config

	mu          sync.Mutex
	added       map[string]bool // every name that Add has taken
	rescheduled map[string]bool // those with a schedule that the program gave later
	checked     bool            // Start, or Stop, was called
}

func newManager(m core.Manager, cfg Config) *manager {
	return &manager{
		Manager:     m,
		cfg:         cfg,
		added:       make(map[string]bool),
		rescheduled: make(map[string]bool),
	}
}

// Add implements core.Manager.
func (m *manager) Add(ctx context.Context, w core.Worker) error {
	o, ok := m.cfg.Workers[w.Name]
	if ok {
		changed, field, err := o.apply(w)
		if err != nil {
			return m.blame(w.Name, o, field, &core.WorkerError{Op: "add", Worker: w.Name, Field: field, Err: err})
		}
		w = changed
	}
	if err := m.Manager.Add(ctx, w); err != nil {
		if e, is := errors.AsType[*core.WorkerError](err); is && ok && slices.Contains(o.configured(), e.Field) {
			return m.blame(w.Name, o, e.Field, err)
		}
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.added[w.Name] = true
	delete(m.rescheduled, w.Name)
	return nil
}

// blame says where an error comes from that the configuration has caused.
func (m *manager) blame(worker string, o Override, field string, err error) error {
	p := path("workers").add(worker)
	if key := o.keyOf(field); key != "" {
		p = p.add(key)
	}
	return m.cfg.position(p).at(p, err)
}

// Reschedule implements core.Manager.
func (m *manager) Reschedule(ctx context.Context, name string, s core.Schedule) error {
	if err := m.Manager.Reschedule(ctx, name, s); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rescheduled[name] = true
	return nil
}

// Workers implements core.Manager.
func (m *manager) Workers() []core.WorkerStatus {
	list := m.Manager.Workers()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, w := range list {
		fields := m.cfg.Workers[w.Name].configured()
		if m.rescheduled[w.Name] {
			fields = slices.DeleteFunc(fields, func(f string) bool { return f == "Schedule" })
		}
		list[i].Configured = fields
	}
	return list
}

// Start implements core.Manager.
func (m *manager) Start(ctx context.Context) error {
	if ctx != nil {
		if err := m.check(); err != nil {
			// A Start that failed has stopped the manager (STA-2).
			return errors.Join(err, m.Manager.Stop(context.WithoutCancel(ctx)))
		}
	}
	return m.Manager.Start(ctx)
}

// Stop implements core.Manager.
func (m *manager) Stop(ctx context.Context) error {
	if ctx != nil {
		m.mu.Lock()
		m.checked = true
		m.mu.Unlock()
	}
	return m.Manager.Stop(ctx)
}

// check returns, the first time, an error for the workers in the configuration
// that were not added.
func (m *manager) check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checked {
		return nil
	}
	m.checked = true
	return m.cfg.unknownWorkers(m.added)
}

// unknownWorkers returns an error for each worker that is named and not added.
func (c Config) unknownWorkers(added map[string]bool) error {
	var errs []error
	known := slices.Sorted(maps.Keys(added))
	for _, name := range slices.Sorted(maps.Keys(c.Workers)) {
		if !added[name] {
			p := path("workers").add(name)
			errs = append(errs, c.position(p).at(p, fmt.Errorf("%w%s", ErrUnknownWorker, meant(name, known))))
		}
	}
	return errors.Join(errs...)
}
