package core

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Remove implements Manager.
func (m *manager) Remove(ctx context.Context, name string) error {
	fail := func(err error) error { return &WorkerError{Op: "remove", Worker: name, Err: err} }
	if ctx == nil {
		return fail(errNilContext)
	}
	if !m.features.Supports(FeatureRemove) {
		return fail(fmt.Errorf("%s cannot remove: %w", m.engineName(), ErrUnsupported))
	}
	m.mu.Lock()
	j := m.jobs[name]
	switch {
	case m.phase == stopped:
		m.mu.Unlock()
		return fail(ErrStopped)
	case j == nil || j.reserved:
		m.mu.Unlock()
		return fail(ErrNotFound)
	}
	j.reserved = true // out of sight, and the name still taken
	op := "remove worker " + name
	m.removes.ops = append(m.removes.ops, op)
	m.mu.Unlock()
	defer m.end(&m.removes, op)

	r := j.endRuns(ErrRemoved)
	free := func() {
		m.mu.Lock()
		delete(m.jobs, name)
		m.mu.Unlock()
	}
	if err := m.unschedule(ctx, j); err != nil {
		m.opts.Logger.Warn("tickwork: engine did not unschedule", "worker", name, "error", err)
	}
	if r == nil {
		m.shutDown(ctx, j)
		free()
		return nil
	}
	m.adopt(r)
	self, _ := ctx.Value(runKey{}).(*run)
	if !m.mayAwait(self, r) { // the rest is done when it returns
		free()
		r.atEnd(func() { m.shutDown(context.Background(), j) })
		return nil
	}
	defer free()
	defer m.awaited(self)
	return m.awaitRemoved(ctx, r)
}

// mayAwait tells whether a run, from inside of which Remove is called, may wait
// for another: not for itself, and not for one that waits for it (CTL-5). Self
// is nil where Remove is called from outside.
func (m *manager) mayAwait(self, other *run) bool {
	if self == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := other; r != nil; {
		if r == self {
			return false
		}
		x := r.peek()
		if x == nil {
			break
		}
		r = x.awaits
	}
	self.more().awaits = other
	return true
}

// awaited ends what mayAwait has allowed.
func (m *manager) awaited(self *run) {
	if self == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	self.more().awaits = nil
}

// awaitRemoved waits for the run of a worker that is removed (CTL-1).
func (m *manager) awaitRemoved(ctx context.Context, r *run) error {
	j := r.job
	if len(awaitRuns([]*run{r}, ctx.Done(), m.cut.Done())) == 0 {
		m.shutDown(ctx, j)
		return nil
	}
	r.stop(ErrRemoved)
	report := &StopError{op: "remove", Err: cmp.Or(ctx.Err(), context.Cause(m.cut))}
	grace, cancel := context.WithTimeout(context.Background(), m.opts.StopGrace)
	defer cancel()
	awaitRuns([]*run{r}, grace.Done(), nil)
	switch {
	case r.abandon(func() { m.shutDown(context.Background(), j) }):
		report.Abandoned = []string{j.worker.Name}
	default:
		report.CutOff = []string{j.worker.Name}
		m.shutDown(context.WithoutCancel(ctx), j)
	}
	if j.long != nil && len(report.Abandoned) == 0 {
		return nil // returning then is its normal end (LNG-1)
	}
	return report
}

// unschedule takes a job from the engine, if it was given to it.
func (m *manager) unschedule(ctx context.Context, j *Job) error {
	m.mu.Lock()
	given := m.up && (j.long == nil || j.led()) && !j.worker.Disabled && !m.opts.Disabled
	m.mu.Unlock()
	if !given {
		return nil
	}
	return m.engine.Unschedule(context.WithoutCancel(ctx), j)
}

// adopt keeps the run of a removed worker in Stop's sight until it is over.
func (m *manager) adopt(r *run) {
	m.mu.Lock()
	m.orphans = append(m.orphans, r)
	m.mu.Unlock()
	r.atEnd(func() {
		m.mu.Lock()
		m.orphans = slices.DeleteFunc(m.orphans, func(o *run) bool { return o == r })
		m.mu.Unlock()
	})
}
