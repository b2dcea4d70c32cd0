package core

import (
	"context"
	"hash/fnv"
	"sync"
	"time"
)

// A Job is a worker as its engine sees it: what to deliver, and where to. The
// manager makes it; the engine calls Go or Run for each tick, and Skip for each
// slot that it passes over. Its methods may be called from any goroutine.
//
// There may be a million of them, none of which is in a cache when its slot
// comes. So a job is one object of four cache lines (layout_test.go), and what
// few jobs need is apart: rare, long.
type Job struct {
	worker spec   // worker.Schedule is guarded by mu
	seq    uint64 // the order of Add
	m      *manager

	alarm  alarm // the Clock's
	jitter int64

	mu       sync.Mutex
	phase    phase
	paused   bool
	finished bool // the schedule is over, or the long-running worker is done

	// Guarded by m.mu.
	reserved bool // being added to the running manager, or being removed
	hooked   bool // OnStart was run, and OnStop is due

	// Guarded by mu again.
	cur  *run  // in progress, or waiting for its turn
	base int64 // when the worker started or was rescheduled, or a Delay's last run ended
	long *longRunning
	history
}

// phase is where a job is in its life.
type phase uint8

const (
	added   phase = iota // registered, or its OnStart in progress
	live                 // may run
	removed              // may not run any more
)

func newJob(m *manager, w Worker, seq uint64) *Job {
	j := &Job{m: m, worker: specOf(w), seq: seq, jitter: int64(jitterOf(w.Name, w.Jitter))}
	if w.Schedule == nil {
		j.long = &longRunning{}
	}
	return j
}

// jitterOf derives a delay in [0, limit] from a name (PER-8).
func jitterOf(name string, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return time.Duration(mix(h.Sum64()) % (uint64(limit) + 1))
}

// mix spreads a hash over all its bits (the finalizer of MurmurHash3): FNV's
// high bits hardly differ for names that differ in their last letter alone.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Name returns the worker's name.
func (j *Job) Name() string { return j.worker.Name }

// Worker returns a copy of the worker, with its present schedule.
func (j *Job) Worker() Worker {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.worker.worker()
}

// Schedule returns the worker's present schedule, which is never nil for a job
// that an engine was given.
func (j *Job) Schedule() Schedule {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.worker.Schedule
}

// isRemoved tells whether the worker was removed, or its manager stops.
func (j *Job) isRemoved() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.phase == removed
}

// LongRunning tells whether the worker has no schedule. Only a ClusterEngine is
// given such a job.
func (j *Job) LongRunning() bool { return j.long != nil }

// Jitter returns how long after each slot its run is to begin (PER-8).
func (j *Job) Jitter() time.Duration { return time.Duration(j.jitter) }

// Next returns the next slot after a time; zero where there is none. For a Delay
// it is the one that follows the last run's end on this instance, whatever the
// time, and none while a run is in progress. The error is the schedule's
// misbehaviour (PER-9), which is to be reported with Broke.
func (j *Job) Next(after time.Time) (time.Time, error) {
	j.mu.Lock()
	s, base, busy := j.worker.Schedule, j.base, j.cur != nil
	j.mu.Unlock()
	switch d, ok := s.(AfterRun); {
	case s == nil:
		return time.Time{}, nil
	case !ok:
		return next(s, after)
	case busy || base == 0:
		return time.Time{}, nil
	default:
		return d.Next(time.Unix(0, base)), nil
	}
}

// Tick returns the tick of a slot.
func (j *Job) Tick(slot time.Time) Tick {
	return Tick{Worker: j.worker.Name, Slot: slot.Round(0).UTC(), Attempt: 1}
}

// Misfire applies the worker's misfire policy to a slot that is due and to those
// before it that were missed, as CatchUp and a Clock report them (PER-7). It returns
// whether the engine must deliver the slot. It counts and reports as skipped the missed
// slots, and the slot itself if the policy does not run it.
func (j *Job) Misfire(slot time.Time, missed Slots) (deliver bool) {
	if missed.N > 0 || j.worker.Misfire == SkipMissed || j.worker.MaxLate > 0 {
		return j.misfire(slot, missed)
	}
	return true
}

