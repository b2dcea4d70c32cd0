package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// silent is a logger that is off, for examples in which something fails.
var silent = slog.New(slog.DiscardHandler)

// A manager is made with an engine, gets its workers, is started, and stopped.
func Example() {
	ctx := context.Background()
	m, err := native.New(native.Config{}, core.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	deleted := make(chan struct{})
	err = m.Add(ctx, core.Worker{
		Name:       "delete-old-logs",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(context.Context) error {
			fmt.Println("deleting old logs")
			close(deleted)
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
	<-deleted

	// Runs in progress get ten seconds to come to their end.
	stopCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := m.Stop(stopCtx); err != nil {
		fmt.Println(err)
	}
	// Output: deleting old logs
}

// A worker without a schedule is long-running: Stop cancels its context, and
// returning then is its normal end.
func ExampleWorker_longRunning() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	up := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name: "queue-consumer",
		Run: func(ctx context.Context) error {
			close(up)
			<-ctx.Done()
			fmt.Println("ends:", context.Cause(ctx))
			return ctx.Err()
		},
	})
	_ = m.Start(ctx)
	<-up
	fmt.Println("stopped:", m.Stop(ctx))
	// Output:
	// ends: the manager is stopping
	// stopped: <nil>
}

// OnStart runs before any worker does, OnStop after the worker's last run.
func ExampleWorker_hooks() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * MON-FRI"),
		Run:      func(context.Context) error { return nil },
		OnStart:  func(context.Context) error { fmt.Println("open the template"); return nil },
		OnStop:   func(context.Context) error { fmt.Println("close the template"); return nil },
	})
	_ = m.Start(ctx)
	_ = m.Stop(ctx)
	// Output:
	// open the template
	// close the template
}

// The slots are multiples of the period since the epoch: a restart at 10:07
// does not move them.
func ExampleEvery() {
	s := core.Every(15 * time.Minute)
	at := time.Date(2026, 3, 29, 10, 7, 12, 0, time.UTC)
	for range 3 {
		at = s.Next(at)
		fmt.Println(at.Format(time.TimeOnly))
	}
	// Output:
	// 10:15:00
	// 10:30:00
	// 10:45:00
}

func ExampleInterval_Offset() {
	s := core.Every(time.Hour).Offset(20 * time.Minute)
	at := time.Date(2026, 3, 29, 10, 7, 12, 0, time.UTC)
	fmt.Println(s, "is due at", s.Next(at).Format(time.TimeOnly))
	// Output: every 1h offset 20m is due at 10:20:00
}

// At 02:30 on the night in which Berlin goes to summer time there is no 02:30.
// The run is not lost: it comes at the first instant after the gap.
func ExampleCron() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.Cron("30 2 * * *", core.In(berlin))
	at := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	for range 3 {
		at = s.Next(at)
		fmt.Println(at.Format(time.RFC3339), "is", at.In(berlin).Format("15:04 MST"))
	}
	// Output:
	// 2026-03-28T01:30:00Z is 02:30 CET
	// 2026-03-29T01:00:00Z is 03:00 CEST
	// 2026-03-30T00:30:00Z is 02:30 CEST
}

// Cron leaves the error of an expression to Add; ParseCron tells at once.
func ExampleParseCron() {
	_, err := core.ParseCron("0 25 * * *")
	fmt.Println(err)
	// Output: cron expression "0 25 * * *": hour "25" is not between 0 and 23
}

// The next run is due after the previous one has ended, however long that took.
func ExampleDelay() {
	s := core.Delay(10 * time.Minute)
	ended := time.Date(2026, 3, 29, 10, 7, 12, 0, time.UTC)
	fmt.Println(s.Next(ended).Format(time.TimeOnly))
	// Output: 10:17:12
}

// A failed attempt is repeated within its run; the run has failed when the last
// attempt has.
func ExampleRetry() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{Logger: silent})
	sent := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:       "send-invoices",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Retry:      core.Retry{MaxAttempts: 3, Backoff: core.Exponential(time.Millisecond, time.Second)},
		Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			if tick.Attempt < 3 {
				fmt.Println("attempt", tick.Attempt, "fails")
				return errors.New("the mail server is busy")
			}
			fmt.Println("attempt", tick.Attempt, "succeeds")
			close(sent)
			return nil
		},
	})
	_ = m.Start(ctx)
	<-sent
	_ = m.Stop(ctx)
	// Output:
	// attempt 1 fails
	// attempt 2 fails
	// attempt 3 succeeds
}

func ExampleExponential() {
	b := core.Exponential(time.Second, 10*time.Second)
	for failures := 1; failures <= 6; failures++ {
		fmt.Print(b.Wait(failures), " ")
	}
	// Output: 1s 2s 4s 8s 10s 10s
}

