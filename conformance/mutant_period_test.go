package conformance

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, periodMutants) }

// PER-1 to PER-6.
var periodMutants = []mutant{
	{name: "counts-long-periods-from-its-start", breaks: []string{"PER-1", "OBS-1"}, open: swapped(func(w core.Worker) core.Schedule {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period() > 6*time.Hour {
			return i.Offset(time.Duration(time.Now().UnixNano() % int64(i.Period())))
		}
		return nil
	})},
	{name: "counts-weeks-from-the-year-one", breaks: []string{"PER-1"}, open: swapped(func(w core.Worker) core.Schedule {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period()%(7*24*time.Hour) == 0 {
			return otherNext{i, func(after time.Time) time.Time { return after.UTC().Truncate(i.Period()).Add(i.Period()) }}
		}
		return nil
	})},
	{name: "ignores-a-negative-offset", breaks: []string{"PER-1", "OBS-1"}, open: swapped(func(w core.Worker) core.Schedule {
		if i, ok := w.Schedule.(core.Interval); ok && strings.Contains(i.String(), "offset -") {
			return i.Offset(0)
		}
		return nil
	})},
	{name: "slots-in-the-hosts-zone", breaks: []string{"PER-1", "CRN-2", "OBS-3", "OBS-2"}, open: wrong(faults{
		due: func(_ *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			tick := job.Tick(slot)
			tick.Slot = slot.In(time.FixedZone("host", 9*60*60))
			if job.Misfire(slot, missed) {
				job.Go(context.Background(), tick, nil)
			}
		},
	})},
	{name: "runs-a-slot-at-its-start", breaks: []string{"PER-1", "PER-3"}, open: wrong(faults{
		scheduled: func(e *wrongEngine, job *core.Job) {
			now := e.host.Now()
			slot, err := job.Next(now.Add(-1))
			if err == nil && slot.Equal(now) && now.Minute() > 0 && !e.knows(job) { // at midnight all cases start
				e.deliver(job, slot, core.Slots{})
			}
		},
	})},

	{name: "wakes-up-by-the-millisecond", breaks: []string{"PER-2", "PER-4"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if s, ok := job.Schedule().(otherNext); ok {
				slot = s.Schedule.Next(slot.Add(-1))
			}
			e.deliver(job, slot, missed)
		}})(opts)
		return tweak{m, swap(func(w core.Worker) core.Schedule {
			i, ok := w.Schedule.(core.Interval)
			if !ok || i.Period() < time.Second || i.Next(time.Unix(0, 0)).Nanosecond()%int(time.Millisecond) == 0 {
				return nil
			}
			return otherNext{i, func(after time.Time) time.Time { return i.Next(after.Add(time.Millisecond)).Truncate(time.Millisecond) }}
		})}, err
	}},
	{name: "now-and-then-later-than-it-declares", breaks: []string{"PER-2", "PER-4", "PER-8"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if e.size() == 1 && e.count(job) == 4 {
				e.later(2*declared.Lateness, job, slot, missed)
				return
			}
			e.deliver(job, slot, missed)
		},
	})},
	{name: "takes-its-clock-for-right", breaks: []string{"PER-2", "ERR-3"}, open: wrong(faults{
		now: func(now func() time.Time) func() time.Time {
			wrong := time.Until(now())
			return func() time.Time { return now().Add(-wrong) }
		},
	})},

	{name: "repeats-a-slot-when-rescheduled", breaks: []string{"PER-3", "PER-11", "CTL-2"}, open: wrong(faults{
		scheduled: func(e *wrongEngine, job *core.Job) {
			if s, ok := job.Schedule().(core.Interval); ok && e.knows(job) {
				e.deliver(job, s.Prev(e.host.Now()), core.Slots{})
			}
		},
	})},
	{name: "loses-slots-of-fifty-workers", breaks: []string{"PER-3"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if e.size() != 50 || e.count(job) != 2 {
				e.deliver(job, slot, missed)
			}
		},
	})},
	{name: "swaps-two-slots-of-fifty-workers", breaks: []string{"PER-3"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if e.size() == 50 {
				switch e.count(job) {
				case 1:
					slot = slot.Add(time.Minute)
				case 2:
					slot = slot.Add(-time.Minute)
				}
			}
			e.deliver(job, slot, missed)
		},
	})},

	{name: "drifts", breaks: []string{"PER-4"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			e.later(time.Duration(e.count(job)-100)*time.Millisecond, job, slot, missed)
		},
	})},
	{name: "rounds-the-period-to-a-millisecond", breaks: []string{"PER-4"}, open: swapped(func(w core.Worker) core.Schedule {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period() > time.Second && i.Period()%time.Millisecond != 0 {
			return core.Every(i.Period().Truncate(time.Millisecond))
		}
		return nil
	})},

	{name: "runs-beside-a-triggered-run", breaks: []string{"PER-5"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if !job.Misfire(slot, missed) {
				return
			}
			first := e.count(job) == 0
			job.Go(context.Background(), job.Tick(slot), func(r core.Result) {
				if first && r.Outcome == core.Skipped && r.Reason == core.ReasonOverlap {
					ctx := core.WithRun(context.Background(), job.Tick(slot), discard, nil)
					e.done.Go(func() { _ = job.Worker().Run(ctx) })
				}
			})
		},
	})},
	{name: "makes-up-for-an-overlap", breaks: []string{"PER-5", "OBS-2"}, open: wrong(faults{
		due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
			if !job.Misfire(slot, missed) {
				return
			}
			third := e.count(job) == 2
			job.Go(context.Background(), job.Tick(slot), func(r core.Result) {
				if third && r.Outcome == core.Skipped && r.Reason == core.ReasonOverlap {
					e.later(job.Schedule().Next(slot).Sub(slot)*3/4, job, slot, core.Slots{})
				}
			})
		},
	})},
	{name: "loses-count-of-overlaps", breaks: []string{"PER-5", "OBS-2"}, open: reported(func(s *core.WorkerStatus) {
		s.Skips.Overlap = min(s.Skips.Overlap, 3)
	})},

	{name: "does-not-run-on-start", breaks: []string{"PER-6", "PER-10", "OBS-4"}, open: tweaked(func(w *core.Worker) { w.RunOnStart = false }, nil)},
	{name: "runs-twice-when-added-late", breaks: []string{"PER-6"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return twice{m}, err
	}},
	{name: "takes-a-resume-for-a-start", breaks: []string{"PER-6"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return &restarter{Manager: m}, err
	}},
}

