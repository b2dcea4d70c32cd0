// Package core says what a worker, a schedule, a tick and a manager are, and is
// the manager itself, over any engine.
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
// Run is Start, the wait for the end of ctx, and Stop; a program that does more
// in the meantime calls those.
//
// What a manager promises is written down rule by rule, each with an id (such
// as PER-5: a worker never overlaps itself). The comments here name them, and
// the package conformance tests them, for every engine alike.
//
// # For authors of engines
//
// Implement Engine, with a Clock if it keeps its own time, and make a manager
// of it with NewManager. An Engine decides when, and on which instance, a tick
// runs; it delivers the tick to Job.Go or Job.Run, and the manager does the
// rest. Then run the conformance suite on it.
//
// # How a tick flows
//
// clock.go finds the slot due, the engine calls Job.Go (job.go), which claims
// the worker and starts a run (run.go): the middleware (middleware.go), the
// attempts with their timeouts and backoffs (attempt.go), the worker's function
// with what is contained (contain.go); then the outcome goes to the status, the log and the
// observers, and back to the engine.
package core
