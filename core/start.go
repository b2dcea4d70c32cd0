package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Start implements Manager.
func (m *manager) Start(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("tickwork: start: %w", errNilContext)
	}
	m.mu.Lock()
	switch m.phase {
	case starting, running:
		m.mu.Unlock()
		return fmt.Errorf("tickwork: start: %w", ErrStarted)
	case stopped:
		m.mu.Unlock()
		return fmt.Errorf("tickwork: start: %w", ErrStopped)
	}
	m.phase = starting
	m.starts.ops = append(m.starts.ops, "start")
	m.mu.Unlock()
	defer m.end(&m.starts, "start")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer m.onStopping(func() { cancel(ErrStopping) })()
	if err := m.start(ctx); err != nil {
		m.mu.Lock()
		m.phase = stopped
		m.mu.Unlock()
		return err
	}
	return nil
}

// start connects the engine, runs the hooks, makes the workers live, and runs those
// that run on start. What it has done it undoes if it fails.
func (m *manager) start(ctx context.Context) error {
	if err := m.checkNow(); err != nil {
		return err
	}
	if err := m.features.checkOptions(&m.opts); err != nil {
		return fmt.Errorf("tickwork: start: %w", err)
	}
	if err := m.startEngine(ctx); err != nil {
		return m.stoppedMeanwhile(err)
	}
	started, err := m.startHooks(ctx)
	if err == nil {
		err = m.allLive(ctx, started)
	}
	if err == nil {
		if !m.opts.Disabled {
			close(m.ready)
		}
		for _, j := range started {
			m.runOnStart(j)
		}
		return nil
	}
	m.undo()
	return m.stoppedMeanwhile(err)
}

// allLive makes the jobs live, until one fails.
func (m *manager) allLive(ctx context.Context, jobs []*Job) error {
	for _, j := range jobs {
		if err := m.goLive(ctx, j); err != nil {
			return &WorkerError{Op: "start", Worker: j.worker.Name, Err: err}
		}
	}
	return nil
}

// onStopping has f called when Stop is, until the function that it returns is
// called.
func (m *manager) onStopping(f func()) (forget func()) {
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-m.stopping:
			f()
		case <-over:
		}
	}()
	return func() { close(over); <-done }
}

// stoppedMeanwhile is the error of a Start, or an Add, that Stop has ended.
func (m *manager) stoppedMeanwhile(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop == nil || errors.Is(err, ErrStopped) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStopped, err)
}

func (m *manager) startEngine(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tickwork: start: %w", sound(context.Cause(ctx)))
	}
	if m.opts.Disabled {
		return nil
	}
	ctx, cancel := m.connecting(ctx)
	defer cancel()
	if err := m.connect(ctx); err != nil {
		return fmt.Errorf("tickwork: start: %w", err)
	}
	m.mu.Lock()
	m.engineUp = true
	m.mu.Unlock()
	return nil
}

// connect calls the engine's Start.
func (m *manager) connect(ctx context.Context) error {
	host := Host{
		Logger:   m.opts.Logger.With("engine", m.engineName()),
		Instance: m.opts.Instance,
		Now:      m.opts.Now,
		Broker:   m.broker,
		Ready:    m.ready,
		Room:     m.limit.room,
		Disabled: m.opts.Disabled,
	}
	if err := m.engine.Start(ctx, host); err != nil {
		return sound(err)
	}
	if m.features.Distributed && m.brokerState.CompareAndSwap(brokerUnknown, brokerReached) {
		m.reportBroker(nil)
	}
	return nil
}

// connecting bounds a context within which the broker is to be reached (STA-6).
func (m *manager) connecting(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.opts.ConnectTimeout)
}

// startHooks runs OnStart of every worker in the order of Add, those that the
// hooks add included, and makes the manager running. It returns the jobs whose
// hooks have run, in that order.
func (m *manager) startHooks(ctx context.Context) (started []*Job, err error) {
	for {
		jobs, err := m.unhooked()
		if err != nil || len(jobs) == 0 {
			return started, err
		}
		for _, j := range jobs {
			if err := m.startUp(ctx, j); err != nil {
				return started, &WorkerError{Op: "start", Worker: j.worker.Name, Err: err}
			}
			started = append(started, j)
		}
	}
}

// unhooked returns the jobs whose OnStart was not run yet, in the order of Add.
// When there are none the manager is running.
func (m *manager) unhooked() ([]*Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != starting {
		return nil, fmt.Errorf("tickwork: start: %w", ErrStopped)
	}
	var jobs []*Job
	for _, j := range m.jobs {
		if !j.hooked && !j.reserved {
			jobs = append(jobs, j)
		}
	}
	if len(jobs) == 0 {
		m.phase, m.up = running, true
	}
	slices.SortFunc(jobs, bySeq)
	return jobs, nil
}

