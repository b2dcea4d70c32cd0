package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// NewManager returns a manager whose ticks the engine delivers. The engine is
// the manager's from then on, and serves no other.
func NewManager(engine Engine, opts Options) Manager {
	opts = opts.withDefaults()
	logger, runLogger := safeLoggers(opts.Logger)
	now, checkNow := containNow(opts.Now, logger)
	opts.Logger, opts.Now = logger, now
	m := &manager{
		engine:    engine,
		opts:      opts,
		runLogger: runLogger,
		checkNow:  checkNow,
		features:  engine.Features(),
		jobs:      make(map[string]*Job),
		stopping:  make(chan struct{}),
		ready:     make(chan struct{}),
		reaching:  make(chan struct{}, 1),
	}
	m.cluster, _ = engine.(ClusterEngine)
	m.cut, m.cutNow = context.WithCancelCause(context.Background())
	m.missedAfter = max(MissedAfter, m.features.Lateness)
	if opts.MaxConcurrent > 0 {
		m.limit = &limit{free: opts.MaxConcurrent, start: m.runners.start}
	}
	return m
}

// manager is the Manager over an Engine. Locks are taken in the order m.mu,
// Job.mu, and neither is held while foreign code runs: the engine's, a
// schedule's, a hook's, an observer's.
type manager struct {
	engine      Engine
	cluster     ClusterEngine // the engine, if it is one
	opts        Options       // with a Logger and a Now that do not panic
	runLogger   *slog.Logger  // the same log, for runs and hooks
	checkNow    func() error  // returns an error if Options.Now panics
	features    Features
	missedAfter time.Duration
	limit       *limit // nil without MaxConcurrent
	runners     runners
	stopping    chan struct{} // closed when Stop is called
	ready       chan struct{} // closed when Start has scheduled the workers; never if the manager is disabled
	reaching    chan struct{} // of capacity one: a disabled manager starts its engine
	stopFlag    atomic.Bool   // the same, cheaper to read
	brokerState atomic.Int32  // a brokerState
	cut         context.Context
	cutNow      context.CancelCauseFunc // ends cut: Stop's patience is over

	mu      sync.Mutex
	phase   managerPhase
	up      bool            // Start has succeeded
	jobs    map[string]*Job // by name, those being added too
	seq     uint64
	starts  tally  // Start, the Adds, the rearms, and a disabled manager's calls of onCluster
	removes tally  // the Removes in progress
	hanging []*Job // jobs with a hook that ignored the end of its context and has not returned
	stop    *stop  // nil until Stop
	orphans []*run // runs of workers that were removed

	engineUp    bool // the engine's Start has succeeded
	engineHangs bool // its Stop was given up
}

// managerPhase is where a manager is in its life; it goes forward only.
type managerPhase uint8

const (
	fresh    managerPhase = iota // workers are registered
	starting                     // Start is in progress
	running
	stopped // Stop was called, or Start failed
)

func (m *manager) isStopping() bool { return m.stopFlag.Load() }

// Features implements Manager.
func (m *manager) Features() Features { return m.features }

// Workers implements Manager.
func (m *manager) Workers() []WorkerStatus {
	jobs := m.inOrder()
	now := m.opts.Now()
	list := make([]WorkerStatus, len(jobs))
	for i, j := range jobs {
		list[i] = j.status(now)
	}
	return list
}

// inOrder returns the jobs in the order of Add, without those that are being
// added to the running manager.
func (m *manager) inOrder() []*Job {
	m.mu.Lock()
	jobs := make([]*Job, 0, len(m.jobs))
	for _, j := range m.jobs {
		if !j.reserved {
			jobs = append(jobs, j)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(jobs, bySeq)
	return jobs
}

// bySeq orders jobs by their Add.
func bySeq(a, b *Job) int { return cmp.Compare(a.seq, b.seq) }

// find returns a worker's job for an operation on it.
func (m *manager) find(ctx context.Context, op, name string) (*Job, error) {
	if ctx == nil {
		return nil, &WorkerError{Op: op, Worker: name, Err: errNilContext}
	}
	if err := ctx.Err(); err != nil {
		return nil, &WorkerError{Op: op, Worker: name, Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.jobs[name]
	switch {
	case m.phase == stopped:
		return nil, &WorkerError{Op: op, Worker: name, Err: ErrStopped}
	case j == nil || j.reserved:
		return nil, &WorkerError{Op: op, Worker: name, Err: ErrNotFound}
	}
	return j, nil
}

// Add implements Manager.
func (m *manager) Add(ctx context.Context, w Worker) error {
	field, err := m.add(ctx, w)
	if err != nil {
		return &WorkerError{Op: "add", Worker: w.Name, Field: field, Err: err}
	}
	return nil
}

func (m *manager) add(ctx context.Context, w Worker) (field string, err error) {
	if ctx == nil {
		return "", errNilContext
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if field, err := m.features.check(&w, m.opts.Now()); err != nil {
		return field, err
	}
	m.mu.Lock()
	if m.phase == stopped {
		m.mu.Unlock()
		return "", ErrStopped
	}
	if m.jobs[w.Name] != nil {
		m.mu.Unlock()
		return "", ErrDuplicate
	}
	m.seq++
	j := newJob(m, w, m.seq)
	m.jobs[w.Name] = j
	if m.phase != running { // Start takes it from here
		m.mu.Unlock()
		return "", nil
	}
	j.reserved = true
	op := "add worker " + w.Name
	m.starts.ops = append(m.starts.ops, op)
	m.mu.Unlock()
	defer m.end(&m.starts, op)

	if err = m.startUp(ctx, j); err == nil {
		if err = m.goLive(ctx, j); err != nil {
			m.takeBack(ctx, j)
		} else {
			m.runOnStart(j)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	j.reserved = false
	if err != nil {
		delete(m.jobs, w.Name)
		if m.stop != nil && !errors.Is(err, ErrStopped) {
			err = fmt.Errorf("%w: %w", ErrStopped, err)
		}
	}
	return "", err
}

// takeBack ends a worker that was to be added and could not be. It may be live, and a
// run in progress.
func (m *manager) takeBack(ctx context.Context, j *Job) {
	r := j.endRuns(ErrRemoved)
	if r == nil {
		m.shutDown(context.WithoutCancel(ctx), j)
		return
	}
	m.adopt(r)
	r.atEnd(func() { m.shutDown(context.Background(), j) })
}

// begin starts a claimed run, now or when it is its turn.
func (m *manager) begin(r *run) {
	if m.limit != nil && r.job.long == nil {
		m.limit.enter(r)
		return
	}
	m.runners.start(r)
}

func (m *manager) engineName() string {
	if m.features.Engine == "" {
		return "this engine"
	}
	return m.features.Engine
}
