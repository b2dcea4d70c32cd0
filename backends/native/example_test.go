package native_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func ExampleNew() {
	ctx := context.Background()
	m, err := native.New(native.Config{}, core.Options{})
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
	engine := &counting{Engine: native.NewEngine(native.Config{})}
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
