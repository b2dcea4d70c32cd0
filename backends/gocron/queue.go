package gocron

import (
	"reflect"

	"github.com/go-co-op/gocron/v2"
)

// queues tells whether a scheduler has a limit on concurrent jobs with
// LimitModeWait: then gocron asks for a job's next time when its timer goes off,
// puts the call into a queue, and makes it at any time later. Otherwise it calls,
// or passes the call over, before it asks.
//
// The mode decides how a RunNow is told from a call of the timer's, and gocron has
// no method that tells it: it is read from a field, which is set when the scheduler
// is made. A scheduler of another type than gocron's own counts as one without.
func queues(s gocron.Scheduler) bool {
	v := reflect.Indirect(reflect.ValueOf(s))
	for _, field := range [...]string{"exec", "limitMode", "mode"} {
		if v.Kind() != reflect.Struct {
			return false
		}
		v = reflect.Indirect(v.FieldByName(field))
	}
	return v.CanInt() && v.Int() == gocron.LimitModeWait
}
