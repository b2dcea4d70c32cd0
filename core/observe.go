package core

import "time"

// An Observer is notified of what happens in a manager: metrics, traces and tests
// are built on it. EventBegan and EventEnded come on the run's goroutine, the others
// on a goroutine that what happened waits for. So an observer must return quickly. It
// is called from several goroutines at a time; a run's events come in order. A panic
// and a runtime.Goexit in it are contained and logged (ERR-3).
type Observer func(Event)

// An Event is one thing that happened.
type Event struct {
	Kind EventKind
	Time time.Time // by the instance's clock
	Tick Tick      // the run's or the slot's; zero for EventBroker
	// Result is how a run ended (EventEnded), or what failed (EventAttemptFailed).
	Result Result
	// Duration is that of the run (EventEnded).
	Duration time.Duration
	// Reason, Last and Count are those of EventSkipped: why the slots from Tick.Slot
	// to Last, Count of them, were not run. Of a single slot Last is Tick.Slot. None
	// of them ran or will run (OBS-2). Last is in UTC; of a manual tick it is zero.
	Reason SkipReason
	Last   time.Time
	Count  int
	// Err is why the broker cannot be reached, nil where it can again
	// (EventBroker), or why a worker broke (EventBroken).
	Err error
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
