package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, registrationMutants) }

var registrationMutants = []mutant{
	{name: "ticks-from-add-on", breaks: []string{"REG-1", "STA-1", "PER-7", "CTL-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if err == nil && !a.starting.Load() {
				time.AfterFunc(time.Minute, func() {
					if !a.starting.Load() {
						_ = w.Run(context.Background())
					}
				})
			}
			return err
		}
	})},
	{name: "lists-from-start-on", breaks: []string{"REG-1", "REG-3", "REG-4", "CTL-1", "OBS-1"}, open: altering(func(a *altered, _ *core.Options) {
		a.workers = func() []core.WorkerStatus {
			if a.started.Load() {
				return a.Manager.Workers()
			}
			return nil
		}
	})},

	{name: "add-does-not-wait-for-on-start", breaks: []string{"REG-2", "STP-4", "ERR-3", "REG-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			hook := w.OnStart
			if hook == nil || w.Disabled || !a.started.Load() {
				return a.Manager.Add(ctx, w)
			}
			w.OnStart = nil
			err := a.Manager.Add(ctx, w)
			if err == nil {
				time.AfterFunc(time.Second, func() {
					defer func() { _ = recover() }()
					_ = hook(ctx)
				})
			}
			return err
		}
	})},
	{name: "keeps-what-did-not-start", breaks: []string{"REG-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			var failed bool
			if hook := w.OnStart; hook != nil {
				w.OnStart = func(ctx context.Context) error {
					err := hook(ctx)
					failed = err != nil
					return err
				}
			}
			err := a.Manager.Add(ctx, w)
			if failed {
				w.OnStart, w.OnStop = nil, nil
				_ = a.Manager.Add(ctx, w)
			}
			return err
		}
	})},
	{name: "add-swallows-on-starts-error", breaks: []string{"REG-2"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			var boom error
			if hook := w.OnStart; hook != nil && a.started.Load() {
				w.OnStart = func(ctx context.Context) error {
					boom = hook(ctx)
					return boom
				}
			}
			err := a.Manager.Add(ctx, w)
			if boom != nil && !errors.Is(err, core.ErrStopped) {
				return nil
			}
			return err
		}
	})},
	{name: "adds-context-is-the-workers", breaks: []string{"REG-2", "CTL-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if err == nil && a.started.Load() {
				context.AfterFunc(ctx, func() { _ = a.Manager.Remove(context.Background(), w.Name) })
			}
			return err
		}
	})},

	{name: "mends-names", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		w.Name = strings.Map(func(r rune) rune {
			if r > ' ' && r < 0x7f && !strings.ContainsRune(`@*>#\,{}`, r) {
				return r
			}
			return '-'
		}, w.Name)
	}, nil)},
	{name: "cuts-long-names", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Name = w.Name[:min(len(w.Name), 128)] }, nil)},
	{name: "names-the-nameless", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Name = cmp.Or(w.Name, "unnamed") }, nil)},
	{name: "refuses-long-names", breaks: []string{"REG-3"}, open: refusing(func(w core.Worker) error {
		if len(w.Name) > 64 {
			return &core.WorkerError{Op: "add", Worker: w.Name, Field: "Name", Err: core.ErrInvalidWorker}
		}
		return nil
	})},
	{name: "takes-no-function-for-nothing-to-do", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if w.Run == nil {
			w.Run = func(context.Context) error { return nil }
		}
	}, nil)},
	{name: "has-a-default-period", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period() <= 0 {
			w.Schedule = core.Every(time.Minute)
		}
	}, nil)},
	{name: "has-a-default-delay", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if d, ok := w.Schedule.(core.AfterRun); ok && d.Delay() <= 0 {
			w.Schedule = core.Delay(time.Minute)
		}
	}, nil)},
	{name: "never-runs-a-bad-cron-expression", breaks: []string{"REG-3", "CRN-1", "CRN-2"}, open: tweaked(func(w *core.Worker) {
		if v, ok := w.Schedule.(interface{ Validate() error }); ok && strings.HasPrefix(fmt.Sprint(w.Schedule), "cron") && v.Validate() != nil {
			w.Schedule = over{}
		}
	}, nil)},
	{name: "a-negative-timeout-is-none", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) { w.Timeout = max(w.Timeout, 0) }, nil)},
	{name: "cuts-the-jitter", breaks: []string{"REG-3"}, open: tweaked(func(w *core.Worker) {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period() > 0 {
			w.Jitter = min(w.Jitter, i.Period()-1)
		}
	}, nil)},
	{name: "does-not-say-which-field", breaks: []string{"REG-3", "CRN-1"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			if err := a.Manager.Add(ctx, w); !errors.Is(err, core.ErrInvalidWorker) {
				return err
			}
			return &core.WorkerError{Op: "add", Worker: w.Name, Err: core.ErrInvalidWorker}
		}
	})},
	{name: "remembers-whom-it-refused", breaks: []string{"REG-3"}, open: altering(func(a *altered, _ *core.Options) {
		var refused atomic.Bool
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			switch {
			case errors.Is(err, core.ErrInvalidWorker):
				refused.Store(refused.Load() || w.Name == "w")
			case err == nil && w.Name == "w" && refused.Load():
				_ = a.Manager.Remove(ctx, w.Name)
				return core.ErrDuplicate
			}
			return err
		}
	})},
	{name: "takes-a-nil-context", breaks: []string{"REG-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.start = func(ctx context.Context) error {
			if ctx == nil {
				ctx = context.Background()
			}
			return a.Manager.Start(ctx)
		}
	})},
	{name: "panics-at-a-nil-context", breaks: []string{"REG-3"}, open: altering(func(a *altered, _ *core.Options) {
		a.stop = func(ctx context.Context) error {
			_ = ctx.Err()
			return a.Manager.Stop(ctx)
		}
	})},

	{name: "the-second-replaces-the-first", breaks: []string{"REG-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if errors.Is(err, core.ErrDuplicate) && a.Manager.Remove(ctx, w.Name) == nil {
				return a.Manager.Add(ctx, w)
			}
			return err
		}
	})},
	{name: "passes-over-the-second", breaks: []string{"REG-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			if err := a.Manager.Add(ctx, w); !errors.Is(err, core.ErrDuplicate) {
				return err
			}
			return nil
		}
	})},
	{name: "refuses-the-second-and-drops-the-first", breaks: []string{"REG-4"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if errors.Is(err, core.ErrDuplicate) {
				_ = a.Manager.Remove(ctx, w.Name)
			}
			return err
		}
	})},

	{name: "passes-over-what-comes-after-stop", breaks: []string{"REG-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			if a.stopped.Load() {
				return nil
			}
			return a.Manager.Add(ctx, w)
		}
	})},
	{name: "takes-workers-while-stop-waits", breaks: []string{"REG-5"}, open: altering(func(a *altered, _ *core.Options) {
		a.add = func(ctx context.Context, w core.Worker) error {
			err := a.Manager.Add(ctx, w)
			if errors.Is(err, core.ErrStopped) && a.stopping.Load() && !a.stopped.Load() && a.busy() > 0 {
				return nil
			}
			return err
		}
	})},

	{name: "ignores-what-it-lacks", breaks: []string{"REG-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.features = func(f core.Features) core.Features {
			f.Lacks = []core.Feature{core.FeatureJitter, core.FeatureAtMostOnce}
			return f
		}
	})},
	{name: "pauses-though-it-cannot", breaks: []string{"REG-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.features = func(f core.Features) core.Features {
			f.Lacks = []core.Feature{core.FeaturePause}
			return f
		}
	})},
	{name: "takes-an-option-that-it-lacks", breaks: []string{"REG-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.features = func(f core.Features) core.Features {
			f.Lacks = []core.Feature{core.FeatureMaxConcurrent}
			return f
		}
	})},
	{name: "lacks-what-nobody-has-heard-of", breaks: []string{"REG-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.features = func(f core.Features) core.Features {
			f.Lacks = []core.Feature{"teleport"}
			return f
		}
	})},
	{name: "refuses-what-it-does-not-lack", breaks: []string{"REG-6"}, open: refusing(func(w core.Worker) error {
		if w.AtMostOnce {
			return &core.WorkerError{Op: "add", Worker: w.Name, Field: "AtMostOnce", Err: core.ErrUnsupported}
		}
		return nil
	})},
	{name: "takes-periods-that-it-cannot-keep", breaks: []string{"REG-6"}, open: altering(func(a *altered, _ *core.Options) {
		a.features = func(f core.Features) core.Features {
			f.MinPeriod = 100 * time.Millisecond
			return f
		}
	})},
	{name: "refuses-the-shortest-period", breaks: []string{"REG-6"}, open: refusing(func(w core.Worker) error {
		if i, ok := w.Schedule.(core.Interval); ok && i.Period() == time.Millisecond {
			return &core.WorkerError{Op: "add", Worker: w.Name, Field: "Schedule", Err: core.ErrUnsupported}
		}
		return nil
	})},
}

// over is a schedule that is over.
type over struct{}

func (over) Next(time.Time) time.Time { return time.Time{} }

// TestAnEngineThatLacksEverything passes: it is honest, and each case that needs
// a feature says so.
func TestAnEngineThatLacksEverything(t *testing.T) {
	Run(t, Backend{Name: "bare", Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(bare{native.NewEngine(native.Config{})}, opts), nil
	}})
}

// bare is the native engine, and knows nothing but Every.
type bare struct{ core.Engine }

func (b bare) Features() core.Features {
	f := b.Engine.Features()
	for feature := range wants {
		f.Lacks = append(f.Lacks, feature)
	}
	for feature := range methods {
		f.Lacks = append(f.Lacks, feature)
	}
	slices.Sort(f.Lacks)
	return f
}
