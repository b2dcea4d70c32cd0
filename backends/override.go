package backends

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

func (o Override) hasSchedule() bool {
	return o.Every != 0 || o.Cron != "" || o.Delay != 0 || o.Timezone != "" || o.Offset != 0
}

// replaced returns the keys of a schedule that are not heard any more where o
// comes over them. The time zone is heard until there is another, or a schedule
// that has none.
func (o Override) replaced() []string {
	switch {
	case o.Every != 0, o.Delay != 0:
		return []string{"every", "offset", "delay", "cron", "timezone"}
	case o.Cron != "":
		return []string{"every", "offset", "delay", "cron"}
	}
	return nil
}

// over returns o, with base's for what o does not give.
func (o Override) over(base Override) Override {
	for _, f := range tagged(reflect.TypeFor[Override]()) {
		if slices.Contains(o.replaced(), f.name) {
			reflect.ValueOf(&base).Elem().FieldByIndex(f.Index).SetZero()
		}
	}
	if o.Retry != nil && base.Retry != nil {
		both := *o.Retry
		fill(&both, *base.Retry)
		o.Retry = &both
	}
	fill(&o, base)
	return o
}

// fill sets what is zero in a struct to what it is in another.
func fill[S any](s *S, from S) {
	v, f := reflect.ValueOf(s).Elem(), reflect.ValueOf(from)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			v.Field(i).Set(f.Field(i))
		}
	}
}

// apply returns the worker with what o gives in place of what the program gave.
// The error is of a field that o sets and the program's worker has no use for.
func (o Override) apply(w core.Worker) (changed core.Worker, field string, err error) {
	if w.Schedule == nil && o.hasSchedule() {
		return w, "Schedule", fmt.Errorf("the worker is a long-running one, and has no schedule to replace: %w", core.ErrUnsupported)
	}
	s, err := o.schedule(w.Schedule)
	every, isEvery := s.(core.Interval)
	switch {
	case err != nil:
		return w, "Schedule", err
	case isEvery && o.Jitter == nil && w.Jitter >= every.Period():
		return w, "Schedule", fmt.Errorf("must be longer than the program's jitter of %s, got %s: %w", w.Jitter, every.Period(), core.ErrInvalidWorker)
	case w.Schedule == nil && o.Misfire != nil:
		return w, "Misfire", errNoSlots
	case w.Schedule == nil && o.MaxLate != nil:
		return w, "MaxLate", errNoSlots
	case o.MaxLate != nil && o.Misfire == nil && w.Misfire == core.SkipMissed:
		return w, "MaxLate", fmt.Errorf("goes with misfire %s, and the program's is %s: %w", core.RunLatest, core.SkipMissed, core.ErrInvalidWorker)
	case s != nil:
		w.Schedule = s
	}
	if o.Timeout != nil {
		w.Timeout = *o.Timeout
	}
	if o.Retry != nil {
		w.Retry = o.Retry.apply(w.Retry)
	}
	if o.Jitter != nil {
		w.Jitter = *o.Jitter
	}
	if o.Misfire != nil {
		w.Misfire = *o.Misfire
	}
	if o.MaxLate != nil {
		w.MaxLate = *o.MaxLate
	}
	if o.RunOnStart != nil {
		w.RunOnStart = *o.RunOnStart
	}
	if o.Enabled != nil {
		w.Disabled = !*o.Enabled
	}
	return w, "", nil
}

var errNoSlots = fmt.Errorf("the worker is a long-running one, and has no slots to miss: %w", core.ErrInvalidWorker)

func (r Retry) apply(w core.Retry) core.Retry {
	if r.Attempts > 0 {
		w.MaxAttempts = r.Attempts
	}
	if r.Backoff > 0 {
		longest := r.MaxBackoff
		if longest == 0 {
			longest = time.Minute
		}
		w.Backoff = core.Exponential(r.Backoff, longest)
	}
	return w
}

// configured returns the fields of the worker that o sets, for its status, in
// the order of core.Worker.
func (o Override) configured() []string {
	var fields []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"Schedule", o.hasSchedule()},
		{"Timeout", o.Timeout != nil},
		{"Retry", o.Retry != nil && *o.Retry != Retry{}},
		{"Jitter", o.Jitter != nil},
		{"Misfire", o.Misfire != nil},
		{"MaxLate", o.MaxLate != nil},
		{"RunOnStart", o.RunOnStart != nil},
		{"Disabled", o.Enabled != nil},
	} {
		if f.set {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// keyOf returns the key that sets a field of the worker, or the nearest.
func (o Override) keyOf(field string) string {
	switch field {
	case "Schedule":
		switch {
		case o.Cron != "":
			return "cron"
		case o.Delay != 0:
			return "delay"
		case o.Every == 0:
			return "timezone"
		}
		return "every"
	case "Timeout":
		return "timeout"
	case "Jitter":
		return "jitter"
	case "Misfire":
		return "misfire"
	case "MaxLate":
		return "max_late"
	case "RunOnStart":
		return "run_on_start"
	case "Retry", "Retry.MaxAttempts":
		return "retry"
	}
	return ""
}

// schedule returns the schedule that o makes of the program's, or nil where it
// leaves that as it is. Without a time zone in o it is in that of the program's.
func (o Override) schedule(program core.Schedule) (core.Schedule, error) {
	switch {
	case o.Every != 0:
		return core.Every(o.Every).Offset(o.Offset), nil
	case o.Delay != 0:
		return core.Delay(o.Delay), nil
	case o.Cron == "" && o.Timezone == "":
		return nil, nil
	}
	zone, err := locationOf(program)
	if err != nil {
		return nil, err
	}
	zone = cmp.Or(zone, time.UTC)
	if o.Timezone != "" {
		if zone, err = location(o.Timezone); err != nil {
			return nil, err
		}
	}
	if o.Cron != "" {
		return core.ParseCron(o.Cron, core.In(zone))
	}
	if s, ok := program.(zoned); ok {
		return inZone(s, zone)
	}
	return nil, fmt.Errorf("needs cron, but the program's schedule is %s: %w", core.DescribeSchedule(program), core.ErrInvalidWorker)
}

// zoned is a schedule that can be had in another time zone.
type zoned interface {
	In(zone *time.Location) core.Schedule
}

// inZone returns a schedule in a zone. The schedule is the program's code, and may panic.
func inZone(s zoned, zone *time.Location) (in core.Schedule, err error) {
	defer func() {
		if p := recover(); p != nil {
			in, err = nil, fmt.Errorf("panic in the In method of the program's schedule, a %T: %v", s, p)
		}
	}()
	return s.In(zone), nil
}

// locationOf returns the time zone of a schedule, or nil if it has none. The schedule is
// the program's code, and may panic.
func locationOf(s core.Schedule) (zone *time.Location, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the Location method of the program's schedule, a %T: %v", s, p)
		}
	}()
	if in, ok := s.(interface{ Location() *time.Location }); ok {
		return in.Location(), nil
	}
	return nil, nil
}

// location returns a time zone by its name.
func location(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New(`"Local" is another zone on every host; name the zone, as in Europe/Berlin`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone %q is known here, as in Europe/Berlin; where the host has no zones, import _ \"time/tzdata\"", clip(name))
	}
	return zone, nil
}
