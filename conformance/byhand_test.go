package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A byHand is a small manager written from scratch, over no engine: workers with a
// period, and nothing else.
type byHand struct {
	core.UnimplementedManager
	opts     core.Options
	mu       sync.Mutex
	started  bool
	stopping chan struct{} // closed by Stop
	stopped  chan struct{} // closed when all has ended
	workers  []*handWorker
	all      sync.WaitGroup
}

type handWorker struct {
	core.Worker
	status core.WorkerStatus
	cancel context.CancelCauseFunc // of the run in progress, nil for none
}

var handFeatures = core.Features{Engine: "by hand", Lateness: 50 * time.Millisecond, MinPeriod: time.Millisecond, Lacks: []core.Feature{
	core.FeatureCron, core.FeatureDelay, core.FeatureAnySchedule, core.FeatureLongRunning, core.FeatureTimeout, core.FeatureRetry,
	core.FeatureJitter, core.FeatureMisfire, core.FeatureRunOnStart, core.FeaturePerInstance, core.FeatureAtMostOnce, core.FeatureHooks,
	core.FeatureRemove, core.FeatureReschedule, core.FeatureTrigger, core.FeaturePause, core.FeatureMiddleware, core.FeatureObservers,
	core.FeatureMaxConcurrent, core.FeatureClock, core.FeatureDisabled, core.FeatureSkipCounts,
}}

func newByHand(opts core.Options) (core.Manager, error) {
	if len(opts.Middleware)+len(opts.Observers)+opts.MaxConcurrent > 0 || opts.Disabled {
		return nil, fmt.Errorf("by hand: middleware, observers, a limit and disabled: %w", core.ErrUnsupported)
	}
	if opts.Instance == "" {
		opts.Instance = core.ManualTick("by-hand").ID()
	}
	return &byHand{opts: opts, stopping: make(chan struct{}), stopped: make(chan struct{})}, nil
}

func (m *byHand) Features() core.Features { return handFeatures }

func (m *byHand) isStopping() bool {
	select {
	case <-m.stopping:
		return true
	default:
		return false
	}
}

