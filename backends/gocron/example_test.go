package gocron_test

import (
	"context"
	"fmt"
	"time"

	upstream "github.com/go-co-op/gocron/v2"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

func ExampleNew() {
	ctx := context.Background()
	m, err := gocron.New(gocron.Config{}, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ticked := make(chan struct{})
	err = m.Add(ctx, core.Worker{
		Name:       "heartbeat",
		Schedule:   core.Every(time.Minute),
		RunOnStart: true, // do not wait for the next full minute
		Run: func(context.Context) error {
			fmt.Println("alive")
			close(ticked)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	<-ticked
	fmt.Println("stopped:", m.Stop(ctx))
	// Output:
	// alive
	// stopped: <nil>
}

// A program that runs a gocron scheduler hands it in: its workers are jobs among
// the others until the manager is stopped.
func ExampleConfig() {
	ctx := context.Background()
	s, err := upstream.NewScheduler(upstream.WithLocation(time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Shutdown() }()
	_, err = s.NewJob(upstream.DurationJob(time.Hour), upstream.NewTask(func() {}), upstream.WithName("a job as before"))
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Start()

	m, err := gocron.New(gocron.Config{Scheduler: s, Tags: []string{"billing"}}, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = m.Add(ctx, core.Worker{
		Name:     "passive-user-checker",
		Schedule: core.Cron("0 3 * * *"),
		Run:      func(context.Context) error { return nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, job := range s.Jobs() {
		if next, err := job.NextRun(); err == nil && len(job.Tags()) > 0 {
			fmt.Println(job.Name(), job.Tags(), "next at", next.Format("15:04"))
		}
	}
	if err := m.Stop(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("left:", s.Jobs()[0].Name())
	// Output:
	// passive-user-checker [tickwork billing] next at 03:00
	// left: a job as before
}

// counting wraps an engine and counts what it is given.
type counting struct {
	core.Engine
	scheduled int
}

func (c *counting) Schedule(ctx context.Context, job *core.Job) error {
	c.scheduled++
	return c.Engine.Schedule(ctx, job)
}

// NewEngine is for who wants to stand between the manager and the engine.
func ExampleNewEngine() {
	ctx := context.Background()
	engine := &counting{Engine: gocron.NewEngine(gocron.Config{})}
	m := core.NewManager(engine, core.Options{})
	for _, name := range []string{"a", "b"} {
		_ = m.Add(ctx, core.Worker{
			Name:     name,
			Schedule: core.Every(time.Hour),
			Run:      func(context.Context) error { return nil },
		})
	}
	_ = m.Start(ctx)
	_ = m.Stop(ctx)
	fmt.Println(engine.scheduled, "workers were scheduled")
	// Output: 2 workers were scheduled
}
