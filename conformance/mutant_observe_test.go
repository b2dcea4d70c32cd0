package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, statusMutants, skipMutants, contextMutants) }

// Where a rule promises what the status shows ("a *PanicError", "skipped with
// reason overlap"), or nothing else shows a case that it is kept (a slot years
// away), that rule fails on a mutant of the status, too. The same goes for the
// mutants of what observers and runs are told.
var statusMutants = []mutant{
	{name: "lists-by-name", breaks: []string{"OBS-1"}, open: reportingOn(func(list []core.WorkerStatus) []core.WorkerStatus {
		slices.SortFunc(list, func(a, b core.WorkerStatus) int { return strings.Compare(a.Name, b.Name) })
		return list
	})},
	{name: "shows-no-schedule", breaks: []string{"OBS-1", "CTL-2"}, open: showing(func(w *core.WorkerStatus) { w.Schedule = "" })},
	{name: "shows-every-scope-as-per-cluster", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) { w.Scope = core.PerCluster })},
	{name: "does-not-show-what-runs", breaks: []string{"OBS-1", "ERR-4", "ERR-5"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateRunning && w.Schedule != "long-running" {
			w.State = core.StateIdle
		}
	})},
	{name: "does-not-show-what-is-done", breaks: []string{"OBS-1", "PER-9"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateDone && w.Schedule != "long-running" {
			w.State = core.StateIdle
		}
	})},
	{name: "does-not-show-what-is-broken", breaks: []string{"PER-9", "OBS-1", "LNG-2"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateBroken {
			w.State = core.StateDone
		}
	})},
	{name: "does-not-show-why-it-is-broken", breaks: []string{"PER-9", "OBS-1", "LNG-2"}, open: showing(func(w *core.WorkerStatus) { w.Err = nil })},
	{name: "shows-no-next-slot", breaks: []string{"OBS-1", "CRN-1", "CRN-2", "PER-1", "PER-11", "PER-2"}, open: showing(func(w *core.WorkerStatus) { w.Next = time.Time{} })},
	{name: "shows-no-next-slot-in-a-run", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) {
		if w.State == core.StateRunning {
			w.Next = time.Time{}
		}
	})},
	{name: "shows-the-slot-as-the-start", breaks: []string{"OBS-1"}, open: showingLast(func(l *core.LastRun) {
		l.Start = l.Tick.Slot.Add(-time.Hour)
	})},
	{name: "shows-the-duration-of-the-last-attempt", breaks: []string{"OBS-1"}, open: showingLast(func(l *core.LastRun) {
		l.Duration /= time.Duration(l.Attempts())
	})},
	{name: "shows-no-duration", breaks: []string{"OBS-1"}, open: showingLast(func(l *core.LastRun) { l.Duration = 0 })},
	{name: "shows-one-attempt", breaks: []string{"OBS-1", "OBS-4"}, open: showingLast(func(l *core.LastRun) { l.Tick.Attempt = 1 })},
	{name: "shows-every-outcome-as-success", breaks: []string{"OBS-1", "ERR-1", "ERR-4", "ERR-6", "OBS-4", "STP-9", "STP-7", "ERR-2"}, open: showingLast(func(l *core.LastRun) { l.Outcome = core.Succeeded })},
	{name: "shows-no-instance", breaks: []string{"OBS-1"}, open: showingLast(func(l *core.LastRun) { l.Instance = "" })},
	{name: "shows-the-same-instance-everywhere", breaks: []string{"OBS-1"}, open: showingLast(func(l *core.LastRun) {
		if l.Instance != "node-7" {
			l.Instance = "localhost"
		}
	})},
	{name: "shows-no-tick", breaks: []string{"OBS-1", "LNG-2"}, open: showingLast(func(l *core.LastRun) { l.Tick = core.Tick{Attempt: l.Tick.Attempt} })},
	{name: "counts-attempts-as-runs", breaks: []string{"OBS-1", "ERR-5"}, open: showing(func(w *core.WorkerStatus) {
		if w.Last != nil {
			w.Runs += uint64(w.Last.Attempts() - 1)
		}
	})},
	{name: "counts-no-failures", breaks: []string{"OBS-1", "ERR-1", "ERR-2", "ERR-3", "STP-9"}, open: showing(func(w *core.WorkerStatus) { w.Failures = 0 })},
	{name: "shows-no-last-success", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) { w.LastSuccess = time.Time{} })},
	{name: "shows-the-last-run-as-the-last-failure", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) {
		if w.Last != nil && !w.LastFailure.IsZero() {
			w.LastFailure = w.Last.Start.Add(w.Last.Duration)
		}
	})},
	{name: "counts-all-failures-as-in-a-row", breaks: []string{"OBS-1"}, open: showing(func(w *core.WorkerStatus) { w.ConsecutiveFailures = w.Failures })},
	{name: "counts-all-runs-as-failures", breaks: []string{"OBS-1", "ERR-1", "ERR-3", "ERR-6", "LNG-1", "ERR-2", "STP-9", "STP-7"}, open: showing(func(w *core.WorkerStatus) { w.Failures = w.Runs })},
	{name: "shows-nothing-after-stop", breaks: []string{"OBS-1", "ERR-1", "ERR-3", "ERR-6", "STP-9", "OBS-2", "STP-7"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			list := a.Manager.Workers()
			for i := range list {
				if a.stopped.Load() {
					list[i] = core.WorkerStatus{Name: list[i].Name}
				}
			}
			return list
		}
	})},
	{name: "shows-its-own-record", breaks: []string{"OBS-1"}, open: func(opts core.Options) (core.Manager, error) {
		records := map[string]*core.LastRun{} // by worker, written over for the next run
		var mu sync.Mutex
		return showing(func(w *core.WorkerStatus) {
			mu.Lock()
			defer mu.Unlock()
			switch r := records[w.Name]; {
			case w.Last == nil:
			case r == nil:
				records[w.Name] = w.Last
			default:
				if r.Tick.ID() != w.Last.Tick.ID() && r.Tick.Worker != "" {
					*r = *w.Last
				}
				w.Last = r
			}
		})(opts)
	}},
}

