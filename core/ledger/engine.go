package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Config is what an engine on a ledger is made of.
type Config struct {
	// Name is the engine's: "nats". Required.
	Name string

	// Store keeps the records. Required.
	Store Store

	// Dispatcher carries a tick that is due to an instance that will claim it.
	// Nil is none: each instance claims at the slot, and one of them gets it.
	Dispatcher Dispatcher

	// Lease is how long a claim holds without being renewed: the instance that
	// has died is found out after that. Zero is DefaultLease. All instances should
	// have the same: while it is changed, one by one, the longer is waited for, but
	// what is said of lost data (CLU-13) and of skewed clocks (CLU-8) is for one lease.
	Lease time.Duration

	// Lateness and MinPeriod are the engine's figures, see core.Features. Zero
	// is 50 and 10 milliseconds.
	Lateness, MinPeriod time.Duration

	// Loses says what the broker can lose (CLU-13). Empty is nothing.
	Loses string
}

// DefaultLease is the lease where none is given.
const DefaultLease = 10 * time.Second

// MaxSkew is how far an instance's clock may be from the broker's. Further than
// that it claims nothing (CLU-8).
const MaxSkew = 5 * time.Second

// NewEngine returns an engine whose instances share a ledger. It does not connect.
// The error has a *core.ConfigError for each invalid field of cfg. If there are several,
// errors.Join has joined them.
func NewEngine(cfg Config) (core.ClusterEngine, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Lease = cmp.Or(cfg.Lease, DefaultLease)
	cfg.Lateness = cmp.Or(cfg.Lateness, 50*time.Millisecond)
	cfg.MinPeriod = cmp.Or(cfg.MinPeriod, 10*time.Millisecond)
	return &engine{
		cfg:        cfg,
		store:      cfg.Store,
		candidates: make(map[string]*candidate),
		parted:     make(map[*candidate]bool),
		told:       make(map[string]State),
		quit:       make(chan struct{}),
		processID:  core.ManualTick("").Manual,
		started:    make(chan struct{}, 1),
	}, nil
}

// check returns an error for each invalid field of cfg.
func (cfg Config) check() error {
	var errs []error
	refuse := func(field, format string, args ...any) {
		errs = append(errs, &core.ConfigError{Engine: cmp.Or(cfg.Name, "ledger"), Field: field, Err: fmt.Errorf(format, args...)})
	}
	if cfg.Name == "" {
		refuse("Name", "is required: the engine's name, as in \"nats\"")
	}
	if isNil(cfg.Store) {
		refuse("Store", "is nil: set the store that the instances share")
	}
	if cfg.Dispatcher != nil && isNil(cfg.Dispatcher) {
		refuse("Dispatcher", "is a nil pointer: leave it out if there is no dispatcher")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"Lease", cfg.Lease}, {"Lateness", cfg.Lateness}, {"MinPeriod", cfg.MinPeriod}} {
		if d.value < 0 {
			refuse(d.field, "must not be negative, got %s", d.value)
		}
	}
	return errors.Join(errs...)
}

// isNil returns whether v is nil, or a nil pointer in an interface.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// engine is the rules of the cluster, over a Store.
type engine struct {
	cfg       Config
	store     Store
	watches   bool // the store is a Watcher
	host      core.Host
	clock     *core.Clock
	queue     *queue
	renewer   *queue // renews leases without waiting for the other operations
	sender    *queue // dispatches: a thousand slots that are due at once do not delay the claims
	timers    *timers
	pulse     pulse
	loaded    atomic.Bool     // the records of the workers that came with Start were read
	reserved  atomic.Int64    // the places for runs that are being claimed
	life      context.Context // ends when nothing may go on
	end       context.CancelFunc
	quit      chan struct{} // closed by Stop
	processID string        // tells processes with the same instance name apart
	started   chan struct{} // of capacity one: starts has a new element
	loops     sync.WaitGroup

	mu         sync.Mutex
	candidates map[string]*candidate
	parted     map[*candidate]bool // removed, and still holding a lease
	told       map[string]State    // what a Watcher told of workers that are not here
	starts     []*onStart          // the workers of which runOnStart has not decided whether to trigger them, in the order of Add
	ready      bool                // Start has scheduled its workers
	changed    bool                // the roster has
	stopping   bool
	holds      int           // leases held, or being claimed, and writes to be told of, before Stop returns
	released   chan struct{} // closed when holds is zero; made by Stop
}

// atOnce bounds the operations on the broker at a time.
const atOnce = 256

