package gocron

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Config is the gocron engine's configuration. The zero value is schedulers of the
// engine's own.
type Config struct {
	// Scheduler is one that the program has already. Workers are jobs in it
	// while the manager runs; starting it and shutting it down stay the
	// program's: workers run while it runs, and the manager is stopped before
	// it is shut down. It must go by the real clock, which is gocron's default.
	// Nil is some schedulers that Start makes and Stop shuts down, among which the
	// workers are dealt out.
	Scheduler gocron.Scheduler

	// Tags are put on the gocron job of every worker, after Tag.
	Tags []string `yaml:"tags"`
}

// Tag is on the gocron job of every worker, so that monitors and dashboards can
// tell them from a program's other jobs.
const Tag = "tickwork"

// New returns a manager that runs its workers by gocron's timers. Its error is
// always nil; the signature is that of every backend.
func New(cfg Config, opts core.Options) (core.Manager, error) {
	return core.NewManager(engineFor(cfg, opts), opts), nil
}

// engineFor returns the engine of a manager with these options.
func engineFor(cfg Config, opts core.Options) core.Engine {
	e := newEngine(cfg)
	e.real = opts.Now == nil
	return e
}

// NewEngine returns the engine alone, for those who wrap it.
func NewEngine(cfg Config) core.Engine { return newEngine(cfg) }

func newEngine(cfg Config) *engine {
	return &engine{
		lent: cfg.Scheduler,
		tags: append([]string{Tag}, cfg.Tags...),
	}
}

const (
	// lateness leaves room for a thousand workers that are due at once: gocron
	// takes 20 to 35 µs for each.
	lateness = 100 * time.Millisecond

	// minPeriod is the shortest period that timers of a millisecond keep.
	minPeriod = time.Millisecond

	// own is how many schedulers an engine makes for itself. A gocron scheduler makes
	// its calls one after the other, and each that it makes waits for the one goroutine
	// that keeps its jobs: among four, a thousand that are due at once are called
	// sooner than by one, also on two processors.
	own = 4

	// stopTimeout is how long gocron waits, in a busy loop, for the tasks that
	// are in progress when it is shut down. There are none then.
	stopTimeout = time.Second
)

var (
	errShutDown = errors.New("the gocron scheduler was shut down")
	errRung     = errors.New("rung") // to gocron only
)

// engine keeps an alarm for each job, which is a job in a scheduler of gocron's.
type engine struct {
	lent    gocron.Scheduler   // the program's; nil where the engine has its own
	homes   []gocron.Scheduler // of the alarms: the one that was lent, or the engine's own
	queues  bool               // the one that was lent queues calls
	real    bool               // the instance's clock is known to be the real one
	tags    []string
	host    core.Host
	began   time.Time
	past    time.Time    // what gocron asks after for a new job
	skew    atomic.Int64 // see now
	watcher watcher

	mu       sync.Mutex
	alarms   map[*core.Job]*alarm
	crowd    []int // how many alarms each home has
	stopping bool
	busy     sync.WaitGroup // calls in progress, gocron's and the manager's
	last     view
}

func (e *engine) Features() core.Features {
	return core.Features{Engine: "gocron", Lateness: lateness, MinPeriod: minPeriod}
}

func (e *engine) Start(_ context.Context, host core.Host) error {
	e.host, e.began = host, time.Now()
	e.past = e.began.Add(-time.Second)
	e.alarms = make(map[*core.Job]*alarm)
	if e.lent != nil {
		if e.lent.Jobs() == nil { // an empty list is not nil
			return fmt.Errorf("gocron: start on the scheduler of Config: %w", errShutDown)
		}
		e.homes = []gocron.Scheduler{e.lent}
		e.queues = queues(e.lent)
	} else if err := e.build(); err != nil {
		return err
	}
	e.crowd = make([]int, len(e.homes))
	e.watch()
	return nil
}

// build makes the engine's own schedulers.
func (e *engine) build() error {
	for range own {
		s, err := gocron.NewScheduler(gocron.WithLocation(time.UTC), gocron.WithStopTimeout(stopTimeout))
		if err != nil {
			_ = e.shutDown(context.Background())
			e.homes = nil
			return fmt.Errorf("gocron: make a scheduler: %w", err)
		}
		s.Start()
		e.homes = append(e.homes, s)
	}
	return nil
}