// An error that another attempt cannot mend ends the run at once.
func ExamplePermanent() {
	ctx := context.Background()
	failed := make(chan struct{})
	m, _ := native.New(native.Config{}, core.Options{
		Logger: silent,
		OnError: func(_ context.Context, tick core.Tick, err error) {
			fmt.Printf("%s failed after %d attempt: %v\n", tick.Worker, tick.Attempt, err)
			close(failed)
		},
	})
	_ = m.Add(ctx, core.Worker{
		Name:       "send-invoices",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Retry:      core.Retry{MaxAttempts: 5},
		Run: func(context.Context) error {
			return core.Permanent(errors.New("no such address"))
		},
	})
	_ = m.Start(ctx)
	<-failed
	_ = m.Stop(ctx)
	// Output: send-invoices failed after 1 attempt: no such address
}

// A run finds its tick in its context. The tick's ID is the same on every
// instance and in every log, and so a good key for idempotent requests.
func ExampleTickFrom() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	done := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * *"),
		Run: func(ctx context.Context) error {
			tick, ok := core.TickFrom(ctx)
			fmt.Println(ok, tick.Worker, "attempt", tick.Attempt, "triggered:", tick.Manual != "")
			close(done)
			return nil
		},
	})
	_ = m.Start(ctx)
	_, _ = m.Trigger(ctx, "report")
	<-done
	_ = m.Stop(ctx)
	// Output: true report attempt 1 triggered: true
}

func ExampleTick_ID() {
	tick := core.Tick{Worker: "report", Slot: time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)}
	fmt.Println(tick.ID())
	// Output: report@2026-03-29T02:30:00Z
}

// What a run logs carries its worker, tick and attempt.
func ExampleLogger() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "tick" {
					return slog.Attr{} // they are others each time
				}
				return a
			},
		})),
	})
	done := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:       "delete-old-logs",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(ctx context.Context) error {
			core.Logger(ctx).Info("deleted", "files", 3)
			close(done)
			return nil
		},
	})
	_ = m.Start(ctx)
	<-done
	_ = m.Stop(ctx)
	// Output: level=INFO msg=deleted worker=delete-old-logs attempt=1 files=3
}

// A run that its manager's Stop interrupts hands its tick back: on a distributed
// engine another instance runs it again, and here it has been cancelled.
func ExampleHandBack() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	working := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:       "import",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(ctx context.Context) error {
			close(working)
			<-core.Stopping(ctx) // between two batches, say
			return core.HandBack(errors.New("batch 3 of 7 is missing"))
		},
	})
	_ = m.Start(ctx)
	<-working
	_ = m.Stop(ctx)
	w := m.Workers()[0]
	fmt.Println(w.Failures, "failures;", w.Last.Outcome)
	fmt.Println(w.Last.Err)
	// Output:
	// 0 failures; cancelled
	// handed back: batch 3 of 7 is missing
}

// A long run can see that its manager is stopping while its context still
// lives, and come to a good end.
func ExampleStopping() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	working := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:       "import",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(ctx context.Context) error {
			close(working)
			<-core.Stopping(ctx) // between two batches, say
			fmt.Println("keeping what is done; the context's error is", ctx.Err())
			return nil
		},
	})
	_ = m.Start(ctx)
	<-working
	fmt.Println("stopped:", m.Stop(ctx))
	// Output:
	// keeping what is done; the context's error is <nil>
	// stopped: <nil>
}

// When Stop's context ends first, the runs in progress are cancelled, and the
// error says whose.
func ExampleStopError() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{Logger: silent})
	working := make(chan struct{})
	_ = m.Add(ctx, core.Worker{
		Name:       "import",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(ctx context.Context) error {
			close(working)
			<-ctx.Done()
			return context.Cause(ctx)
		},
	})
	_ = m.Start(ctx)
	<-working

	stopCtx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	err := m.Stop(stopCtx)
	var cut *core.StopError
	if errors.As(err, &cut) {
		fmt.Println("cut off:", cut.CutOff, "still running:", cut.Abandoned)
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// cut off: [import] still running: []
	// true
}

// Middleware gives each run what lives as long as the run: here a transaction.
func ExampleMiddleware() {
	type txKey struct{}
	transaction := func(ctx context.Context, next func(context.Context) error) error {
		fmt.Println("begin")
		if err := next(context.WithValue(ctx, txKey{}, "tx 1")); err != nil {
			fmt.Println("roll back")
			return err
		}
		fmt.Println("commit")
		return nil
	}

	ctx := context.Background()
	var over sync.WaitGroup
	over.Add(1)
	m, _ := native.New(native.Config{}, core.Options{
		Middleware: []core.Middleware{transaction},
		Observers: []core.Observer{func(e core.Event) {
			if e.Kind == core.EventEnded {
				over.Done()
			}
		}},
	})
	_ = m.Add(ctx, core.Worker{
		Name:       "mark-passive-users",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run: func(ctx context.Context) error {
			fmt.Println("update users in", ctx.Value(txKey{}))
			return nil
		},
	})
	_ = m.Start(ctx)
	over.Wait()
	_ = m.Stop(ctx)
	// Output:
	// begin
	// update users in tx 1
	// commit
}

