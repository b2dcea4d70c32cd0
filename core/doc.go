// Package core defines workers, schedules, ticks and managers, and implements the
// manager over any engine.
//
// An application fills in Workers, adds them to a Manager, and runs it until a
// signal ends the program:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
//	m, err := native.New(native.Config{}, core.Options{})
//	if err != nil {
//		return err
//	}
//	err = m.Add(ctx, core.Worker{
//		Name:     "delete-old-logs",
//		Schedule: core.Every(time.Hour),
//		Run:      cleaner.Run, // func(ctx context.Context) error
//	})
//	if err != nil {
//		return err
//	}
//	return core.Run(ctx, m, 20*time.Second) // for the runs in progress to end
//
// Run calls Start, waits until ctx ends, and calls Stop. A program may call Start
// and Stop itself.
//
// A manager keeps the rules of the contract. Each has an id, such as PER-5: a
// worker never overlaps itself. The comments in this package name the rules by
// id, and the package conformance tests them on every engine.
//
// # For authors of engines
//
// Implement Engine, with a Clock if the engine keeps its own time, and make a
// manager with NewManager. An Engine decides when, and on which instance, a tick
// runs, and delivers the tick to Job.Go or Job.Run. The manager does the rest.
// Then run the conformance suite on the engine.
//
// # How a tick flows
//
// clock.go finds the slot that is due, and the engine calls Job.Go (job.go). Go
// claims the worker and starts a run (run.go). The run calls the middleware
// (middleware.go), makes the attempts with their timeouts and backoffs
// (attempt.go), and contains the panics of the worker's function (contain.go).
// Then the outcome goes to the status, the log, the observers and the engine.
package core