// shutDown shuts the engine's own schedulers down, one after the other: each waits in
// a loop that takes a whole core.
func (e *engine) shutDown(ctx context.Context) (failed error) {
	for _, s := range e.homes {
		if err := s.ShutdownWithContext(ctx); err != nil { // one for all: they have one reason
			failed = fmt.Errorf("gocron: shut its schedulers down: %w", err)
		}
	}
	return failed
}

func (e *engine) Schedule(_ context.Context, job *core.Job) error {
	v, ok := e.enter()
	if !ok {
		return nil // the job is refused whatever it is given
	}
	defer e.busy.Done()
	e.mu.Lock()
	a := e.alarms[job]
	if a == nil {
		home := slices.Index(e.crowd, slices.Min(e.crowd))
		e.crowd[home]++
		a = &alarm{engine: e, job: job, home: home}
		e.alarms[job] = a
	}
	e.mu.Unlock()
	return a.set(v)
}

func (e *engine) Unschedule(_ context.Context, job *core.Job) error {
	e.mu.Lock()
	a := e.alarms[job]
	delete(e.alarms, job)
	if a != nil {
		e.crowd[a.home]--
	}
	e.mu.Unlock()
	if a != nil {
		a.unset()
	}
	return nil
}

// Stop lets the calls in progress return before it turns to gocron, whose own
// wait is a busy loop.
func (e *engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.stopping = true
	alarms := slices.Collect(maps.Values(e.alarms))
	e.mu.Unlock()

	returned := make(chan struct{})
	go func() {
		defer close(returned)
		e.watcher.stop()
		e.busy.Wait()
		if e.lent != nil {
			for _, a := range alarms {
				a.unset()
			}
		}
	}()
	var errs []error
	select {
	case <-returned:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("gocron: a call did not return: %w", context.Cause(ctx)))
	}
	if e.lent == nil {
		errs = append(errs, e.shutDown(ctx))
	}
	return errors.Join(errs...)
}

// arm makes a gocron job for an alarm, and returns its id. It is a new job with
// a new id each time: gocron takes what comes back late from a job that was
// replaced by Update for its successor's, and cancels that one's timer.
func (e *engine) arm(a *alarm, text string, gen uint32) (uuid.UUID, error) {
	task := gocron.NewTask(func() { a.ring(gen) })
	options := []gocron.JobOption{
		gocron.WithName(a.job.Name()),
		gocron.WithTags(e.tags...),
		gocron.WithCronImplementation(a),
		gocron.WithIntervalFromCompletion(), // ask for the next time after the call, not before it
	}
	if e.lent != nil { // undo what the program may have set for all its jobs
		options = append(options,
			gocron.WithDisabledDistributedJobLocker(true),
			gocron.WithStartAt(gocron.WithStartDateTimePast(e.past)),
			gocron.WithLimitedRuns(math.MaxUint),
			gocron.WithDaylightSavingsTimePolicy(gocron.DaylightSavingsTimeDefault))
	} else {
		// For each task that it calls gocron tells its scheduler when that began
		// and when it ended, two messages of more than a µs each, for those who
		// look at its jobs. Nobody can look into the engine's own: it gets a task
		// that it never calls, because the listener before it rings and declines.
		task = gocron.NewTask(func() {})
		options = append(options, gocron.WithEventListeners(
			gocron.BeforeJobRunsSkipIfBeforeFuncErrors(func(uuid.UUID, string) error {
				a.ring(gen)
				return errRung
			})))
	}
	job, err := e.homes[a.home].NewJob(gocron.CronJob(text, true), task, options...)
	if err != nil {
		return uuid.Nil, fmt.Errorf("gocron: schedule %s: %w", a.job.Name(), err)
	}
	if !a.ready() { // the scheduler is not started yet, or it is shut down, which NewJob does not tell
		if _, err := job.NextRun(); err != nil {
			a.disarm(job.ID())
			return uuid.Nil, fmt.Errorf("gocron: schedule %s: %w", a.job.Name(), errShutDown)
		}
	}
	return job.ID(), nil
}

// disarm takes a gocron job away. One that is not there, since the program took
// it away itself or shut the scheduler down, is no error.
func (a *alarm) disarm(id uuid.UUID) {
	if id != uuid.Nil {
		_ = a.engine.homes[a.home].RemoveJob(id)
	}
}
