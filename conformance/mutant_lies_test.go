package conformance

import (
	"context"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, overlapMutants, lieMutants) }

// overlapMutants count slots that fall due in a run otherwise. The fewer are
// says-nothing-of-what-falls-due-while-stop-waits.
var overlapMutants = []mutant{
	{name: "counts-the-slot-of-the-run-that-stop-waits-for-as-an-overlap", breaks: []string{"PER-5", "PER-8", "OBS-2"}, open: altering(func(a *altered, o *core.Options) {
		for i, observer := range o.Observers {
			o.Observers[i] = func(e core.Event) {
				observer(e)
				if e.Kind == core.EventEnded && a.stopping.Load() && e.Tick.Manual == "" {
					e.Kind, e.Reason, e.Count, e.Last = core.EventSkipped, core.ReasonOverlap, 1, e.Tick.Slot
					observer(e)
				}
			}
		}
	})},
	{name: "counts-a-slot-that-comes-again-as-an-overlap", breaks: []string{"PER-5", "PER-11"}, open: wrong(faults{background: func(ctx context.Context, e *wrongEngine) {
		seen := e.host.Now()
		every(ctx, 5*time.Second, func() { // some cases last a year
			now := e.host.Now()
			back := now.Before(seen)
			if seen = now; !back {
				return
			}
			e.mu.Lock()
			var again []*core.Job
			for name, job := range e.jobs {
				if e.last[name].After(now) {
					again = append(again, job)
				}
			}
			e.mu.Unlock()
			for _, job := range again {
				job.Skip(core.OneSlot(e.lastOf(job)), core.ReasonOverlap)
			}
		})
	}})},
}

// lieMutants believe what methods of a schedule other than Next return.
var lieMutants = []mutant{
	{name: "asks-a-schedule-that-is-over-again-and-again", breaks: []string{"PER-9"}, open: swapped(func(w core.Worker) core.Schedule {
		s, ok := w.Schedule.(*counted)
		if !ok {
			return nil
		}
		return otherNext{s, func(after time.Time) time.Time {
			slot := s.Next(after)
			for i := 0; slot.IsZero() && i < 1000; i++ {
				slot = s.Next(after)
			}
			return slot
		}}
	})},
	{name: "believes-a-schedules-prev", breaks: []string{"PER-9"}, open: wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
		if s, ok := job.Schedule().(lyingSchedule); ok && s.prev != nil && e.host.Now().Sub(slot) > time.Hour {
			slot = s.Prev(e.host.Now())
		}
		e.deliver(job, slot, missed)
	}})},
	{name: "believes-a-schedules-count", breaks: []string{"OBS-2"}, open: wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
		if s, ok := job.Schedule().(lyingSchedule); ok && missed.N > 0 {
			missed.N = s.Count(missed.First, slot)
		}
		e.deliver(job, slot, missed)
	}})},
	{name: "believes-a-schedules-string", breaks: []string{"PER-9"}, open: swapped(func(w core.Worker) core.Schedule {
		if s, ok := w.Schedule.(lyingSchedule); ok && s.String() == "every 24h" {
			return core.Every(24 * time.Hour)
		}
		return nil
	})},
	{name: "believes-a-schedules-validate", breaks: []string{"PER-9"}, open: swapped(func(w core.Worker) core.Schedule {
		if s, ok := w.Schedule.(approved); ok && s.verdict == nil {
			return core.Every(time.Minute)
		}
		return nil
	})},
	{name: "does-not-ask-a-schedules-validate", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if s, ok := w.Schedule.(approved); ok {
			w.Schedule = s.Schedule
		}
	}, nil)},
}
