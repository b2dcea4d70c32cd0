package core

import (
	"context"
	"time"
)

// An Observer is notified of what happens in a manager: metrics, traces and tests
// are built on it. EventBegan and EventEnded come on the run's goroutine. The others
// come on another goroutine, and what happened goes on only when the observer has
// returned. So an observer must return quickly. It is called from several goroutines
// at a time; the events of one run come in order. A panic and a runtime.Goexit in it
// are contained and logged (ERR-3).
type Observer func(Event)

// An Event is one thing that happened.
type Event struct {
	Kind EventKind
	Time time.Time // by the instance's clock
	Tick Tick      // the run's or the slot's; zero for EventBroker
	// Due is when a run of Tick is due: the slot plus the worker's jitter. It is zero
	// if Tick has no slot.
	Due time.Time
	// Cause is why the run of Tick is made, or CauseNone if the event has no tick.
	Cause Cause
	// Context has the trace to which the event belongs. For EventEnded it is the
	// innermost context that the middleware around the run made, for EventAttemptFailed
	// the innermost one that the middleware around the attempt made. For EventBegan,
	// which comes before the middleware, it is the run's own context. For an event
	// outside of a run it is context.Background().
	Context context.Context
	// Engine and Instance name the engine and this instance.
	Engine, Instance string
	// Result is how a run ended (EventEnded), or what failed (EventAttemptFailed). Its
	// Attempts is the number of attempts made so far.
	Result Result
	// Duration is how long the run took (EventEnded).
	Duration time.Duration
	// Reason, Last and Count belong to EventSkipped: the Count slots from Tick.Slot to
	// Last were not run, for Reason. None of them ran or will run (OBS-2). Last is in
	// UTC. For a single slot it is Tick.Slot, and for a manual tick it is zero.
	Reason SkipReason
	Last   time.Time
	Count  int
	// Err is why the broker cannot be reached, or nil if it can (EventBroker); the
	// first such event reports that Start has reached it. For EventBroken, Err is why
	// the worker broke.
	Err error
}

// Cause is why a run is made.
type Cause uint8

// The causes.
const (
	// CauseNone: there is no run.
	CauseNone Cause = iota
	// CauseSchedule: a slot of the worker's schedule.
	CauseSchedule
	// CauseTrigger: a Trigger, or RunOnStart.
	CauseTrigger
	// CauseLongRunning: a worker without a schedule was started, or started again.
	CauseLongRunning
)

var causes = [...]string{"none", "schedule", "trigger", "long-running"}

// String returns "none", "schedule", "trigger" or "long-running".
func (c Cause) String() string {
	if int(c) < len(causes) {
		return causes[c]
	}
	return "unknown"
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	EventBegan         EventKind = iota + 1 // a run begins its first attempt
	EventAttemptFailed                      // an attempt failed and will be repeated
	EventEnded                              // a run is over
	EventSkipped                            // slots were not run
	EventBroken                             // a worker's schedule was stopped with an error
	EventBroker                             // the connection to the broker changed
)

var eventKinds = [...]string{"none", "began", "attempt failed", "ended", "skipped", "broken", "broker"}

// String returns the kind in lower case.
func (k EventKind) String() string {
	if int(k) < len(eventKinds) {
		return eventKinds[k]
	}
	return "unknown"
}

// event returns an event of a worker. Its Context is not set.
func (j *Job) event(kind EventKind, tick Tick) Event {
	e := Event{Kind: kind, Tick: tick, Engine: j.m.features.Engine, Instance: j.m.opts.Instance}
	switch {
	case tick.Manual == "" && tick.Slot.IsZero():
	case j.long != nil:
		e.Cause = CauseLongRunning
	case tick.Manual != "":
		e.Cause = CauseTrigger
	default:
		e.Cause, e.Due = CauseSchedule, tick.Slot.Add(j.Jitter())
	}
	return e
}
