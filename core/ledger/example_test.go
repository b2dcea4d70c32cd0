package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// An application tests itself as a cluster: three instances of it on a broker in
// memory, each slot of whose workers runs once. In a testing/synctest bubble an
// hour takes milliseconds, see the example of Memory.
func ExampleNewEngine() {
	ctx := context.Background()
	broker := ledger.NewMemory()
	ran := make(chan string, 10)
	var managers []core.Manager
	for i := range 3 {
		engine, err := ledger.NewEngine(ledger.Config{Name: "memory", Store: broker.Store("billing")})
		if err != nil {
			fmt.Println(err)
			return
		}
		m := core.NewManager(engine, core.Options{Instance: fmt.Sprint("instance-", i), Logger: silent})
		_ = m.Add(ctx, core.Worker{
			Name:     "invoices",
			Schedule: core.Cron("0 3 * * *"),
			Run: func(ctx context.Context) error {
				tick, _ := core.TickFrom(ctx)
				ran <- tick.Worker
				return nil
			},
		})
		if err := m.Start(ctx); err != nil {
			fmt.Println(err)
			return
		}
		managers = append(managers, m)
	}
	_, _ = managers[0].Trigger(ctx, "invoices") // on whichever instance gets it first
	fmt.Println(<-ran, "ran")
	for _, m := range managers {
		_ = m.Stop(ctx)
	}
	fmt.Println(len(ran), "more")
	// Output:
	// invoices ran
	// 0 more
}

// What becomes of a run whose instance is cut off from the broker, in virtual time:
// it is cancelled, and another instance runs the slot.
func ExampleMemory() {
	// In a file of your own this is func TestCutOff(t *testing.T).
	_ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			broker := ledger.NewMemory()
			var stores []*ledger.MemoryStore
			lost := 0
			for range 3 {
				store := broker.Store("billing")
				stores = append(stores, store)
				engine, err := ledger.NewEngine(ledger.Config{Name: "memory", Store: store})
				if err != nil {
					t.Fatal(err)
				}
				m := core.NewManager(engine, core.Options{})
				_ = m.Add(t.Context(), core.Worker{
					Name:     "invoices",
					Schedule: core.Every(time.Hour),
					Run: func(ctx context.Context) error {
						select {
						case <-time.After(time.Minute):
						case <-ctx.Done():
							lost++ // context.Cause(ctx) is core.ErrLeaseLost
						}
						return ctx.Err()
					},
				})
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = m.Stop(context.Background()) }()
			}
			time.Sleep(time.Hour + time.Second) // one of them is in its run
			for _, store := range stores {      // each is cut off for a while
				store.Cut(true)
				time.Sleep(20 * time.Second)
				store.Cut(false)
			}
			if lost == 0 {
				t.Error("no run was cancelled")
			}
		})
	}
}