// Observers are told what happens: metrics and traces hang on them.
func ExampleWorker_attemptMiddleware() {
	transaction := func(ctx context.Context, next func(context.Context) error) error {
		fmt.Println("begin")
		if err := next(ctx); err != nil {
			fmt.Println("roll back")
			return err
		}
		fmt.Println("commit")
		return nil
	}

	ctx := context.Background()
	var over sync.WaitGroup
	over.Add(1)
	m, _ := native.New(native.Config{}, core.Options{
		Logger: slog.New(slog.DiscardHandler),
		Observers: []core.Observer{func(e core.Event) {
			if e.Kind == core.EventEnded {
				over.Done()
			}
		}},
	})
	_ = m.Add(ctx, core.Worker{
		Name:       "mark-passive-users",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Retry:      core.Retry{MaxAttempts: 2, Backoff: core.Constant(time.Millisecond)},
		// Each attempt has a transaction of its own.
		AttemptMiddleware: []core.Middleware{transaction},
		Run: func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Attempt == 1 {
				return errors.New("deadlock found")
			}
			return nil
		},
	})
	_ = m.Start(ctx)
	over.Wait()
	_ = m.Stop(ctx)
	// Output:
	// begin
	// roll back
	// begin
	// commit
}

func ExampleObserver() {
	ctx := context.Background()
	over := make(chan struct{})
	m, _ := native.New(native.Config{}, core.Options{
		Logger: silent,
		Observers: []core.Observer{func(e core.Event) {
			fmt.Println(e.Kind, e.Tick.Worker, e.Result.Err)
			if e.Kind == core.EventEnded {
				close(over)
			}
		}},
	})
	_ = m.Add(ctx, core.Worker{
		Name:       "report",
		Schedule:   core.Every(time.Hour),
		RunOnStart: true,
		Run:        func(context.Context) error { panic("no paper") },
	})
	_ = m.Start(ctx)
	<-over
	_ = m.Stop(ctx)
	// Output:
	// began report <nil>
	// ended report panic: no paper
}

// Trigger runs a worker once, next to its schedule, and returns the tick by which the run is
// found in logs and history.
func ExampleManager_Trigger() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	ran := make(chan string, 1)
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * *"),
		Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			ran <- tick.ID()
			return nil
		},
	})
	_ = m.Start(ctx)
	tick, err := m.Trigger(ctx, "report")
	fmt.Println(err)
	fmt.Println(tick.ID() == <-ran)
	_, err = m.Trigger(ctx, "reprot")
	fmt.Println(err)
	_ = m.Stop(ctx)
	// Output:
	// <nil>
	// true
	// tickwork: trigger worker "reprot": no worker of this name
}

// Pause skips slots until Resume.
func ExampleManager_Pause() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * *"),
		Run:      func(context.Context) error { return nil },
	})
	_ = m.Start(ctx)
	_ = m.Pause(ctx, "report")
	fmt.Println(m.Workers()[0].State)
	_ = m.Resume(ctx, "report")
	fmt.Println(m.Workers()[0].State)
	_ = m.Stop(ctx)
	// Output:
	// paused
	// idle
}

// Workers is what a status page shows.
func ExampleManager_Workers() {
	ctx := context.Background()
	m, _ := native.New(native.Config{}, core.Options{})
	_ = m.Add(ctx, core.Worker{
		Name:     "delete-old-logs",
		Schedule: core.Every(time.Hour),
		Run:      func(context.Context) error { return nil },
	})
	_ = m.Add(ctx, core.Worker{
		Name:     "report",
		Schedule: core.Cron("0 6 * * MON"),
		Run:      func(context.Context) error { return nil },
		Disabled: true,
	})
	for _, w := range m.Workers() {
		fmt.Printf("%s: %s, %s, %d runs\n", w.Name, w.Schedule, w.State, w.Runs)
	}
	// Output:
	// delete-old-logs: every 1h, idle, 0 runs
	// report: cron 0 6 * * MON, disabled, 0 runs
}

// registryOnly is a manager written from scratch that only keeps a list. What it
// leaves out answers ErrUnsupported.
type registryOnly struct {
	core.UnimplementedManager
	names []string
}

func (r *registryOnly) Add(_ context.Context, w core.Worker) error {
	r.names = append(r.names, w.Name)
	return nil
}

func ExampleUnimplementedManager() {
	var m core.Manager = &registryOnly{}
	ctx := context.Background()
	fmt.Println(m.Add(ctx, core.Worker{Name: "report"}))
	_, err := m.Trigger(ctx, "report")
	fmt.Println(err)
	// Output:
	// <nil>
	// tickwork: trigger worker "report": not supported by this engine
}
