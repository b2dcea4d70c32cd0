package conformance

import (
	"context"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, endMutants, delayMutants) }

// PER-9.
var endMutants = []mutant{
	{name: "papers-over-a-schedule-that-does-not-advance", breaks: []string{"PER-9", "OBS-1", "PER-5"}, open: swapped(func(w core.Worker) core.Schedule {
		return users(w, func(after, slot time.Time) time.Time {
			if !slot.IsZero() && !slot.After(after) {
				return after.Add(time.Second)
			}
			return slot
		})
	})},
	{name: "takes-a-schedule-that-does-not-advance-for-over", breaks: []string{"PER-9", "OBS-1"}, open: swapped(func(w core.Worker) core.Schedule {
		return users(w, func(after, slot time.Time) time.Time {
			if !slot.After(after) {
				return time.Time{}
			}
			return slot
		})
	})},
	{name: "asks-a-schedule-again-and-again", breaks: []string{"PER-9"}, open: wrong(faults{
		scheduled: func(_ *wrongEngine, job *core.Job) {
			if _, slow := job.Schedule().(hesitant); slow {
				return
			}
			for range 5000 {
				_, _ = job.Next(time.Now())
			}
		},
	})},
	{name: "begins-anew-when-a-schedule-is-over", breaks: []string{"PER-9", "OBS-1", "PER-5"}, open: swapped(func(w core.Worker) core.Schedule {
		return users(w, func(after, slot time.Time) time.Time {
			if slot.IsZero() {
				return after.Add(time.Minute)
			}
			return slot
		})
	})},
	{name: "forgets-workers-that-are-done", breaks: []string{"PER-9", "OBS-1", "PER-5"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return forgetsDone{m}, err
	}},
}

// users changes the Next of a schedule that is the user's own.
func users(w core.Worker, f func(after, slot time.Time) time.Time) core.Schedule {
	switch w.Schedule.(type) {
	case nextOnly, *counted:
		return otherNext{w.Schedule, func(after time.Time) time.Time { return f(after, w.Schedule.Next(after)) }}
	}
	return nil
}

// forgetsDone does not list a worker whose schedule is over.
type forgetsDone struct{ core.Manager }

func (m forgetsDone) Workers() (list []core.WorkerStatus) {
	for _, w := range m.Manager.Workers() {
		if w.State != core.StateDone || w.Schedule == "long-running" {
			list = append(list, w)
		}
	}
	return list
}

// PER-10.
var delayMutants = []mutant{
	{name: "counts-a-delay-from-the-begin-of-a-long-run", breaks: []string{"PER-10"}, open: wrong(faults{
		schedule: func(e *wrongEngine, job *core.Job) bool {
			d, ok := job.Schedule().(core.AfterRun)
			now, last := e.host.Now(), e.lastOf(job)
			if !ok || last.IsZero() || now.Sub(last) < d.Delay() || now.Sub(last) > 2*d.Delay() {
				return false
			}
			e.later(1, job, now, core.Slots{})
			return true
		},
	})},
	{name: "runs-a-delay-at-once-when-added-late", breaks: []string{"PER-10"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return hasty{m}, err
	}},
	{name: "does-not-count-a-delay-from-a-triggered-run", breaks: []string{"PER-10", "CTL-2", "CTL-3"}, open: wrong(faults{
		schedule: func(e *wrongEngine, job *core.Job) bool {
			_, ok := job.Schedule().(core.AfterRun)
			return ok && e.knows(job) && e.lastOf(job).IsZero() // only triggers have run: the alarm stays what it was
		},
	})},
}

// hasty triggers a worker with a delay when it is added to a running manager.
type hasty struct{ core.Manager }

func (m hasty) Add(ctx context.Context, w core.Worker) error {
	err := m.Manager.Add(ctx, w)
	if _, ok := w.Schedule.(core.AfterRun); ok && err == nil {
		_, _ = m.Trigger(ctx, w.Name) // before Start it is refused
	}
	return err
}
