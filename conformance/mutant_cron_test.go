package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { mutants = append(mutants, cronMutants) }

// CRN-1 to CRN-3.
var cronMutants = []mutant{
	{name: "wants-both-days-to-match", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		if c.star(2) || c.star(4) {
			return nil
		}
		byDate, byWeekday := c.with(4, "*"), c.with(2, "*")
		return c.next(func(after time.Time) time.Time {
			for slot := byDate.Next(after); !slot.IsZero(); slot = byDate.Next(slot) {
				if byWeekday.Next(slot.Add(-1)).Equal(slot) {
					return slot
				}
			}
			return time.Time{}
		})
	})},
	{name: "takes-either-day-though-one-begins-with-a-star", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		switch {
		case c.star(2) && c.fields[2] != "*" && c.fields[2] != "?":
			return c.with(2, "1-31"+c.fields[2][1:])
		case c.star(4) && c.fields[4] != "*" && c.fields[4] != "?":
			return c.with(4, "0-6"+c.fields[4][1:])
		}
		return nil
	})},
	{name: "takes-seconds-for-minutes", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		if !c.seconds {
			return nil
		}
		s, err := core.ParseCron(strings.Join(c.fields[:], " "), core.In(c.loc))
		if err != nil {
			return nil
		}
		return s
	})},
	{name: "does-not-know-that-7-is-sunday", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		if c.fields[4] == "7" {
			return c.with(4, "1")
		}
		return nil
	})},
	{name: "gives-up-after-five-years", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		return c.next(func(after time.Time) time.Time {
			if slot := c.Next(after); slot.Before(after.AddDate(5, 0, 0)) {
				return slot
			}
			return time.Time{}
		})
	})},
	{name: "takes-1900-and-2100-for-leap-years", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		return c.next(func(after time.Time) time.Time {
			if c.fields[2] == "29" && c.fields[3] == "2" && after.Year() >= 2096 && after.Year() < 2100 {
				return time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC)
			}
			return c.Next(after)
		})
	})},
	{name: "takes-what-is-never-due", breaks: []string{"CRN-1"}, open: tweaked(func(w *core.Worker) {
		if v, ok := w.Schedule.(interface{ Validate() error }); ok && w.Name == "the-worker" && v.Validate() != nil {
			w.Schedule = otherNext{core.Every(time.Hour), never}
		}
	}, nil)},
	{name: "takes-the-first-value-for-a-step-that-is-too-large", breaks: []string{"CRN-1"}, open: tweaked(func(w *core.Worker) {
		v, ok := w.Schedule.(interface{ Validate() error })
		if !ok || v.Validate() == nil || !strings.Contains(v.Validate().Error(), "step larger") {
			return
		}
		expr := strings.TrimPrefix(fmt.Sprint(w.Schedule), "cron ")
		w.Schedule = core.Cron(regexp.MustCompile(`/\d+`).ReplaceAllString(expr, ""))
	}, nil)},
	{name: "is-never-due-at-a-step-as-large-as-its-fields-range", breaks: []string{"CRN-1"}, open: crooked(func(c parsed) core.Schedule {
		if c.fields[0] == "*/60" || c.fields[4] == "*/7" {
			return c.next(never)
		}
		return nil
	})},
	{name: "does-not-say-what-does-not-parse", breaks: []string{"CRN-1"}, open: func(opts core.Options) (core.Manager, error) {
		m, err := native.New(native.Config{}, opts)
		return vague{m}, err
	}},

	{name: "takes-the-hosts-zone-for-the-schedules", breaks: []string{"CRN-2"}, open: func(opts core.Options) (core.Manager, error) {
		host := opts.Now().Location()
		if host == time.Local {
			host = time.UTC // wherever these tests run
		}
		return crooked(func(c parsed) core.Schedule {
			if c.loc != time.UTC {
				return nil
			}
			c.loc = host
			return c.next(c.with(0, c.fields[0]).Next)
		})(opts)
	}},
	{name: "takes-every-zone-for-utc", breaks: []string{"CRN-2", "CRN-3"}, open: crooked(func(c parsed) core.Schedule {
		if c.loc == time.UTC {
			return nil
		}
		c.loc = time.UTC
		return c.next(c.with(0, c.fields[0]).Next)
	})},
	{name: "takes-no-zone-for-utc", breaks: []string{"CRN-2"}, open: tweaked(func(w *core.Worker) {
		if v, ok := w.Schedule.(interface{ Validate() error }); ok && v.Validate() != nil && strings.Contains(v.Validate().Error(), "In(nil)") {
			w.Schedule = core.Cron("0 9 * * *")
		}
	}, nil)},

	{name: "loses-what-daylight-saving-skips", breaks: []string{"CRN-3"}, open: crooked(func(c parsed) core.Schedule {
		if c.star(1) {
			return nil
		}
		starred := c.with(1, "*")
		return c.next(func(after time.Time) time.Time { // the hour that the clock shows, and the first time
			for slot := c.Next(after); !slot.IsZero(); slot = c.Next(slot) {
				if starred.Next(slot.Add(-1)).Equal(slot) && c.hourOf(slot) {
					return slot
				}
			}
			return time.Time{}
		})
	})},
	{name: "runs-what-daylight-saving-skips-an-hour-later", breaks: []string{"CRN-3"}, open: crooked(func(c parsed) core.Schedule {
		if c.star(1) {
			return nil
		}
		starred := c.with(1, "*")
		return c.next(func(after time.Time) time.Time {
			slot := c.Next(after)
			if !slot.IsZero() && !starred.Next(slot.Add(-1)).Equal(slot) {
				return starred.Next(slot)
			}
			return slot
		})
	})},
	{name: "runs-twice-what-daylight-saving-repeats", breaks: []string{"CRN-3"}, open: crooked(func(c parsed) core.Schedule {
		if c.star(1) {
			return nil
		}
		starred := c.with(1, "*")
		return c.next(func(after time.Time) time.Time {
			slot := c.Next(after)
			for again := starred.Next(after); !again.IsZero() && again.Before(slot); again = starred.Next(again) {
				if c.hourOf(again) {
					return again
				}
			}
			return slot
		})
	})},
	{name: "takes-a-star-in-the-hour-for-fixed-times", breaks: []string{"CRN-3"}, open: crooked(func(c parsed) core.Schedule {
		if !c.star(1) {
			return nil
		}
		return c.with(1, "0-23"+c.fields[1][1:])
	})},
}