// The figures that follow from the lease.
func (e *engine) beatEvery() time.Duration { return max(e.cfg.Lease/10, time.Millisecond) }
func (e *engine) loadEvery() time.Duration { return max(e.cfg.Lease/4, time.Millisecond) }

// pace is the lease, but no longer than the default one: what is waited for beside
// a lease, when it has lapsed or the broker has been away, does not grow with it.
func (e *engine) pace() time.Duration      { return min(e.cfg.Lease, DefaultLease) }
func (e *engine) opTimeout() time.Duration { return max(e.pace()/5, time.Millisecond) }
func (e *engine) soon() time.Duration      { return max(e.pace()/10, time.Millisecond) }

// failover is the declared figure: a lease, and what may pass until its end is
// noticed. Where changes are told of that is a sweep, and after an outage a request
// that nobody has answered and the pause after it, too. Where they are read, it is a
// quarter of the lease besides: all records are, and for a long lease not more often.
func (e *engine) failover() time.Duration {
	half := e.cfg.Lease / 2
	if _, watches := e.store.(Watcher); watches {
		half = e.pace() / 2
	}
	return e.cfg.Lease + half
}

// margin is how long before its lease ends a run is given up.
func (e *engine) margin() time.Duration { return e.cfg.Lease / 10 }

// quiet is how long nothing is claimed after the ledger's data began, so that
// instances which know of an earlier life of it can say so (CLU-13).
func (e *engine) quiet() time.Duration { return e.cfg.Lease / 5 }

func (e *engine) Features() core.Features {
	return core.Features{
		Engine:      e.cfg.Name,
		Distributed: true,
		Memory:      true,
		Lateness:    e.cfg.Lateness,
		MinPeriod:   e.cfg.MinPeriod,
		Failover:    e.failover(),
		Reroute:     e.fallback() + e.loadEvery() + time.Second,
		Loses:       e.cfg.Loses,
	}
}

// Start connects to the broker, and joins the cluster unless the manager is disabled.
// On a disabled manager it may be called again after it failed.
func (e *engine) Start(ctx context.Context, host core.Host) error {
	e.host = host
	if err := e.store.Open(ctx, host); err != nil {
		return fmt.Errorf("%s: %w", e.cfg.Name, err)
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.queue, e.renewer, e.sender = &queue{limit: atOnce}, &queue{limit: atOnce}, &queue{limit: atOnce}
	e.timers = &timers{}
	e.clock = core.NewClock(host.Now, e.due)
	e.pulse.start(time.Now())
	begin := e.join
	if host.Disabled {
		begin = e.startDispatcher // the registry does not list an instance that runs nothing
	}
	if err := begin(ctx); err != nil {
		e.clock.Stop()
		e.shut()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opTimeout())
		defer cancel()
		return errors.Join(fmt.Errorf("%s: join the cluster: %w", e.cfg.Name, err), e.store.Close(closing))
	}
	return nil
}

// startDispatcher starts the dispatcher, if there is one.
func (e *engine) startDispatcher(ctx context.Context) error {
	if e.cfg.Dispatcher == nil {
		return nil
	}
	return e.cfg.Dispatcher.Start(ctx, e.host, inbox{e})
}

