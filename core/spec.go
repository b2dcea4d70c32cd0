package core

import (
	"context"
	"slices"
	"time"
)

// spec has the fields of a job's Worker. Fields that few workers set are in rest, so
// that a job is small (layout_test.go).
type spec struct {
	Name       string
	Schedule   Schedule
	Run        func(context.Context) error
	Timeout    time.Duration
	Retry      Retry
	Jitter     time.Duration
	MaxLate    time.Duration
	Scope      Scope
	Misfire    Misfire
	RunOnStart bool
	AtMostOnce bool
	Disabled   bool
	*rest
}

// rest has the fields that few workers set.
type rest struct {
	Middleware        []Middleware
	AttemptMiddleware []Middleware
	OnStart, OnStop   func(context.Context) error
}

// noRest is the rest of most workers. It is never changed.
var noRest rest

func specOf(w Worker) spec {
	s := spec{
		w.Name, w.Schedule, w.Run, w.Timeout, w.Retry, w.Jitter, w.MaxLate,
		w.Scope, w.Misfire, w.RunOnStart, w.AtMostOnce, w.Disabled, &noRest,
	}
	if len(w.Middleware)+len(w.AttemptMiddleware) > 0 || w.OnStart != nil || w.OnStop != nil {
		s.rest = &rest{slices.Clone(w.Middleware), slices.Clone(w.AttemptMiddleware), w.OnStart, w.OnStop}
	}
	return s
}

// worker returns the fields as a Worker.
func (s *spec) worker() Worker {
	return Worker{
		Name: s.Name, Schedule: s.Schedule, Run: s.Run, Timeout: s.Timeout, Retry: s.Retry,
		Jitter: s.Jitter, MaxLate: s.MaxLate, Scope: s.Scope, Misfire: s.Misfire,
		RunOnStart: s.RunOnStart, AtMostOnce: s.AtMostOnce, Disabled: s.Disabled,
		Middleware: slices.Clone(s.Middleware), AttemptMiddleware: slices.Clone(s.AttemptMiddleware),
		OnStart: s.OnStart, OnStop: s.OnStop,
	}
}
