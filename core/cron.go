package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/internal/cron"
)

// Cron is due at the times of a cron expression, as CRN-1 to CRN-3 say: five
// fields (minute, hour, day of month, month, day of week), or six with seconds
// first; names, ranges, steps, lists; Sunday is 0 or 7; @yearly, @monthly,
// @weekly, @daily, @hourly, and @every with a duration, which is Every. Where
// day of month and day of week are both restricted, either one is enough.
//
// Its time zone is UTC unless In gives another; it is never the host's. A fixed
// time that daylight saving skips is due once, at the first instant after the
// gap; one that it repeats is due once, the first time. Where the hour field
// begins with * the schedule follows real time.
//
// An expression that does not parse, or that is never due, is refused at Add;
// ParseCron reports it at once. So is one with a step larger than its field's
// range: */90 in the minutes would be due every hour. Use Every for that.
func Cron(expr string, opts ...CronOption) Schedule {
	s, err := ParseCron(expr, opts...)
	if err != nil {
		return badSchedule{expr, err}
	}
	return s
}

// ParseCron is Cron with the error at once. The error points at the field.
func ParseCron(expr string, opts ...CronOption) (Schedule, error) {
	o := cronOptions{location: time.UTC}
	for _, opt := range opts {
		opt(&o)
	}
	if o.err != nil {
		return nil, o.err
	}
	if period, ok := strings.CutPrefix(strings.TrimSpace(expr), "@every"); ok {
		d, err := time.ParseDuration(strings.TrimSpace(period))
		if err != nil {
			return nil, fmt.Errorf("cron %q: @every wants a duration such as 90s or 1h30m: %w", expr, err)
		}
		if err := Every(d).Validate(); err != nil {
			return nil, fmt.Errorf("cron %q: %w", expr, err)
		}
		return Every(d), nil
	}
	e, err := cron.Parse(expr, o.location)
	if err != nil {
		return nil, err
	}
	return cronSchedule{e}, nil
}

// A CronOption is an option of Cron: In.
type CronOption func(*cronOptions)

type cronOptions struct {
	location *time.Location
	err      error
}

// In gives a cron expression its time zone. A nil location, as left behind by
// an unchecked time.LoadLocation, is refused at Add.
func In(loc *time.Location) CronOption {
	return func(o *cronOptions) {
		if loc == nil {
			o.err = fmt.Errorf("In(nil): the time zone is nil; did time.LoadLocation fail?")
		}
		o.location = loc
	}
}

// cronSchedule shows an expression's slots in UTC and its zone in its name.
type cronSchedule struct{ expr *cron.Expr }

func (c cronSchedule) Next(after time.Time) time.Time { return utc(c.expr.Next(after)) }
func (c cronSchedule) Prev(at time.Time) time.Time    { return utc(c.expr.Prev(at)) }

// Location returns the schedule's time zone, for those who show its slots.
func (c cronSchedule) Location() *time.Location { return c.expr.Location() }

// In returns the schedule in another time zone, for those who configure it.
func (c cronSchedule) In(zone *time.Location) Schedule {
	return Cron(c.expr.String(), In(zone))
}

func (c cronSchedule) String() string {
	if loc := c.expr.Location(); loc != time.UTC {
		return "cron " + c.expr.String() + " " + loc.String()
	}
	return "cron " + c.expr.String()
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// badSchedule carries the error of an expression to Add.
type badSchedule struct {
	expr string
	err  error
}

func (b badSchedule) Next(time.Time) time.Time { return time.Time{} }
func (b badSchedule) Validate() error          { return b.err }
func (b badSchedule) String() string           { return "cron " + b.expr }

// In returns the same: another time zone does not mend it.
func (b badSchedule) In(*time.Location) Schedule { return b }