// join enters the instance in the registry, and starts what takes part in the cluster.
func (e *engine) join(ctx context.Context) error {
	if err := e.firstBeat(ctx); err != nil {
		return err
	}
	if err := e.awaitQuiet(ctx); err != nil {
		return err
	}
	if w, ok := e.store.(Watcher); ok {
		e.watches = true
		ready, failed := make(chan struct{}), make(chan error, 1)
		e.loops.Go(func() {
			isReady := sync.OnceFunc(func() { close(ready) })
			failed <- w.Watch(e.life, e.learn, isReady)
			for e.life.Err() == nil { // it should not have returned
				select {
				case <-time.After(e.loadEvery()):
				case <-e.life.Done():
					return
				}
				e.loadAll(e.life)
				if err := w.Watch(e.life, e.learn, isReady); err != nil {
					e.contacted(err)
				}
			}
		})
		select {
		case <-ready:
		case err := <-failed:
			return fmt.Errorf("watch the records: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := e.startDispatcher(ctx); err != nil {
		return err
	}
	e.loops.Go(e.awaitWorkers)
	e.loops.Go(e.runOnStart)
	e.loops.Go(e.heartbeat)
	e.loops.Go(e.sweep)
	return nil
}

// awaitWorkers waits until the instance has the workers that come with Start. What is
// known of them is read at once, if it can be: many records take long one by one.
func (e *engine) awaitWorkers() {
	select {
	case <-e.host.Ready:
	case <-e.life.Done():
		return
	}
	e.mu.Lock()
	e.ready, e.changed = true, true
	e.mu.Unlock()
	if e.cfg.Dispatcher != nil {
		e.loadAll(e.life)
		e.loaded.Store(true)
	}
}

// Schedule implements core.Engine.
func (e *engine) Schedule(_ context.Context, job *core.Job) error {
	w := job.Worker()
	if w.Scope == core.PerInstance {
		if c, again := e.enter(job); !again {
			e.submit(c) // whether it is paused
		}
		e.clock.Set(job)
		return nil
	}
	c, again := e.enter(job)
	switch {
	case again:
		c.rescheduled(e.host.Now())
	case w.RunOnStart, job.LongRunning():
		e.addStart(c)
	}
	if !job.LongRunning() && c.settled() {
		e.clock.Set(job)
	}
	e.submit(c)
	return nil
}

// enter makes this instance a candidate for running a worker, and tells whether
// it was one already.
func (e *engine) enter(job *core.Job) (c *candidate, again bool) {
	e.mu.Lock()
	old := e.candidates[job.Name()]
	if old != nil && old.job == job {
		e.mu.Unlock()
		return old, true
	}
	c = newCandidate(e, job)
	e.candidates[job.Name()] = c
	e.changed = true
	told := e.told[job.Name()]
	delete(e.told, job.Name())
	e.mu.Unlock()
	if old != nil {
		old.leave()
	}
	if e.watches {
		c.take(told)
	}
	return c, false
}

// Unschedule implements core.Engine. A lease that is held is released when the
// run ends.
func (e *engine) Unschedule(_ context.Context, job *core.Job) error {
	e.clock.Unset(job)
	e.mu.Lock()
	c := e.candidates[job.Name()]
	if c != nil && c.job == job {
		delete(e.candidates, job.Name())
		e.changed = true
	}
	e.mu.Unlock()
	if c != nil && c.job == job {
		c.leave()
	}
	return nil
}

// find returns the candidate of a name, or nil.
func (e *engine) find(name string) *candidate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.candidates[name]
}

// all returns the candidates.
func (e *engine) all() []*candidate {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*candidate, 0, len(e.candidates))
	for _, c := range e.candidates {
		list = append(list, c)
	}
	return list
}

// holders returns the candidates, and those removed which still hold a lease.
func (e *engine) holders() []*candidate {
	list := e.all()
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.parted {
		list = append(list, c)
	}
	return list
}

// part keeps a removed candidate in sight while it holds a lease.
func (e *engine) part(c *candidate, holds bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if holds {
		e.parted[c] = true
	} else {
		delete(e.parted, c)
	}
}

// due is the clock's: a slot of a job has come.
func (e *engine) due(job *core.Job, slot time.Time, missed core.Slots) {
	c := e.find(job.Name())
	switch {
	case c == nil || c.job != job:
	case c.local:
		if job.Misfire(slot, missed) {
			job.Go(context.Background(), job.Tick(slot), nil) // the manager cancels it
		}
	case c.passes(slot) && e.cfg.Dispatcher == nil:
	case e.cfg.Dispatcher != nil && e.isSkewed(): // it is for those whose clocks are right
	case e.cfg.Dispatcher != nil:
		c.dispatch(slot) // also what is passed over: the queue's own tools show it
	default:
		e.timers.after(c.courtesy(slot), func() {
			c.mu.Lock()
			c.refresh()
			c.mu.Unlock()
			e.submit(c)
		})
	}
}

// submit has a candidate looked at.
func (e *engine) submit(c *candidate) {
	if e.life.Err() != nil {
		return
	}
	c.mu.Lock()
	queued := c.queued
	c.queued = true
	c.mu.Unlock()
	if !queued {
		e.queue.add(func() { e.process(c) })
	}
}

// op returns a context for one operation on the broker.
func (e *engine) op(parent context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(parent, e.opTimeout())
}

// read reads the states of workers, as one operation, which began at sent.
func (e *engine) read(ctx context.Context, workers ...string) (states []State, sent time.Time, err error) {
	op, cancel := e.op(ctx)
	defer cancel()
	sent = time.Now()
	states, err = e.store.Load(op, workers)
	e.contacted(err)
	return states, sent, err
}