var skipMutants = []mutant{
	{name: "counts-no-more-than-two-overlaps", breaks: []string{"OBS-2", "PER-5"}, open: showing(func(w *core.WorkerStatus) { w.Skips.Overlap = min(w.Skips.Overlap, 2) })},
	{name: "does-not-count-pauses", breaks: []string{"OBS-2", "CTL-4"}, open: showing(func(w *core.WorkerStatus) { w.Skips.Paused = 0 })},
	{name: "counts-many-missed-as-one", breaks: []string{"OBS-2", "PER-7"}, open: showing(func(w *core.WorkerStatus) { w.Skips.Missed = min(w.Skips.Missed, 1) })},
	{name: "counts-a-pause-as-overlap", breaks: []string{"OBS-2", "CTL-4"}, open: showing(func(w *core.WorkerStatus) {
		w.Skips.Overlap, w.Skips.Paused = w.Skips.Overlap+w.Skips.Paused, 0
	})},
	{name: "does-not-tell-the-observers-of-skips", breaks: []string{"CTL-4", "ERR-3", "OBS-2", "PER-5", "PER-7", "PER-8"}, open: telling(func(e *core.Event) bool { return e.Kind != core.EventSkipped })},
	{name: "tells-the-observers-of-one-slot-where-many-were-missed", breaks: []string{"OBS-2", "PER-5", "PER-7", "PER-8"}, open: telling(func(e *core.Event) bool {
		e.Count = min(e.Count, 1)
		return true
	})},
	{name: "tells-the-observers-no-reason", breaks: []string{"OBS-2", "CTL-4", "PER-5"}, open: telling(func(e *core.Event) bool {
		e.Reason = core.ReasonNone
		return true
	})},
	{name: "gives-the-slot-that-runs-as-the-first-that-was-missed", breaks: []string{"OBS-2"}, open: wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
		if missed.N > 0 {
			missed.First = slot
		}
		e.deliver(job, slot, missed)
	}})},
	{name: "gives-the-slot-that-runs-as-the-last-that-was-missed", breaks: []string{"OBS-2"}, open: wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, missed core.Slots) {
		if missed.N > 0 {
			missed.Last = slot
		}
		e.deliver(job, slot, missed)
	}})},
	{name: "tells-the-observers-the-last-slot-as-the-first", breaks: []string{"OBS-2"}, open: telling(func(e *core.Event) bool {
		if e.Kind == core.EventSkipped {
			e.Tick.Slot = e.Last
		}
		return true
	})},
	{name: "tells-the-observers-no-last-slot", breaks: []string{"OBS-2"}, open: telling(func(e *core.Event) bool {
		e.Last = time.Time{}
		return true
	})},
	{name: "tells-the-observers-no-slot", breaks: []string{"OBS-2", "CTL-4"}, open: telling(func(e *core.Event) bool {
		if e.Kind == core.EventSkipped {
			e.Tick.Slot = time.Time{}
		}
		return true
	})},
	{name: "says-nothing-of-what-falls-due-while-stop-waits", breaks: []string{"PER-5", "PER-8", "OBS-2"}, open: altering(func(a *altered, o *core.Options) {
		for i, observer := range o.Observers {
			o.Observers[i] = func(e core.Event) {
				if e.Kind != core.EventSkipped || !a.stopping.Load() {
					observer(e)
				}
			}
		}
	})},
	{name: "passes-over-what-was-missed-in-silence", breaks: []string{"OBS-2", "PER-7"}, open: wrong(faults{due: func(e *wrongEngine, job *core.Job, slot time.Time, _ core.Slots) {
		e.deliver(job, slot, core.Slots{})
	}})},
}

