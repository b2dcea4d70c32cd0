package backends_test

import (
	"context"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// addWorkers is a program's own: it takes the interface, and so any backend.
func addWorkers(ctx context.Context, m core.Manager) error {
	return m.Add(ctx, core.Worker{
		Name:     "delete-old-logs",
		Schedule: core.Every(time.Hour),
		Run:      func(context.Context) error { return nil },
	})
}

func Example() {
	files := fstest.MapFS{"tickwork.yaml": {Data: []byte(`
backend: native
workers:
  delete-old-logs: {cron: "0 3 * * *", timezone: Europe/Berlin}
`)}}
	ctx := context.Background()
	cfg, err := backends.LoadFS(files, "tickwork.yaml") // Load, for a file on disk
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := backends.Open(ctx, cfg, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := addWorkers(ctx, m); err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range m.Workers() {
		fmt.Println(w.Name, "|", w.Schedule, "|", w.Configured)
	}
	// Output: delete-old-logs | cron 0 3 * * * Europe/Berlin | [Schedule]
}

func ExampleLoadFS_error() {
	files := fstest.MapFS{"tickwork.yaml": {Data: []byte(`
backend: native
workers:
  delete-old-logs: {evry: 1h, timeout: 10}
`)}}
	_, err := backends.LoadFS(files, "tickwork.yaml")
	fmt.Println(err)
	// Output:
	// tickwork.yaml:4:21: workers.delete-old-logs.evry: unknown key; did you mean "every"?
	// tickwork.yaml:4:40: workers.delete-old-logs.timeout: wants a duration with its unit, such as 90s, 10m or 1h30m, got "10"
}

func ExampleOpen() {
	cfg := backends.Config{
		Backend: "gocron",
		Workers: map[string]backends.Override{
			"delete-old-logs": {Timeout: new(10 * time.Minute)},
		},
	}
	m, err := backends.Open(context.Background(), cfg, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Features().Engine)
	// Output: gocron
}

func ExampleOpenURL() {
	m, err := backends.OpenURL(context.Background(), "native://", core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Features().Engine)
	// Output: native
}

func ExampleRegister() {
	// In the package of the backend, in an init function:
	type Config struct {
		Size int `yaml:"size"`
	}
	backends.Register(backends.Driver[Config]{
		Name: "pool",
		New: func(cfg Config, opts core.Options) (core.Manager, error) {
			opts.MaxConcurrent = cfg.Size
			return native.New(native.Config{}, opts)
		},
	})
	// In a program that imports it:
	_, err := backends.OpenURL(context.Background(), "pool://?size=many", core.Options{})
	fmt.Println(err)
	// Output: backends: pool.size: wants a number that fits int
}

func ExamplePreflight() {
	cfg, err := backends.ParseURL("native://")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.Workers = map[string]backends.Override{
		"delete-old-logs": {Cron: "30 1 * * Sun", Timezone: "America/New_York"},
	}
	now := time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC) // for the example; leave Now out
	report := backends.Preflight(context.Background(), cfg, core.Options{Now: func() time.Time { return now }}, addWorkers)
	fmt.Print(report)
	// Output:
	// backend native
	//   a run begins at most 50ms after its slot, the shortest period is 1ms
	//
	// delete-old-logs: cron 30 1 * * Sun America/New_York (configured: Schedule)
	//   2026-10-18 05:30:00 UTC   Sun 2026-10-18 01:30:00 -04:00
	//   2026-10-25 05:30:00 UTC   Sun 2026-10-25 01:30:00 -04:00
	//   2026-11-01 05:30:00 UTC   Sun 2026-11-01 01:30:00 -04:00
	//   -- 2026-11-01 06:00:00 UTC: clocks in America/New_York go from -04:00 to -05:00 --
	//   2026-11-08 06:30:00 UTC   Sun 2026-11-08 01:30:00 -05:00
	//   2026-11-15 06:30:00 UTC   Sun 2026-11-15 01:30:00 -05:00
	//   2026-11-22 06:30:00 UTC   Sun 2026-11-22 01:30:00 -05:00
	//   2026-11-29 06:30:00 UTC   Sun 2026-11-29 01:30:00 -05:00
	//   2026-12-06 06:30:00 UTC   Sun 2026-12-06 01:30:00 -05:00
	//   2026-12-13 06:30:00 UTC   Sun 2026-12-13 01:30:00 -05:00
	//   2026-12-20 06:30:00 UTC   Sun 2026-12-20 01:30:00 -05:00
	//
	// Opens, with 1 worker.
}