// reported is a native manager whose status is changed on the way out.
func reported(f func(*core.WorkerStatus)) func(core.Options) (core.Manager, error) {
	return func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return reporter{m, f}, err
	}
}

type reporter struct {
	core.Manager
	f func(*core.WorkerStatus)
}

func (r reporter) Workers() []core.WorkerStatus {
	list := r.Manager.Workers()
	for i := range list {
		r.f(&list[i])
	}
	return list
}

// twice triggers a worker that runs on start once more, when it is added to a
// running manager.
type twice struct{ core.Manager }

func (m twice) Add(ctx context.Context, w core.Worker) error {
	err := m.Manager.Add(ctx, w)
	if err == nil && w.RunOnStart {
		time.Sleep(time.Millisecond)  // not while the run at the start is in progress
		_, _ = m.Trigger(ctx, w.Name) // before Start it is refused
	}
	return err
}

// restarter triggers workers that run on start when they are resumed.
type restarter struct {
	core.Manager
	onStart sync.Map // the names of workers that run on start
}

func (r *restarter) Add(ctx context.Context, w core.Worker) error {
	if w.RunOnStart && !w.Disabled {
		r.onStart.Store(w.Name, true)
	}
	return r.Manager.Add(ctx, w)
}

func (r *restarter) Resume(ctx context.Context, name string) error {
	err := r.Manager.Resume(ctx, name)
	if _, ok := r.onStart.Load(name); ok && err == nil {
		time.Sleep(time.Millisecond) // not while the run at the start is in progress
		_, err = r.Trigger(ctx, name)
	}
	return err
}