func (m *byHand) Add(ctx context.Context, w core.Worker) error {
	if ctx == nil {
		return errors.New("by hand: the context is nil")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := handFeatures.Check(w, time.Now()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.isStopping():
		return &core.WorkerError{Op: "add", Worker: w.Name, Err: core.ErrStopped}
	case slices.ContainsFunc(m.workers, func(h *handWorker) bool { return h.Name == w.Name }):
		return &core.WorkerError{Op: "add", Worker: w.Name, Err: core.ErrDuplicate}
	}
	h := &handWorker{Worker: w, status: core.WorkerStatus{Name: w.Name, Schedule: fmt.Sprint(w.Schedule), State: core.StateIdle}}
	m.workers = append(m.workers, h)
	if m.started {
		m.all.Go(func() { m.loop(h, time.Now()) })
	}
	return nil
}

func (m *byHand) Start(ctx context.Context) error {
	if ctx == nil {
		return errors.New("by hand: the context is nil")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.isStopping():
		return core.ErrStopped
	case m.started:
		return core.ErrStarted
	case ctx.Err() != nil:
		close(m.stopping)
		close(m.stopped)
		return ctx.Err()
	}
	m.started = true
	for _, h := range m.workers {
		m.all.Go(func() { m.loop(h, time.Now()) })
	}
	return nil
}

// loop runs a worker's slots, one after the other, until Stop.
func (m *byHand) loop(h *handWorker, now time.Time) {
	for {
		slot := h.Schedule.Next(now)
		m.mu.Lock()
		h.status.Next = slot
		m.mu.Unlock()
		timer := time.NewTimer(time.Until(slot))
		select {
		case <-timer.C:
			m.run(h, slot)
		case <-m.stopping:
			timer.Stop()
			return
		}
		now = time.Now() // what fell due in the run is skipped
		if now.Before(slot) {
			now = slot
		}
	}
}

func (m *byHand) run(h *handWorker, slot time.Time) {
	tick := core.Tick{Worker: h.Name, Slot: slot, Attempt: 1}
	cancellable, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	m.mu.Lock()
	if m.isStopping() {
		m.mu.Unlock()
		return
	}
	h.cancel, h.status.State = cancel, core.StateRunning
	m.mu.Unlock()
	ctx := core.WithRun(cancellable, tick, m.opts.Logger, m.stopping)
	last := &core.LastRun{Tick: tick, Start: time.Now(), Outcome: core.Succeeded, Instance: m.opts.Instance}
	last.Err = core.Contain(ctx, h.Run)
	last.Duration = time.Since(last.Start)
	var crash *core.PanicError
	early := context.Cause(cancellable) != nil || m.isStopping() && errors.Is(last.Err, core.ErrHandedBack)
	cut := early && last.Err != nil && !errors.As(last.Err, &crash)
	if errors.Is(last.Err, core.ErrHandedBack) && !cut {
		last.Err = fmt.Errorf("handed back, and the manager is not stopping: %w", last.Err)
	}
	if last.Err != nil && !cut {
		last.Outcome = core.Failed
		core.Logger(ctx).Error("run failed", "error", last.Err)
		if m.opts.OnError != nil {
			_ = core.Contain(context.WithoutCancel(ctx), func(ctx context.Context) error { m.opts.OnError(ctx, tick, last.Err); return nil })
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h.cancel, h.status.State, h.status.Last = nil, core.StateIdle, last
	h.status.Runs++
	ended := last.Start.Add(last.Duration)
	switch {
	case cut:
		last.Outcome = core.Cancelled
		h.status.Cancelled++
	case last.Err != nil:
		h.status.Failures++
		h.status.ConsecutiveFailures++
		h.status.LastFailure = ended
	default:
		h.status.ConsecutiveFailures = 0
		h.status.LastSuccess = ended
	}
}

func (m *byHand) Workers() (list []core.WorkerStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.workers {
		s := h.status
		if !m.started || s.Next.IsZero() || !s.Next.After(time.Now()) {
			s.Next = h.Schedule.Next(time.Now())
		}
		if s.Last != nil {
			last := *s.Last
			s.Last = &last
		}
		list = append(list, s)
	}
	return list
}

func (m *byHand) Stop(ctx context.Context) error {
	if ctx == nil {
		return errors.New("by hand: the context is nil")
	}
	m.mu.Lock()
	if !m.isStopping() {
		close(m.stopping)
		go func() { m.all.Wait(); close(m.stopped) }()
	}
	m.mu.Unlock()
	if _, inside := core.TickFrom(ctx); inside {
		return nil
	}
	select {
	case <-m.stopped:
		return nil
	case <-ctx.Done():
	}
	var runs []*handWorker
	m.mu.Lock()
	for _, h := range m.workers {
		if h.cancel != nil {
			h.cancel(core.ErrStopping)
			runs = append(runs, h)
		}
	}
	m.mu.Unlock()
	select {
	case <-m.stopped:
	case <-time.After(max(m.opts.StopGrace, time.Second)):
	}
	cut := &core.StopError{Err: ctx.Err()}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range runs {
		if h.cancel == nil {
			cut.CutOff = append(cut.CutOff, h.Name)
		} else {
			cut.Abandoned = append(cut.Abandoned, h.Name)
		}
	}
	return cut
}

// TestByHand: a small manager written from scratch says what it lacks, and keeps all
// other rules.
func TestByHand(t *testing.T) {
	b := Backend{Name: "by hand", Open: newByHand}
	f := features(t, b)
	count := map[Status]int{}
	reasons := map[string]int{}
	for _, c := range suite() {
		v := judge(t, t.Name(), b, c, f, nil)
		count[v.Status]++
		reasons[v.Reason]++
		assert.NotEqual(t, Failed, v.Status, "%s: %s", c.id(), v.First)
	}
	t.Log(count)
	for _, lack := range []core.Feature{core.FeatureMiddleware, core.FeatureObservers, core.FeatureMaxConcurrent, core.FeatureClock, core.FeatureDisabled, core.FeatureSkipCounts} {
		assert.NotZero(t, reasons["the engine lacks "+string(lack)], "cases that are unsupported for %s", lack)
	}
}
