package core

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Features is what an engine says of itself: what it cannot do, and the figures
// it is to be held to. The conformance suite tests that what is not listed in
// Lacks is done, that what is listed is refused with ErrUnsupported (REG-6),
// and that the figures hold.
type Features struct {
	// Engine is the engine's name: "native", "gocron", "asynq", "nats".
	Engine string

	// Distributed tells that instances which share a broker and a namespace
	// form a cluster, to which the CLU rules apply.
	Distributed bool

	// Memory tells that slots are remembered while no instance exists, so that
	// those missed then are known (PER-7) and a pause outlives them (CTL-4).
	Memory bool

	// Lateness is how late after its slot and jitter a run begins at most, on
	// an idle machine (PER-2).
	Lateness time.Duration

	// MinPeriod is the shortest period, and the shortest delay, that Add takes.
	MinPeriod time.Duration

	// Failover is how long a worker stands still at most when its instance, or
	// a node of the broker, dies (CLU-3, CLU-4, LNG-3). Zero where the engine
	// is not distributed.
	Failover time.Duration

	// Reroute is how long a tick takes at most to reach an instance that has
	// its worker (CLU-5).
	Reroute time.Duration

	// Loses says in a sentence what the broker can lose, and what follows
	// (CLU-13). Empty is nothing.
	Loses string

	// Lacks lists what the engine cannot do. Empty is nothing.
	Lacks []Feature
}

// Supports tells whether f is not among what the engine lacks.
func (f Features) Supports(x Feature) bool { return !slices.Contains(f.Lacks, x) }

// A Feature is something that an engine, or a manager written from scratch, may
// be unable to do.
type Feature string

// The features, as the field of Worker or the method of Manager that wants them.
const (
	FeatureCron        Feature = "cron"         // Schedule: Cron
	FeatureDelay       Feature = "delay"        // Schedule: Delay
	FeatureAnySchedule Feature = "any-schedule" // Schedule: the user's own type
	FeatureLongRunning Feature = "long-running" // Schedule: nil
	FeatureTimeout     Feature = "timeout"      // Timeout
	FeatureRetry       Feature = "retry"        // Retry
	FeatureJitter      Feature = "jitter"       // Jitter
	FeatureMisfire     Feature = "misfire"      // Misfire, MaxLate
	FeatureRunOnStart  Feature = "run-on-start" // RunOnStart
	FeaturePerInstance Feature = "per-instance" // Scope: PerInstance
	FeatureAtMostOnce  Feature = "at-most-once" // AtMostOnce
	FeatureHooks       Feature = "hooks"        // OnStart, OnStop
	FeatureRemove      Feature = "remove"       // Manager.Remove
	FeatureReschedule  Feature = "reschedule"   // Manager.Reschedule
	FeatureTrigger     Feature = "trigger"      // Manager.Trigger
	FeaturePause       Feature = "pause"        // Manager.Pause, Manager.Resume
)

// The features that only a manager written from scratch may lack: NewManager's has them
// with every engine. If Options need a feature that the manager lacks, the function that
// makes the manager, or Start, returns ErrUnsupported; only Options.Now is ignored.
const (
	FeatureMiddleware    Feature = "middleware"     // Middleware and AttemptMiddleware, of Options and of Worker
	FeatureObservers     Feature = "observers"      // Options.Observers
	FeatureMaxConcurrent Feature = "max-concurrent" // Options.MaxConcurrent
	FeatureClock         Feature = "clock"          // Options.Now, and a wall clock that is set
	FeatureDisabled      Feature = "disabled"       // Options.Disabled, Worker.Disabled
	FeatureSkipCounts    Feature = "skip-counts"    // WorkerStatus.Skips
)

// Check returns why a manager with these features cannot take a worker: a *WorkerError
// that is ErrInvalidWorker (REG-3) or ErrUnsupported (REG-6), or nil. A manager written
// from scratch calls it in Add, with the current time of its clock.
func (f Features) Check(w Worker, now time.Time) error {
	if field, err := f.check(&w, now); err != nil {
		return &WorkerError{Op: "add", Worker: w.Name, Field: field, Err: err}
	}
	return nil
}

func (f Features) check(w *Worker, now time.Time) (field string, err error) {
	if field, err := w.validate(); err != nil {
		return field, err
	}
	if field, lack := f.unsupported(w); lack != "" {
		return field, fmt.Errorf("%s cannot do %s: %w", cmp.Or(f.Engine, "this engine"), lack, ErrUnsupported)
	}
	if err := tryOut(w.Schedule, now, f.MinPeriod); err != nil {
		return "Schedule", err
	}
	return "", nil
}

// unsupported returns the field of w that wants what f lacks, and the feature.
func (f Features) unsupported(w *Worker) (field string, lack Feature) {
	if len(f.Lacks) == 0 {
		return "", ""
	}
	wants := []struct {
		field   string
		feature Feature
		wanted  bool
	}{
		{"Schedule", scheduleFeature(w.Schedule), true},
		{"Timeout", FeatureTimeout, w.Timeout > 0},
		{"Retry", FeatureRetry, w.Retry.MaxAttempts > 1},
		{"Jitter", FeatureJitter, w.Jitter > 0},
		{"Misfire", FeatureMisfire, w.Misfire != RunLatest},
		{"MaxLate", FeatureMisfire, w.MaxLate > 0},
		{"RunOnStart", FeatureRunOnStart, w.RunOnStart},
		{"Scope", FeaturePerInstance, w.Scope == PerInstance},
		{"AtMostOnce", FeatureAtMostOnce, w.AtMostOnce},
		{"OnStart", FeatureHooks, w.OnStart != nil},
		{"OnStop", FeatureHooks, w.OnStop != nil},
		{"Middleware", FeatureMiddleware, len(w.Middleware) > 0},
		{"AttemptMiddleware", FeatureMiddleware, len(w.AttemptMiddleware) > 0},
		{"Disabled", FeatureDisabled, w.Disabled},
	}
	for _, want := range wants {
		if want.wanted && want.feature != "" && !f.Supports(want.feature) {
			return want.field, want.feature
		}
	}
	return "", ""
}

// checkOptions returns an error that is ErrUnsupported if an option wants what f lacks (REG-6).
func (f Features) checkOptions(o *Options) error {
	for _, want := range []struct {
		field   string
		feature Feature
		wanted  bool
	}{
		{"Middleware", FeatureMiddleware, len(o.Middleware) > 0},
		{"AttemptMiddleware", FeatureMiddleware, len(o.AttemptMiddleware) > 0},
		{"Observers", FeatureObservers, len(o.Observers) > 0},
		{"MaxConcurrent", FeatureMaxConcurrent, o.MaxConcurrent > 0},
		{"Disabled", FeatureDisabled, o.Disabled},
	} {
		if want.wanted && !f.Supports(want.feature) {
			return fmt.Errorf("option %s: %s cannot do %s: %w", want.field, cmp.Or(f.Engine, "this engine"), want.feature, ErrUnsupported)
		}
	}
	return nil
}

// scheduleFeature returns the feature that a schedule wants; Every wants none.
func scheduleFeature(s Schedule) Feature {
	switch s.(type) {
	case nil:
		return FeatureLongRunning
	case Interval:
		return ""
	case AfterRun:
		return FeatureDelay
	case cronSchedule:
		return FeatureCron
	default:
		return FeatureAnySchedule
	}
}
