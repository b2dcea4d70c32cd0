package core

import (
	"context"
	"fmt"
)

// Trigger implements Manager.
func (m *manager) Trigger(ctx context.Context, name string) (tick Tick, err error) {
	j, err := m.control(ctx, "trigger", name, FeatureTrigger)
	if err != nil {
		return Tick{}, err
	}
	switch {
	case j.worker.Disabled || m.opts.Disabled && !j.led(): // only this instance could run it
		err = ErrDisabled
	case j.led():
		err = m.onCluster(ctx, "trigger worker "+name, func(ctx context.Context) (err error) {
			tick, err = m.cluster.Trigger(ctx, j)
			return err
		})
	default:
		tick, err = j.Trigger()
	}
	if err != nil {
		return Tick{}, &WorkerError{Op: "trigger", Worker: name, Err: err}
	}
	return tick, nil
}

// Trigger runs the worker once, now or when the run in progress has ended, also
// while it is paused. It returns the tick that will run; if a trigger already waits,
// that is its tick (CTL-3, CTL-4). It does not wait for the run. It is Manager.Trigger
// on this instance, for an engine whose library has a command to run a job now. The
// error is ErrStopped or ErrNotFound if the worker may not run any more, and
// ErrNotStarted if it may not run yet.
func (j *Job) Trigger() (Tick, error) {
	if j.long != nil {
		return j.restartLong()
	}
	tick := ManualTick(j.worker.Name)
	r := newRun(j, tick, context.Background(), nil)
	j.mu.Lock()
	if err := j.refusal(); err != nil {
		j.mu.Unlock()
		return Tick{}, err
	}
	if c := j.cur; c != nil {
		defer j.mu.Unlock()
		switch x := j.more(); {
		case c.manual() && !c.begun:
			return c.tick(), nil
		case x.pending.Manual == "":
			x.pending = tick
		}
		return j.rare.pending, nil
	}
	j.cur = r
	j.mu.Unlock()
	j.m.begin(r)
	return tick, nil
}

// refusal returns why the worker may not run, or nil if it may. j.mu is held.
func (j *Job) refusal() error {
	switch {
	case j.m.isStopping():
		return ErrStopped
	case j.phase == added:
		return ErrNotStarted
	case j.phase == removed:
		return ErrNotFound
	}
	return nil
}

// Pause implements Manager.
func (m *manager) Pause(ctx context.Context, name string) error {
	return m.setPaused(ctx, "pause", name, true)
}

// Resume implements Manager.
func (m *manager) Resume(ctx context.Context, name string) error {
	return m.setPaused(ctx, "resume", name, false)
}

func (m *manager) setPaused(ctx context.Context, op, name string, paused bool) error {
	j, err := m.control(ctx, op, name, FeaturePause)
	if err != nil {
		return err
	}
	switch {
	case m.cluster != nil:
		do := m.cluster.Resume
		if paused {
			do = m.cluster.Pause
		}
		err = m.onCluster(ctx, op+" worker "+name, func(ctx context.Context) error { return do(ctx, j) })
	case m.opts.Disabled:
		err = ErrDisabled
	case paused && j.isPaused(): // keep the first Pause
	case paused:
		j.SetPaused(&Pause{By: m.opts.Instance, At: m.opts.Now()})
	default:
		j.SetPaused(nil)
	}
	if err != nil {
		return &WorkerError{Op: op, Worker: name, Err: err}
	}
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
