package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// wrongEngine is the native engine with places to go wrong in.
type wrongEngine struct {
	faults

	host core.Host
	stop context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	clock  *core.Clock
	jobs   map[string]*core.Job
	timers []*time.Timer
	counts map[string]int       // deliveries by job
	last   map[string]time.Time // the last slot that was delivered, by job
}

// faults are what is wrong. A nil function is the right way.
type faults struct {
	// now changes the wall clock that the engine reads.
	now func(func() time.Time) func() time.Time
	// scheduled is called before a job is scheduled, anew or for the first time.
	scheduled func(e *wrongEngine, job *core.Job)
	// schedule is called to schedule a job; where it returns false the clock does.
	schedule func(e *wrongEngine, job *core.Job) bool
	// due delivers a slot.
	due func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots)
	// background runs until the engine stops.
	background func(ctx context.Context, e *wrongEngine)
}

// wrong returns what opens managers over an engine that is wrong in one way.
func wrong(f faults) func(core.Options) (core.Manager, error) {
	return func(opts core.Options) (core.Manager, error) {
		return core.NewManager(&wrongEngine{faults: f}, opts), nil
	}
}

// declared is what native says of itself.
var declared = core.Features{Engine: "wrong", Lateness: 50 * time.Millisecond, MinPeriod: time.Millisecond}

func (e *wrongEngine) Features() core.Features { return declared }

func (e *wrongEngine) Start(_ context.Context, host core.Host) error {
	e.host, e.jobs, e.counts, e.last = host, map[string]*core.Job{}, map[string]int{}, map[string]time.Time{}
	if e.now != nil {
		e.host.Now = e.now(host.Now)
	}
	e.clock = core.NewClock(e.host.Now, e.call)
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	if e.background != nil {
		e.done.Go(func() { e.background(ctx, e) })
	}
	return nil
}

func (e *wrongEngine) Schedule(_ context.Context, job *core.Job) error {
	if e.scheduled != nil {
		e.scheduled(e, job)
	}
	if e.faults.schedule != nil && e.faults.schedule(e, job) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.jobs[job.Name()] = job
	e.clock.Set(job)
	return nil
}

func (e *wrongEngine) Unschedule(_ context.Context, job *core.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.jobs, job.Name())
	e.clock.Unset(job)
	return nil
}

func (e *wrongEngine) Stop(context.Context) error {
	e.stop()
	e.done.Wait()
	e.clock.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, timer := range e.timers {
		timer.Stop()
	}
	return nil
}

func (e *wrongEngine) call(job *core.Job, slot time.Time, missed core.Slots) {
	if e.due != nil {
		e.due(e, job, slot, missed)
		return
	}
	e.deliver(job, slot, missed)
}

// deliver is the right way.
func (e *wrongEngine) deliver(job *core.Job, slot time.Time, missed core.Slots) {
	e.mu.Lock()
	e.last[job.Name()] = slot
	e.mu.Unlock()
	if job.Misfire(slot, missed) {
		job.Go(context.Background(), job.Tick(slot), nil)
	}
}

// size returns how many jobs are scheduled.
func (e *wrongEngine) size() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.jobs)
}

// knows tells whether the job was scheduled before.
func (e *wrongEngine) knows(job *core.Job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.jobs[job.Name()] == job
}

// lastOf returns the last slot of a job that was delivered.
func (e *wrongEngine) lastOf(job *core.Job) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[job.Name()]
}

// later delivers after a while.
func (e *wrongEngine) later(d time.Duration, job *core.Job, slot time.Time, missed core.Slots) {
	if d <= 0 {
		e.deliver(job, slot, missed)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timers = append(e.timers, time.AfterFunc(d, func() { e.deliver(job, slot, missed) }))
}

// count returns how many slots of a job came before this one.
func (e *wrongEngine) count(job *core.Job) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[job.Name()]++
	return e.counts[job.Name()] - 1
}

// startOver forgets what was scheduled and schedules it from the present on.
func (e *wrongEngine) startOver() {
	e.clock.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clock = core.NewClock(e.host.Now, e.call)
	for _, job := range e.jobs {
		e.clock.Set(job)
	}
}

// every runs f again and again.
func every(ctx context.Context, d time.Duration, f func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// swapped is a native manager that runs its workers by another schedule than
// theirs, where f returns one.
func swapped(f func(w core.Worker) core.Schedule) func(core.Options) (core.Manager, error) {
	return tweaked(swap(f), nil)
}

// swap gives a worker another schedule, where f returns one. A worker that is to
// be refused is left alone.
func swap(f func(w core.Worker) core.Schedule) func(*core.Worker) {
	return func(w *core.Worker) {
		if v, ok := w.Schedule.(interface{ Validate() error }); ok && v.Validate() != nil {
			return
		}
		if i, ok := w.Schedule.(core.Interval); ok && w.Jitter >= i.Period() {
			return
		}
		if s := f(*w); s != nil {
			w.Schedule = s
		}
	}
}

// otherNext is a schedule with another Next.
type otherNext struct {
	core.Schedule
	next func(time.Time) time.Time
}

func (a otherNext) Next(after time.Time) time.Time { return a.next(after) }

func (a otherNext) String() string {
	if s, ok := a.Schedule.(interface{ String() string }); ok {
		return s.String()
	}
	return "otherNext"
}
