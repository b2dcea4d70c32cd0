package core

import (
	"context"
	"fmt"
)

// Reschedule implements Manager.
func (m *manager) Reschedule(ctx context.Context, name string, s Schedule) error {
	j, err := m.find(ctx, "reschedule", name)
	if err != nil {
		return err
	}
	if field, err := m.replaceSchedule(j, s); err != nil {
		return &WorkerError{Op: "reschedule", Worker: name, Field: field, Err: err}
	}
	return m.schedule(ctx, "reschedule", j)
}

func (m *manager) replaceSchedule(j *Job, s Schedule) (field string, err error) {
	if !m.features.Supports(FeatureReschedule) {
		return "", fmt.Errorf("%s cannot reschedule: %w", m.engineName(), ErrUnsupported)
	}
	if j.long != nil {
		return "", fmt.Errorf("a long-running worker has no schedule to replace: %w", ErrUnsupported)
	}
	if s == nil {
		return "Schedule", bad("is nil: a worker with a schedule does not become a long-running one")
	}
	w := j.Worker()
	w.Schedule = s
	if field, err := w.validate(); err != nil {
		return field, err
	}
	if field, lack := m.features.unsupported(&w); lack != "" {
		return field, fmt.Errorf("%s cannot do %s: %w", m.engineName(), lack, ErrUnsupported)
	}
	if err := tryOut(s, m.opts.Now(), m.features.MinPeriod); err != nil {
		return "Schedule", err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.worker.Schedule = s
	j.finished = false
	j.setBroken(nil)
	j.base = m.opts.Now().UnixNano()
	return "", nil
}

// schedule gives a live job to the engine.
func (m *manager) schedule(ctx context.Context, op string, j *Job) error {
	j.mu.Lock()
	wanted := j.phase == live && (j.long == nil || j.led()) && !j.worker.Disabled && !m.opts.Disabled
	j.mu.Unlock()
	if !wanted {
		return nil
	}
	if err := m.engine.Schedule(ctx, j); err != nil {
		return &WorkerError{Op: op, Worker: j.worker.Name, Err: err}
	}
	j.mu.Lock()
	gone := j.phase != live
	j.mu.Unlock()
	if gone { // removed meanwhile: the engine may have been told that first
		_ = m.engine.Unschedule(context.WithoutCancel(ctx), j) // it is for the Remove to report
	}
	return nil
}

// reschedule gives a Delay's next slot to the engine, after a run.
func (m *manager) reschedule(j *Job) {
	if m.isStopping() {
		return
	}
	if err := m.schedule(context.Background(), "schedule", j); err != nil {
		m.opts.Logger.Error("tickwork: next run not scheduled", "worker", j.worker.Name, "error", err)
	}
}

// rearm is reschedule after a skip, on a goroutine of its own: an engine may report
// a skip while it holds a lock that its Schedule takes. It makes one call at a time
// for a worker, and Stop waits for that call.
func (m *manager) rearm(j *Job) {
	j.mu.Lock()
	x := j.more()
	busy := x.rearms > 0
	x.rearms = min(x.rearms+1, 2)
	j.mu.Unlock()
	op := "schedule worker " + j.worker.Name
	if busy || !m.beginOp(&m.starts, op) {
		return
	}
	go func() {
		defer m.end(&m.starts, op)
		for again := true; again; {
			m.reschedule(j)
			j.mu.Lock()
			x.rearms--
			again = x.rearms > 0
			j.mu.Unlock()
		}
	}()
}
