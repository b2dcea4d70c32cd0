package gocron_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	upstream "github.com/go-co-op/gocron/v2"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

func open(opts core.Options) (core.Manager, error) { return gocron.New(gocron.Config{}, opts) }

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "gocron", Open: open})
}

func TestConformanceWallClock(t *testing.T) {
	inRealTime(t)
	conformance.Run(t, conformance.Backend{Name: "gocron", WallClock: true, Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(queuing{gocron.EngineFor(gocron.Config{}, opts)}, opts), nil
	}})
}

// inRealTime has a test in real time run beside the other ones of its kind: they
// wait most of their time.
func inRealTime(t *testing.T) {
	t.Helper()
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		t.Skip("real time wants a machine of its own: set TICKWORK_WALL_CLOCK=1")
	}
	t.Parallel()
}

// queuing is the engine, of which one is stopped at a time. A gocron scheduler
// that shuts down takes a whole core until others of its goroutines have had a
// turn; dozens of cases that do so at once, as no program does, leave nobody any.
type queuing struct{ core.Engine }

var stopping sync.Mutex

func (q queuing) Stop(ctx context.Context) error {
	stopping.Lock()
	defer stopping.Unlock()
	return q.Engine.Stop(ctx)
}

// The same in a scheduler of the program's own, which has another job and whose
// location has daylight saving.
func TestConformanceLentScheduler(t *testing.T) {
	conformance.Run(t, conformance.Backend{Name: "gocron-lent", Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(&lending{opts: opts}, opts), nil
	}})
}

func TestConformanceLentSchedulerWallClock(t *testing.T) {
	inRealTime(t)
	conformance.Run(t, conformance.Backend{Name: "gocron-lent", WallClock: true, Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(queuing{&lending{opts: opts}}, opts), nil
	}})
}

// lending is the engine on a scheduler that it makes at Start, as a program does
// before, so that a manager that is not started has none.
type lending struct {
	core.Engine
	opts      core.Options
	scheduler upstream.Scheduler
}

func (l *lending) Features() core.Features {
	return gocron.NewEngine(gocron.Config{}).Features()
}

func (l *lending) Start(ctx context.Context, host core.Host) error {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	if l.scheduler, err = upstream.NewScheduler(upstream.WithLocation(berlin)); err != nil {
		return err
	}
	if _, err := l.scheduler.NewJob(upstream.DurationJob(time.Hour), upstream.NewTask(func() {})); err != nil {
		return err
	}
	l.scheduler.Start()
	l.Engine = gocron.EngineFor(gocron.Config{Scheduler: l.scheduler}, l.opts)
	return l.Engine.Start(ctx, host)
}

func (l *lending) Stop(ctx context.Context) error {
	return errors.Join(l.Engine.Stop(ctx), l.scheduler.Shutdown())
}