func (j *Job) misfire(slot time.Time, missed Slots) (deliver bool) {
	late := j.m.opts.Now().Sub(slot) - time.Duration(j.jitter)
	switch w := &j.worker; {
	case w.Misfire == SkipMissed && (missed.N > 0 || late > j.m.missedAfter),
		w.MaxLate > 0 && late > w.MaxLate:
		j.Skip(missed.With(slot), ReasonMissed)
		return false
	case missed.N > 0:
		j.Skip(missed, ReasonMissed)
	}
	return true
}

// Skip counts and reports slots that were not run and will not run (OBS-2). It
// must be called once for each slot, on one instance of the cluster. If slots is empty
// it does nothing.
func (j *Job) Skip(slots Slots, reason SkipReason) {
	if slots.N > 0 {
		j.skip(j.Tick(slots.First), slots, reason)
	}
}

// SkipTick is Skip for one tick, which may be a manual one.
func (j *Job) SkipTick(tick Tick, reason SkipReason) { j.skip(tick, slotOf(tick), reason) }

// slotOf returns the slot of a tick as Slots. The slot of a manual tick is zero.
func slotOf(tick Tick) Slots { return OneSlot(tick.Slot) }

func (j *Job) skip(tick Tick, slots Slots, reason SkipReason) {
	j.mu.Lock()
	delay := j.skipLocked(reason, slots.N)
	j.notePassed(slots.Last)
	j.mu.Unlock()
	j.skipped(tick, slots, reason, delay)
}

// skipLocked counts the skip. It returns whether a Delay's next slot counts from now,
// because no run is in progress from whose end it could count. j.mu is held.
func (j *Job) skipLocked(reason SkipReason, n int) (rearm bool) {
	j.more().skips.add(reason, n)
	if !isDelay(j.worker.Schedule) || j.cur != nil || j.phase != live {
		return false
	}
	j.base = j.m.opts.Now().UnixNano()
	return true
}

// notePassed notes in the run in progress that a slot was skipped. j.mu is held.
func (j *Job) notePassed(slot time.Time) {
	if j.cur != nil && !slot.IsZero() {
		j.cur.more().passed = slot
	}
}

// skipped logs a skip and notifies the observers. Tick is the tick of the first slot.
// j.mu is not held.
func (j *Job) skipped(tick Tick, slots Slots, reason SkipReason, rearm bool) {
	j.m.logSkip(tick, slots, reason)
	if len(j.m.opts.Observers) > 0 {
		e := j.event(EventSkipped, tick)
		e.Last, e.Reason, e.Count = slots.Last.UTC(), reason, slots.N
		j.m.observe(e)
	}
	if rearm {
		j.m.rearm(j)
	}
}

// passed counts the slots that fell due since Stop or Remove began to wait for a run
// that has just ended: no engine delivers them, and they overlapped with it (PER-5). If
// the clock was set back by up to a minute, neither the run's own slot nor one that was
// skipped during the run is counted again (PER-11).
func (j *Job) passed(r *run, since time.Time) {
	s, jitter := j.Schedule(), j.Jitter()
	until := j.m.opts.Now().Add(-jitter)
	after := since.Add(-jitter)
	for _, slot := range [...]time.Time{r.tick().Slot, r.more().passed} {
		if slot.After(after) && slot.Sub(after) <= time.Duration(rewind) {
			after = slot
		}
	}
	first, err := next(s, after)
	if err != nil || first.IsZero() || first.After(until) || isDelay(s) {
		return
	}
	slot, before, _, err := CatchUp(s, first, until)
	if err != nil {
		return
	}
	reason := ReasonOverlap
	j.mu.Lock()
	if j.paused {
		reason = ReasonPaused
	}
	j.mu.Unlock()
	j.Skip(before.With(slot), reason)
}

// Run delivers a tick and waits for its end. It is Go for an engine that has a
// goroutine to spare.
func (j *Job) Run(ctx context.Context, tick Tick) Result {
	result := make(chan Result, 1)
	j.Go(ctx, tick, func(r Result) { result <- r })
	return <-result
}

// Go delivers a tick: it claims the worker, starts the run on a goroutine and
// returns. Done, if not nil, is called once with the outcome, by which the
// engine acknowledges the tick, hands it back or drops it; it must not block
// for long, and may be called before Go returns. Cancelling ctx cancels the
// run, with ctx's cause.
//
// A slot that comes while the worker runs or is paused is Skipped. Ticks of one
// worker run in the order of the calls.
//
// A delivery to a long-running worker lasts through its restarts, see
// ClusterEngine.
func (j *Job) Go(ctx context.Context, tick Tick, done func(Result)) {
	tick.Attempt = 1
	if j.long != nil {
		j.lead(ctx, tick, done)
		return
	}
	r := newRun(j, tick, ctx, done)
	j.mu.Lock()
	result, rearm := j.claim(r)
	j.mu.Unlock()
	switch result.Outcome {
	case 0:
		j.m.begin(r)
		return
	case Skipped:
		j.skipped(tick, slotOf(tick), result.Reason, rearm)
	}
	if done != nil {
		done(result)
	}
}

