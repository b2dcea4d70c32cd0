package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// stop is the one stop of a manager, which every call of Stop waits for.
type stop struct {
	done chan struct{}
	err  error // once done
}

// Stop implements Manager.
func (m *manager) Stop(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("tickwork: stop: %w", errNilContext)
	}
	s := m.beginStop()
	if j, ok := ctx.Value(jobKey{}).(*Job); ok && j.m == m {
		return nil // from inside: who waited here would wait for itself
	}
	select {
	case <-s.done:
		return s.err
	default:
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		m.cutNow(ctx.Err())
		<-s.done
	}
	return s.err
}

// beginStop makes every run that would begin from now on be refused, ends Start
// and Add where they are in progress, and has the rest done by a goroutine.
func (m *manager) beginStop() *stop {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		return m.stop
	}
	m.stopFlag.Store(true)
	close(m.stopping)
	m.phase = stopped
	s := &stop{done: make(chan struct{})}
	m.stop = s
	go func() {
		defer close(s.done)
		s.err = m.shutdown()
		m.cutNow(nil)
	}()
	return s
}

// shutdown is the stop itself.
func (m *manager) shutdown() error {
	report := &StopError{}
	m.endRuns() // the long-running end while Start and Add unwind
	report.Unfinished = m.await(&m.starts)
	runs := m.endRuns()
	m.mu.Lock()
	up := m.up
	m.mu.Unlock()
	var err error
	if up {
		stopEngine := m.stopEngine()
		m.awaitRuns(runs, report)
		report.Unfinished = append(report.Unfinished, m.await(&m.removes)...)
		err = stopEngine()
		m.stopHooks(report)
		m.runners.stop()
	}
	m.leftovers(report)
	if errors.Is(err, errEngineHangs) {
		err = nil // leftovers names it
	}
	if len(report.CutOff)+len(report.Abandoned)+len(report.Unfinished) == 0 {
		return err
	}
	report.Err = context.Cause(m.cut)
	if err == nil {
		return report
	}
	return errors.Join(report, err)
}

// leftovers adds to the report the hooks and the engine's Stop that have not returned.
// A Start that failed may have called them.
func (m *manager) leftovers(report *StopError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.hanging {
		if !slices.Contains(report.Abandoned, j.worker.Name) {
			report.Abandoned = append(report.Abandoned, j.worker.Name)
		}
	}
	if m.engineHangs {
		report.Unfinished = append(report.Unfinished, "stop of engine "+m.engineName())
	}
}

// endRuns keeps every worker from running again, and returns the runs in
// progress, in the order of Add.
func (m *manager) endRuns() []*run {
	m.mu.Lock()
	jobs := make([]*Job, 0, len(m.jobs))
	for _, j := range m.jobs {
		jobs = append(jobs, j)
	}
	runs := slices.Clone(m.orphans)
	m.mu.Unlock()
	for _, j := range jobs {
		if r := j.endRuns(ErrStopping); r != nil {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b *run) int { return bySeq(a.job, b.job) })
	return runs
}

// endRuns keeps the worker from running again, and returns the run in progress.
// A long-running one is cancelled with the cause at once (LNG-1); one that
// waits between two attempts makes no more (STP-7); one that waits for its turn
// is refused.
func (j *Job) endRuns(cause error) *run {
	j.mu.Lock()
	j.phase = removed
	j.takePending()
	j.stopRetry()
	r := j.cur
	if r != nil && r.begun && j.long == nil && !j.led() {
		if x := r.await(); x.since.IsZero() {
			x.since = j.m.opts.Now()
		}
	}
	j.mu.Unlock()
	switch {
	case r == nil:
		if j.long != nil {
			j.endLead(Result{Outcome: Refused})
		}
		return nil
	case j.m.limit.drop(r):
		r.release(Result{Outcome: Refused})
		return nil
	case j.long != nil:
		r.stop(cause)
	default:
		r.noMore()
	}
	return r
}

// awaitRuns waits for the runs; at the cut it cancels those that are left, and
// after the grace gives them up (STP-2, STP-3).
func (m *manager) awaitRuns(runs []*run, report *StopError) {
	left := awaitRuns(runs, m.cut.Done(), nil)
	if len(left) == 0 {
		return
	}
	for _, r := range left {
		r.stop(ErrStopping)
	}
	grace, cancel := context.WithTimeout(context.Background(), m.opts.StopGrace)
	defer cancel()
	awaitRuns(left, grace.Done(), nil)
	for _, r := range left {
		j := r.job
		switch {
		case r.abandon(func() { m.shutDown(context.Background(), j) }):
			report.Abandoned = append(report.Abandoned, j.worker.Name)
		case j.long == nil:
			report.CutOff = append(report.CutOff, j.worker.Name)
		}
	}
}