var contextMutants = []mutant{
	{name: "the-logger-has-no-worker", breaks: []string{"OBS-3"}, open: logging("worker")},
	{name: "the-logger-has-no-tick", breaks: []string{"OBS-3"}, open: logging("tick")},
	{name: "the-logger-has-no-attempt", breaks: []string{"OBS-3"}, open: logging("attempt")},
	{name: "the-logger-is-not-the-managers", breaks: []string{"OBS-3", "ERR-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.around(func(ctx context.Context, run func(context.Context) error) error {
			tick, _ := core.TickFrom(ctx)
			return run(core.WithRun(ctx, tick, discard, core.Stopping(ctx)))
		})
	})},
	{name: "the-logger-is-of-the-first-attempt", breaks: []string{"OBS-3"}, open: func(opts core.Options) (core.Manager, error) {
		opts.Logger = slog.New(stuck{Handler: opts.Logger.Handler()})
		return tweaked(nil, nil)(opts)
	}},
	{name: "the-tick-does-not-say-whose", breaks: []string{"ERR-1", "OBS-3", "OBS-1", "CTL-3", "CTL-4"}, open: retelling(func(t *core.Tick) { t.Worker = "" })},
	{name: "middleware-has-no-tick", breaks: []string{"OBS-3", "ERR-7", "OBS-4", "OBS-2"}, open: tweaked(nil, func(o *core.Options) {
		for i, middleware := range o.Middleware {
			o.Middleware[i] = func(outer context.Context, next func(context.Context) error) error {
				if next == nil {
					return middleware(outer, next)
				}
				return middleware(tickless{outer}, func(ctx context.Context) error {
					if inner, ok := ctx.(tickless); ok {
						return next(inner.Context)
					}
					return next(ctx)
				})
			}
		}
	})},
	{name: "the-error-handler-has-no-tick", breaks: []string{"OBS-3"}, open: handing(func(h errorHandling, ctx context.Context, tick core.Tick, err error) {
		h(tickless{ctx}, tick, err)
	})},
}

// reportingOn returns an Open whose Workers reports otherwise.
func reportingOn(change func([]core.WorkerStatus) []core.WorkerStatus) func(core.Options) (core.Manager, error) {
	return altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus { return change(a.Manager.Workers()) }
	})
}

// showing returns an Open whose Workers shows each worker otherwise.
func showing(change func(*core.WorkerStatus)) func(core.Options) (core.Manager, error) {
	return reportingOn(func(list []core.WorkerStatus) []core.WorkerStatus {
		for i := range list {
			change(&list[i])
		}
		return list
	})
}

// showingLast returns an Open whose Workers shows last runs otherwise.
func showingLast(change func(*core.LastRun)) func(core.Options) (core.Manager, error) {
	return showing(func(w *core.WorkerStatus) {
		if w.Last != nil {
			change(w.Last)
		}
	})
}

// telling returns an Open that tells its observers something else, or nothing.
func telling(change func(*core.Event) bool) func(core.Options) (core.Manager, error) {
	return tweaked(nil, func(o *core.Options) {
		for i, observer := range o.Observers {
			o.Observers[i] = func(e core.Event) {
				if change(&e) {
					observer(e)
				}
			}
		}
	})
}

// logging returns an Open whose loggers leave out an attribute.
func logging(without string) func(core.Options) (core.Manager, error) {
	return tweaked(nil, func(o *core.Options) { o.Logger = slog.New(sparse{o.Logger.Handler(), without}) })
}

// sparse is a slog.Handler that leaves out an attribute of its loggers.
type sparse struct {
	slog.Handler
	without string
}

func (s sparse) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs = slices.DeleteFunc(slices.Clone(attrs), func(a slog.Attr) bool { return a.Key == s.without })
	return sparse{s.Handler.WithAttrs(attrs), s.without}
}

func (s sparse) WithGroup(name string) slog.Handler {
	return sparse{s.Handler.WithGroup(name), s.without}
}

// stuck is a slog.Handler for which every attempt is the first.
type stuck struct{ slog.Handler }

func (s stuck) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs = slices.Clone(attrs)
	for i, a := range attrs {
		if a.Key == "attempt" {
			attrs[i] = slog.Int("attempt", 1)
		}
	}
	return stuck{s.Handler.WithAttrs(attrs)}
}

func (s stuck) WithGroup(name string) slog.Handler { return stuck{s.Handler.WithGroup(name)} }

// tickless is a run's context without a tick.
type tickless struct{ context.Context }

func (t tickless) Value(key any) any {
	if fmt.Sprintf("%T", key) == "core.tickKey" {
		return nil
	}
	return t.Context.Value(key)
}
