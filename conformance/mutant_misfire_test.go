package conformance

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, misfireMutants, jitterMutants) }

// PER-7 and PER-11.
var misfireMutants = []mutant{
	{name: "always-runs-the-latest", breaks: []string{"PER-7"}, open: tweaked(misfiring(core.RunLatest), nil)},
	{name: "never-runs-what-was-missed", breaks: []string{"PER-7"}, open: tweaked(misfiring(core.SkipMissed), nil)},
	{name: "ignores-max-late", breaks: []string{"PER-7", "REG-3"}, open: tweaked(func(w *core.Worker) { w.MaxLate = 0 }, nil)},
	{name: "does-not-count-what-was-missed", breaks: []string{"PER-7", "OBS-2"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, _ core.Slots) { e.deliver(job, slot, core.Slots{}) },
	})},
	{name: "runs-the-first-missed-slot", breaks: []string{"PER-7", "OBS-2"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if missed.N > 0 {
				slot = missed.First
			}
			e.deliver(job, slot, missed)
		},
	})},
	{name: "enumerates-what-was-missed", breaks: []string{"PER-7"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			for at := missed.First; missed.N > 0 && !at.After(missed.Last); at = job.Schedule().Next(at) {
				job.Skip(core.OneSlot(at), core.ReasonMissed)
			}
			e.deliver(job, slot, core.Slots{})
		},
	})},
	{name: "takes-a-single-late-slot-for-punctual", breaks: []string{"PER-7"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if missed.N > 0 {
				e.deliver(job, slot, missed)
				return
			}
			job.Go(context.Background(), job.Tick(slot), nil)
		},
	})},
	{name: "remembers-what-was-before-the-first-start", breaks: []string{"PER-7"}, open: wrong(faults{
		scheduled: func(e *wrongEngine, job *core.Job) {
			i, ok := job.Schedule().(core.Interval)
			if ok && !e.knows(job) && e.host.Now().Minute() > 1 { // most other cases have begun earlier
				job.Skip(core.OneSlot(i.Prev(e.host.Now())), core.ReasonMissed)
			}
		},
	})},

	{name: "repeats-slots-when-the-clock-is-set-back", breaks: []string{"PER-11", "PER-5"}, open: wrong(faults{
		background: func(ctx context.Context, e *wrongEngine) {
			last := e.host.Now()
			every(ctx, 10*time.Second, func() {
				now := e.host.Now()
				if now.Before(last) {
					e.startOver()
				}
				last = now
			})
		},
	})},
	{name: "waits-until-the-clock-is-where-it-was", breaks: []string{"PER-11"}, open: wrong(faults{
		now: func(now func() time.Time) func() time.Time {
			var mu sync.Mutex
			var latest time.Time
			return func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				if t := now(); t.After(latest) {
					latest = t
				}
				return latest
			}
		},
	})},
}

// PER-8.
var jitterMutants = []mutant{
	{name: "has-no-jitter", breaks: []string{"PER-8"}, open: tweaked(func(w *core.Worker) {
		if i, ok := w.Schedule.(core.Interval); w.Schedule != nil && (!ok || w.Jitter < i.Period()) {
			w.Jitter = min(w.Jitter, 0)
		}
	}, nil)},
	{name: "has-another-jitter-at-every-slot", breaks: []string{"PER-8"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			e.later(left(job)*time.Duration(e.count(job)%2), job, slot, missed)
		},
	})},
	{name: "has-another-jitter-on-every-instance", breaks: []string{"PER-8"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			h := fnv.New32a()
			h.Write([]byte(e.host.Instance + job.Name()))
			e.later(left(job)*time.Duration(h.Sum32()%1000)/1000, job, slot, missed)
		},
	})},
	{name: "has-the-same-jitter-for-everyone", breaks: []string{"PER-8"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			e.later(left(job), job, slot, missed)
		},
	})},
	{name: "has-twice-the-jitter", breaks: []string{"PER-8", "OBS-2"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			e.later(job.Worker().Jitter, job, slot, missed)
		},
	})},
	{name: "holds-all-up-after-one-with-jitter", breaks: []string{"PER-8"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			wait := time.Duration(0)
			e.mu.Lock()
			for name, last := range e.last {
				if other := e.jobs[name]; other != nil && other != job && other.Worker().Jitter > time.Second && e.host.Now().Sub(last) > time.Second && e.counts[name] == 0 {
					e.counts[name]++ // once for each
					wait = time.Second / 2
				}
			}
			e.mu.Unlock()
			e.later(wait, job, slot, missed)
		},
	})},
	{name: "moves-the-slot-by-the-jitter", breaks: []string{"PER-8", "PER-1", "OBS-2"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if job.Misfire(slot, missed) {
				job.Go(context.Background(), job.Tick(slot.Add(job.Jitter())), nil)
			}
		},
	})},
}

// left is how much later a job's runs could begin and be within its jitter.
func left(job *core.Job) time.Duration { return job.Worker().Jitter - job.Jitter() }

// misfiring gives a worker another misfire policy, unless its own is to be refused.
func misfiring(m core.Misfire) func(*core.Worker) {
	return func(w *core.Worker) {
		if w.Misfire <= core.SkipMissed {
			w.Misfire = m
		}
	}
}