// awaitRuns waits for runs until one of two channels is closed, and returns
// those in progress then.
func awaitRuns(runs []*run, enough, orEnough <-chan struct{}) (left []*run) {
	for _, r := range runs {
		over := r.waitable()
		select {
		case <-over:
			continue
		default:
		}
		select {
		case <-over:
		case <-enough:
			left = append(left, r)
		case <-orEnough:
			left = append(left, r)
		}
	}
	return left
}

// stopEngine has the engine stop, if it is up, while the runs end, and returns a
// function that waits for it: without a limit, or for the grace after the cut.
func (m *manager) stopEngine() (wait func() error) {
	m.mu.Lock()
	up := m.engineUp
	m.mu.Unlock()
	if !up { // a disabled manager that had no reason to start it
		return func() error { return nil }
	}
	return m.endEngine()
}

// endEngine is stopEngine of an engine whose Start has succeeded.
func (m *manager) endEngine() (wait func() error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	result := make(chan error, 1)
	go func() { result <- m.engine.Stop(ctx) }()
	return func() (err error) {
		defer cancel(nil)
		select {
		case err = <-result:
		case <-m.cut.Done():
			timer := time.NewTimer(m.opts.StopGrace)
			defer timer.Stop()
			select {
			case err = <-result:
			case <-timer.C:
				cancel(ErrStopping)
				timer.Reset(m.opts.StopGrace)
				select {
				case err = <-result:
				case <-timer.C:
					m.mu.Lock()
					m.engineHangs = true
					m.mu.Unlock()
					err = errEngineHangs
				}
			}
		}
		if err != nil {
			return fmt.Errorf("tickwork: stop: engine %s: %w", m.engineName(), err)
		}
		return nil
	}
}

// errEngineHangs is the error of an engine's Stop that ignored the end of its context.
var errEngineHangs = errors.New("did not stop within the grace after the end of its context")

// stopHooks runs OnStop in reverse order of Add (STP-5). That of a worker whose
// run was given up is called when the run returns at last.
func (m *manager) stopHooks(report *StopError) {
	jobs := m.inOrder()
	for _, j := range slices.Backward(jobs) {
		if slices.Contains(report.Abandoned, j.worker.Name) {
			continue
		}
		if err := m.stopHook(j); errors.Is(err, errHookHangs) {
			report.Abandoned = append(report.Abandoned, j.worker.Name)
		}
	}
}

// stopHook runs one OnStop: until the cut, or, once that was, for the grace.
func (m *manager) stopHook(j *Job) error {
	if m.cut.Err() == nil {
		return m.shutDown(m.cut, j)
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.opts.StopGrace)
	defer cancel()
	return m.shutDown(ctx, j)
}

// tally lists the operations in progress that Stop waits for. m.mu guards it.
type tally struct {
	ops  []string      // what each does: "start", "remove worker w"
	zero chan struct{} // closed when the last operation ends; made by await
}

// beginOp enters an operation, unless the manager is stopped.
func (m *manager) beginOp(t *tally, op string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase == stopped {
		return false
	}
	t.ops = append(t.ops, op)
	return true
}

// end ends an operation.
func (m *manager) end(t *tally, op string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(t.ops, op)
	t.ops = slices.Delete(t.ops, i, i+1)
	if len(t.ops) == 0 && t.zero != nil {
		close(t.zero)
	}
}

// await waits until no operation is in progress. None begins after Stop was called, and
// those in progress end soon, because their runs and hooks are ended or given up. If the
// engine hangs in one, await gives up two graces and a second after the cut, and returns
// the operations that have not ended.
func (m *manager) await(t *tally) (unfinished []string) {
	m.mu.Lock()
	if len(t.ops) == 0 {
		m.mu.Unlock()
		return nil
	}
	zero := make(chan struct{})
	t.zero = zero
	m.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-m.cut.Done():
	}
	timer := time.NewTimer(2*m.opts.StopGrace + time.Second)
	defer timer.Stop()
	select {
	case <-zero:
		return nil
	case <-timer.C:
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(t.ops)
}

// hangs lists a worker in m.hanging, for Stop to report, until its hook returns. The hook
// has ignored the end of its context.
func (m *manager) hangs(j *Job, returned <-chan error) {
	m.mu.Lock()
	m.hanging = append(m.hanging, j)
	m.mu.Unlock()
	go func() {
		<-returned //nolint:errcheck // nobody waits for the hook any more
		m.mu.Lock()
		defer m.mu.Unlock()
		i := slices.Index(m.hanging, j)
		m.hanging = slices.Delete(m.hanging, i, i+1)
	}()
}
