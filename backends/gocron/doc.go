// Package gocron runs workers by the timers of github.com/go-co-op/gocron/v2,
// for a program that has a gocron scheduler already, or monitors and dashboards
// for one.
//
//	m, err := gocron.New(gocron.Config{}, core.Options{})                // schedulers of its own
//	m, err := gocron.New(gocron.Config{Scheduler: mine}, core.Options{}) // in yours
//
// Gocron decides when to call, and nothing else. The slots are core's, as
// everywhere: multiples of the period since the Unix epoch, cron with daylight
// saving as CRN-3 says, any Schedule. How a worker runs is core's too: one run
// at a time, with its timeout, retries, panics contained, and a Stop that waits.
//
// It is a cluster of one: with several instances of a service each runs every
// slot. An elector or a locker of gocron's does not change that. It has no
// memory: what was due while the process did not exist is not made up (PER-7).
//
// Prefer the native engine where nothing asks for gocron: gocron takes some 20
// to 35 µs of CPU for each call, where native takes one, and so is good for
// about ten thousand workers that are due every second. Beside a plain gocron
// job a worker takes up to 2 µs more, and of a thousand that are due at once the
// last begins no later, since the engine deals its workers out among several
// schedulers. In a scheduler of your own, which is one, and whose monitors hear of
// each call, it is 2 to 6 µs more. The memory is some 600 bytes more.
//
// # Workers as jobs
//
// A worker is a gocron job of its name, with the tag "tickwork" and those of
// Config.Tags. Monitors see one call for each slot that is delivered, and since
// the call only hands the run over, its duration and its outcome are those of
// the handing over: for those of the run take core.Options.Observers, or
// Manager.Workers. The job's next run is the worker's next slot with its
// jitter; it is in the year 9999 while a Delay's run is in progress. Its ID is
// another one after a Reschedule, after each run of a Delay, and after the clock
// was set.
//
// A worker without a schedule, which is long-running, is no gocron job: there is
// nothing to call, and what is done to the scheduler does not concern it.
//
// A worker is taken away with Manager.Remove. The manager does not learn that its
// job was removed from the scheduler, or replaced with Update, by other hands: the
// worker stays listed and runs by Manager.Trigger alone, and no skip is counted,
// until it has a new job, as after a Reschedule.
//
// A RunNow, which is also what gocron-ui's button does, is a Trigger (CTL-3): one
// during a run is a run after it, however many they are, and a worker that is
// paused runs too. Before the scheduler has started, or after StopJobs, gocron's
// RunNow hangs, and with it everything else that is asked of the scheduler.
//
// # In a scheduler of your own
//
// Starting it and shutting it down stay yours. Workers run while it does:
// after StopJobs and Start the latest slot of those that were missed is made up,
// as the worker's policy says. Stop the manager before you shut the scheduler
// down. If you shut it down first, no worker runs any more: the log says so within
// core.ClockCheck, and Add returns an error.
//
// It must go by the real clock, gocron's default; in tests use testing/synctest.
//
// # Options of that scheduler
//
// They apply to workers too, where an option of the job cannot undo them. A locker,
// a start time, WithLimitedRuns and a policy for daylight saving are undone. Of the
// others these matter:
//
//   - With WithDistributedElector on instances that are not elected, and while a
//     WithLimitConcurrentJobs with LimitModeReschedule is used up, gocron does not
//     call, and the slots count as missed when it next does. A RunNow meanwhile it
//     drops.
//   - While a limit with LimitModeWait is used up gocron calls late: the latest of
//     the slots runs then, and beside it what a RunNow asked for, unless the worker
//     had a new job meanwhile. In that mode a RunNow after StopJobs, or where there
//     is an elector too, may be taken for a call that gocron has dropped. A Scheduler
//     of another type than gocron's own hides the mode: late calls are taken for
//     RunNows then.
//   - With WithStartImmediately nothing runs earlier. But a Start after StopJobs is
//     then a Trigger of each worker that has missed no slot, and gocron may pass
//     over its next slot, which counts as missed.
//   - With a stop time gocron removes the jobs then, and takes none after it: the
//     workers are silent, as above, and Add answers with an error. Once a start time
//     has passed it takes none either.
//   - Event listeners are called, and one that panics ends the process.
//
// # What gocron v2.21.2 does wrong
//
// In the schedulers of the engine's own nothing of this keeps a worker from running
// when it is due. It concerns a program's other jobs, and through them everything
// in its scheduler:
//
//   - It looks for a job's next run in the future in a loop that holds up every
//     job, and that does not end for one that has none: for example when the
//     scheduler is started again after StopJobs and has a one-time job that has
//     run. Issues 846 and 943 report such loops; pull requests 930 and 946 guard
//     against them in a later release.
//   - StopJobs and Shutdown wait for the jobs in progress in a loop that takes a
//     whole core, which pull request 930 replaces too. A manager that is stopped
//     first has no part in it, and gocron never waits for a worker's run. The
//     Stop of a manager with schedulers of its own goes through that loop once for
//     each, for a moment, when no call is in progress any more.
//   - After the system's clock was set back the other jobs stand still until it
//     has caught up (issue 438). Workers go on (PER-11).
//   - A locker gives a run to one of the instances that ask at the same instant,
//     not one run for each slot (issue 841). For that take a distributed engine.
//   - It takes two runs that the clock on the wall shows alike, to the second, for
//     one, so that a nightly cron job does not run twice when daylight saving ends
//     (issue 911). But an hourly one loses a run in that night, and one with a
//     Cron of its own loses runs within a second. Workers lose none (CRN-3).
package gocron
