package core

import (
	"context"
	"fmt"
)

// Trigger implements Manager.
func (m *manager) Trigger(ctx context.Context, name string) error {
	j, err := m.control(ctx, "trigger", name, FeatureTrigger)
	if err != nil {
		return err
	}
	if j.worker.Disabled || m.opts.Disabled {
		return &WorkerError{Op: "trigger", Worker: name, Err: ErrDisabled}
	}
	if j.led() {
		return cluster(ctx, "trigger", j, m.cluster.Trigger)
	}
	j.Trigger()
	return nil
}

// cluster has the engine do what is to hold for every instance.
func cluster(ctx context.Context, op string, j *Job, do func(context.Context, *Job) error) error {
	if err := do(ctx, j); err != nil {
		return &WorkerError{Op: op, Worker: j.worker.Name, Err: err}
	}
	return nil
}

// Trigger runs the worker once, now or when the run in progress has ended, also
// while it is paused; those that come while one waits are one (CTL-3, CTL-4). It
// does not wait for the run. It is Manager.Trigger on this instance, for an engine
// whose library lets people ask for a run. A worker that may not run any more
// does not.
func (j *Job) Trigger() {
	if j.long != nil {
		j.restartLong()
		return
	}
	r := newRun(j, ManualTick(j.worker.Name), context.Background(), nil)
	j.mu.Lock()
	if c := j.cur; c != nil {
		waiting := c.manual() && !c.begun
		j.pending = j.pending || !waiting
		j.mu.Unlock()
		return
	}
	result, _ := j.claim(r)
	j.mu.Unlock()
	if result.Outcome == 0 {
		j.m.begin(r)
	}
}

// Pause implements Manager.
func (m *manager) Pause(ctx context.Context, name string) error {
	j, err := m.control(ctx, "pause", name, FeaturePause)
	if err != nil {
		return err
	}
	if m.cluster != nil && !m.opts.Disabled {
		return cluster(ctx, "pause", j, m.cluster.Pause)
	}
	j.SetPaused(true)
	return nil
}

// Resume implements Manager.
func (m *manager) Resume(ctx context.Context, name string) error {
	j, err := m.control(ctx, "resume", name, FeaturePause)
	if err != nil {
		return err
	}
	if m.cluster != nil && !m.opts.Disabled {
		return cluster(ctx, "resume", j, m.cluster.Resume)
	}
	j.SetPaused(false)
	return nil
}

// control finds the job for an operation that wants a started manager.
func (m *manager) control(ctx context.Context, op, name string, f Feature) (*Job, error) {
	j, err := m.find(ctx, op, name)
	if err != nil {
		return nil, err
	}
	if !m.features.Supports(f) {
		return nil, &WorkerError{Op: op, Worker: name, Err: fmt.Errorf("%s cannot %s: %w", m.engineName(), op, ErrUnsupported)}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == fresh || m.phase == starting {
		return nil, &WorkerError{Op: op, Worker: name, Err: ErrNotStarted}
	}
	return j, nil
}