// vague says that something is wrong with an expression, and not what.
type vague struct{ core.Manager }

func (m vague) Add(ctx context.Context, w core.Worker) error {
	err := m.Manager.Add(ctx, w)
	var e *core.WorkerError
	if errors.As(err, &e) && e.Field == "Schedule" && strings.Contains(err.Error(), "cron") {
		return &core.WorkerError{Op: "add", Worker: w.Name, Field: "Schedule", Err: core.ErrInvalidWorker}
	}
	return err
}

// A parsed is a cron schedule taken apart: minute, hour, day of month, month, and
// day of week.
type parsed struct {
	core.Schedule
	fields  [5]string
	second  string
	seconds bool // there are six
	loc     *time.Location
}

// crooked is a native manager whose cron schedules are others, where f returns
// one.
func crooked(f func(parsed) core.Schedule) func(core.Options) (core.Manager, error) {
	return swapped(func(w core.Worker) core.Schedule {
		text, ok := strings.CutPrefix(core.DescribeSchedule(w.Schedule), "cron ")
		if !ok || text[0] == '@' {
			return nil
		}
		c := parsed{Schedule: w.Schedule, second: "0", loc: time.UTC}
		words := strings.Split(text, " ")
		switch last := words[len(words)-1]; {
		case last == "":
			return nil // a fixed zone without a name
		case strings.Contains(last, "/") && last[0] >= 'A':
			loc, err := time.LoadLocation(last)
			if err != nil {
				return nil
			}
			c.loc, words = loc, words[:len(words)-1]
		}
		if len(words) == 6 {
			c.seconds, c.second, words = true, words[0], words[1:]
		}
		copy(c.fields[:], words)
		return f(c)
	})
}

// star tells whether a field begins with * or ?.
func (c parsed) star(i int) bool { return strings.ContainsAny(c.fields[i][:1], "*?") }

// with returns the schedule with one field replaced.
func (c parsed) with(i int, field string) core.Schedule {
	c.fields[i] = field
	return core.Cron(c.second+" "+strings.Join(c.fields[:], " "), core.In(c.loc))
}

// next returns the schedule with another Next.
func (c parsed) next(f func(time.Time) time.Time) core.Schedule { return otherNext{c.Schedule, f} }

// hourOf tells whether the clock shows an hour at a slot that the hour field
// names.
func (c parsed) hourOf(slot time.Time) bool {
	wall := slot.In(c.loc)
	utc := c
	utc.loc = time.UTC
	hour := time.Date(2000, 1, 1, wall.Hour(), 0, 0, 0, time.UTC)
	return utc.hours().Next(hour.Add(-1)).Equal(hour)
}

// hours is due in each hour that the hour field names, on every day.
func (c parsed) hours() core.Schedule {
	c.fields[0], c.fields[2], c.fields[3], c.fields[4], c.second = "0", "*", "*", "*", "0"
	return c.with(1, c.fields[1])
}
