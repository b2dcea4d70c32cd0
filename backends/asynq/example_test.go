package asynq_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
)

// Two instances of a service, each of which has the worker: a slot runs on one of
// them.
func Example() {
	redis, _ := miniredis.Run() // yours is a redis-server
	defer redis.Close()

	ran := make(chan string, 100)
	for _, instance := range []string{"host-1", "host-2"} {
		m, err := asynq.New(asynq.Config{
			URL:       "redis://" + redis.Addr(),
			Namespace: "billing",
			Lease:     time.Second, // or leave the ten seconds that are the default
		}, core.Options{Instance: instance})
		if err != nil {
			panic(err)
		}
		ctx := context.Background()
		_ = m.Add(ctx, core.Worker{
			Name:     "send-invoices",
			Schedule: core.Every(100 * time.Millisecond),
			Run: func(ctx context.Context) error {
				tick, _ := core.TickFrom(ctx)
				ran <- tick.ID()
				return nil
			},
		})
		if err := m.Start(ctx); err != nil {
			panic(err)
		}
		defer m.Stop(ctx)
	}

	seen := map[string]bool{}
	for range 5 {
		id := <-ran
		fmt.Println(strings.HasPrefix(id, "send-invoices@20"), seen[id])
		seen[id] = true
	}
	// Output:
	// true false
	// true false
	// true false
	// true false
	// true false
}

// The backend is chosen by configuration, too: the package registers itself as
// "asynq".
func Example_url() {
	m, err := backends.OpenURL(context.Background(), "redis://tick:secret@localhost:6379/0?namespace=billing&lease=5s", core.Options{})
	if err != nil {
		panic(err)
	}
	f := m.Features()
	fmt.Println(f.Engine, f.Distributed, f.Failover)
	// Output: asynq true 7.5s
}