// startUp runs a worker's OnStart.
func (m *manager) startUp(ctx context.Context, j *Job) error {
	if j.worker.OnStart != nil && !j.worker.Disabled && !m.opts.Disabled {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer m.onStopping(func() { cancel(ErrStopping) })()
		if err := m.hook(ctx, j, "OnStart", j.worker.OnStart); err != nil {
			return err
		}
	}
	m.mu.Lock()
	j.hooked = true
	m.mu.Unlock()
	if j.isRemoved() { // while its hook ran
		m.shutDown(ctx, j)
	}
	return nil
}

// goLive lets a worker run, whose OnStart has.
func (m *manager) goLive(ctx context.Context, j *Job) error {
	if m.isStopping() {
		return ErrStopped
	}
	j.mu.Lock()
	if j.phase == removed { // meanwhile
		j.mu.Unlock()
		return nil
	}
	j.phase = live
	j.base = m.opts.Now().UnixNano()
	j.mu.Unlock()
	switch {
	case j.worker.Disabled || m.opts.Disabled:
		return nil
	case j.long != nil && !j.led():
		j.leadHere(ManualTick(j.worker.Name))
		return nil
	}
	if err := m.engine.Schedule(ctx, j); err != nil {
		j.endRuns(ErrRemoved)
		return err
	}
	return nil
}

// runOnStart triggers a worker with RunOnStart that has gone live, unless the engine
// decides about that.
func (m *manager) runOnStart(j *Job) {
	if j.worker.RunOnStart && !j.worker.Disabled && !m.opts.Disabled && j.long == nil && !j.led() {
		_, _ = j.Trigger() // it fails if the worker may not run any more
	}
}

// undo takes back a start that failed.
func (m *manager) undo() {
	m.stopFlag.Store(true)
	m.mu.Lock()
	m.up = false
	m.mu.Unlock()
	runs := m.endRuns()
	for _, r := range runs {
		r.stop(ErrStopping)
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.opts.StopGrace)
	defer cancel()
	awaitRuns(runs, ctx.Done(), nil)
	m.cutNow(ErrStopping) // the engine and the hooks have the grace
	if err := m.stopEngine()(); err != nil {
		m.opts.Logger.Warn("tickwork: engine stopped with an error", "error", err)
	}
	m.stopHooks(&StopError{})
	m.runners.stop()
}

// shutDown runs a worker's OnStop, once, if its OnStart was run. Its error is
// logged, and returned for what it says of the hook.
func (m *manager) shutDown(ctx context.Context, j *Job) error {
	m.mu.Lock()
	due := j.hooked && j.worker.OnStop != nil && !j.worker.Disabled && !m.opts.Disabled
	j.hooked = false
	m.mu.Unlock()
	if !due {
		return nil
	}
	err := m.hook(ctx, j, "OnStop", j.worker.OnStop)
	if err != nil {
		m.opts.Logger.Error("tickwork: OnStop failed", "worker", j.worker.Name, "error", err)
	}
	return err
}

// errHookHangs says that a hook ignored the end of its context.
var errHookHangs = errors.New("did not return")

// hook calls a user's hook. It runs on a goroutine of its own, so that one that
// ignores its context's end for longer than the grace does not hold up its
// caller, and a Goexit in it is contained.
func (m *manager) hook(ctx context.Context, j *Job, name string, f func(context.Context) error) error {
	result := isolated(hookContext{ctx, j}, f)
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		timer := time.NewTimer(m.opts.StopGrace)
		defer timer.Stop()
		select {
		case err = <-result:
		case <-timer.C:
			m.hangs(j, result)
			err = fmt.Errorf("%w within %s of the end of its context: %w", errHookHangs, m.opts.StopGrace, sound(context.Cause(ctx)))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, sound(err))
	}
	return nil
}

// hookContext is the context of a hook: it knows whose.
type hookContext struct {
	context.Context
	job *Job
}

func (h hookContext) Value(key any) any {
	if v, ok := h.job.value(key); ok {
		return v
	}
	return h.Context.Value(key)
}

// brokerState is what was last reported about the broker.
type brokerState = int32

const (
	brokerUnknown brokerState = iota
	brokerReached
	brokerAway
)

// broker is Host.Broker. The first connection is reported once: by the engine, or when
// its Start has succeeded.
func (m *manager) broker(err error) {
	state := brokerAway
	if err == nil {
		state = brokerReached
	}
	if m.brokerState.Swap(state) == brokerReached && err == nil {
		return
	}
	m.reportBroker(err)
}

func (m *manager) reportBroker(err error) {
	if err != nil {
		m.opts.Logger.Warn("tickwork: broker out of reach", "engine", m.engineName(), "error", err)
	} else {
		m.opts.Logger.Info("tickwork: broker reached", "engine", m.engineName())
	}
	m.observe(Event{Kind: EventBroker, Err: err, Engine: m.features.Engine, Instance: m.opts.Instance})
}
