package backends

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// scheduleKeys are the keys of an Override that make a schedule.
var scheduleKeys = []string{"every", "offset", "cron", "timezone", "delay"}

func (o Override) hasSchedule() bool {
	return o.Every != 0 || o.Cron != "" || o.Delay != 0 || o.Timezone != "" || o.Offset != 0
}

// over returns o, with base's for what o does not give.
func (o Override) over(base Override) Override {
	if o.hasSchedule() {
		base.Every, base.Offset, base.Cron, base.Timezone, base.Delay = 0, 0, "", "", 0
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
	s, err := o.schedule()
	switch {
	case err != nil:
		return w, "Schedule", err
	case w.Schedule == nil && s != nil:
		return w, "Schedule", fmt.Errorf("the worker is a long-running one, and has no schedule to replace: %w", core.ErrUnsupported)
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
		{"Retry", o.Retry != nil},
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

// schedule returns the schedule that o gives, or nil.
func (o Override) schedule() (core.Schedule, error) {
	switch {
	case o.Every != 0:
		return core.Every(o.Every).Offset(o.Offset), nil
	case o.Delay != 0:
		return core.Delay(o.Delay), nil
	case o.Cron == "":
		return nil, nil
	}
	zone, err := location(o.Timezone)
	if err != nil {
		return nil, err
	}
	return core.ParseCron(o.Cron, core.In(zone))
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
