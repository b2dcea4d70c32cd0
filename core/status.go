package core

import "time"

// WorkerStatus is what Manager.Workers reports of one worker (OBS-1).
type WorkerStatus struct {
	Name     string
	Schedule string // as the schedule's String prints it; "long-running" for none
	Scope    Scope
	State    State
	// Running: a run is in progress on this instance, also while the worker is paused.
	Running bool
	// Paused is the Pause in force, or nil if the worker is not paused.
	Paused *Pause
	// Next is the next slot; zero where there is none: the worker is long-running,
	// over, disabled, or a Delay whose run is in progress, wherever. A paused worker's Next
	// is the slot that it would skip.
	Next time.Time
	// Last is the last run that ended, wherever it ran; nil before the first.
	Last *LastRun
	// LastSuccess is the time at which the last successful run ended, LastFailure the
	// time at which the last failed run ended; zero for never. ConsecutiveFailures counts
	// the runs that failed since the last success. All three count the runs that this
	// instance knows: its own, and those on other instances that it has read from the
	// cluster's records.
	LastSuccess, LastFailure time.Time
	ConsecutiveFailures      uint64
	// Runs counts the runs that ended here, Failures those of them that failed,
	// and Cancelled those that Stop, Remove or Pause has ended.
	Runs, Failures, Cancelled uint64
	// Skips counts the slots that were not run, by reason; those of a cluster on
	// the one instance each that found it out.
	Skips Skips
	// Err is why the worker is StateBroken; nil otherwise.
	Err error
	// Configured lists the worker's fields that configuration has set in place
	// of the program: "Schedule", "Timeout". See the package backends.
	Configured []string
}

// A Pause is a call of Manager.Pause that is in force.
type Pause struct {
	By string    // the instance on which Pause was called: Options.Instance
	At time.Time // when, by that instance's clock
}

// State is what a worker is doing on this instance.
type State uint8

// The states of a worker.
const (
	// StateIdle: nothing runs; the next slot, or Start, is awaited.
	StateIdle State = iota
	// StateRunning: a run is in progress.
	StateRunning
	// StateWaiting: a run is due and waits for its turn under MaxConcurrent.
	StateWaiting
	// StateBackoff: a long-running worker failed and waits to be run again.
	StateBackoff
	// StatePaused: slots are skipped until Resume. WorkerStatus.Running reports
	// whether a run is still in progress.
	StatePaused
	// StateDisabled: listed, never run.
	StateDisabled
	// StateDone: the schedule is over, or the long-running worker returned nil.
	StateDone
	// StateBroken: the schedule misbehaved and was stopped, or the long-running
	// worker failed for good; Err says how.
	StateBroken
)

var states = [...]string{"idle", "running", "waiting", "backoff", "paused", "disabled", "done", "broken"}

// String returns the state's name in lower case.
func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return "unknown"
}

// LastRun describes a run that ended.
type LastRun struct {
	Tick     Tick // with the last attempt's number
	Start    time.Time
	Duration time.Duration
	Outcome  Outcome
	Err      error
	Instance string
}

// Attempts returns how many attempts the run took.
func (l LastRun) Attempts() int { return l.Tick.Attempt }

// SkipReason is why a slot was not run (OBS-2).
type SkipReason uint8

// The reasons.
const (
	// ReasonNone is the zero value: nothing was skipped.
	ReasonNone SkipReason = iota
	// ReasonOverlap: the worker's previous run was still in progress (PER-5).
	ReasonOverlap
	// ReasonPaused: the worker was paused (CTL-4).
	ReasonPaused
	// ReasonMissed: it came too late, and the misfire policy passed it over (PER-7).
	ReasonMissed
	// ReasonRefused: three instances crashed over it (CLU-4), or it may run at most once,
	// and who was to run it knew that too late, as after an answer of the broker was lost.
	ReasonRefused
)

var reasons = [...]string{"none", "overlap", "paused", "missed", "refused"}

// String returns "none", "overlap", "paused", "missed" or "refused".
func (r SkipReason) String() string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return "unknown"
}

// Skips counts skipped slots by reason.
type Skips struct{ Overlap, Paused, Missed, Refused uint64 }

// Total returns the sum of all reasons.
func (s Skips) Total() uint64 { return s.Overlap + s.Paused + s.Missed + s.Refused }

func (s *Skips) add(r SkipReason, n int) {
	switch r {
	case ReasonOverlap:
		s.Overlap += uint64(n)
	case ReasonPaused:
		s.Paused += uint64(n)
	case ReasonMissed:
		s.Missed += uint64(n)
	case ReasonRefused:
		s.Refused += uint64(n)
	}
}