// claim makes r the run in progress, or says why not. j.mu is held.
func (j *Job) claim(r *run) (result Result, rearm bool) {
	switch {
	case j.phase != live || j.m.isStopping():
		return Result{Outcome: Refused}, false
	case j.paused && !r.manual():
		j.notePassed(r.tick().Slot)
		return Result{Outcome: Skipped, Reason: ReasonPaused}, j.skipLocked(ReasonPaused, 1)
	case j.cur != nil:
		j.notePassed(r.tick().Slot)
		return Result{Outcome: Skipped, Reason: ReasonOverlap}, j.skipLocked(ReasonOverlap, 1)
	}
	j.cur = r
	return Result{}, false
}

// SetPaused makes the job skip its slots, and cancels the run of a long-running worker
// (CTL-4, LNG-1). SetPaused(nil) ends that. A ClusterEngine calls it when it learns of
// a Pause or a Resume on any instance. The status shows p.
func (j *Job) SetPaused(p *Pause) {
	paused := p != nil
	j.mu.Lock()
	j.paused = paused
	if paused || j.rare != nil {
		j.more().pause = p
	}
	var cancel *run
	if paused && j.long != nil {
		j.stopRetry()
		j.long.failures = 0
		cancel = j.cur
	}
	j.mu.Unlock()
	switch {
	case cancel != nil:
		cancel.stop(ErrPaused)
	case j.long == nil:
	case paused:
		j.endLead(Result{Outcome: Cancelled})
	default:
		j.resumeLong()
	}
}

func (j *Job) isPaused() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.paused
}

// Ran records a run that ended on another instance, for the worker's status
// (OBS-1). One that began before the last known is not recorded.
func (j *Job) Ran(last LastRun) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if known, ok := j.lastRun(last.Start); !ok || last.Start.After(known.Start) {
		j.more().last = &last
		switch over := last.Start.Add(last.Duration); last.Outcome {
		case Succeeded:
			j.succeeded(false, over)
		case Failed:
			j.failed(over)
		}
	}
}

// LastRun returns the last run that ended, here or, as Ran has told, elsewhere.
func (j *Job) LastRun() (last LastRun, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lastRun(j.m.opts.Now())
}

// DelayFrom says when a Delay's next slot counts from (PER-10), in place of
// what is known here. The engine sets its clock anew by itself. The zero time says
// that a run is in progress elsewhere: there is no next slot yet.
func (j *Job) DelayFrom(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.base = 0; !at.IsZero() {
		j.base = at.UnixNano()
	}
}

// Waiting tells whether a run was delivered and waits for its turn, under
// MaxConcurrent.
func (j *Job) Waiting() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cur != nil && !j.cur.begun
}

// Over ends the job's schedule: it has no next slot (PER-9). A Clock reports
// that by itself.
func (j *Job) Over() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.finished = true
}

// Broke ends the job's schedule with an error: it misbehaved (PER-9). A Clock
// reports what it finds by itself; an engine that asks the schedule by other
// means reports it here.
func (j *Job) Broke(err error) {
	j.settle(time.Time{}, err)
	j.reportBroken(Tick{Worker: j.worker.Name}, scheduleBroke, err)
}

// settle records the answer of the schedule when it was asked for its next slot: whether
// it goes on, is over, or misbehaved.
func (j *Job) settle(slot time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.finished = err != nil || slot.IsZero() && !isDelay(j.worker.Schedule)
	j.setBroken(err)
}

// Why a worker broke.
const (
	scheduleBroke = "its schedule misbehaved"
	failedForGood = "it failed for good"
)

// reportBroken reports once that the worker broke, in the log and as an event.
func (j *Job) reportBroken(tick Tick, why string, err error) {
	j.m.opts.Logger.Error("tickwork: worker stopped: "+why, "worker", j.worker.Name, "error", err)
	e := j.event(EventBroken, tick)
	e.Err = err
	j.m.observe(e)
}
