package core

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Schedule is a pure function from a time to the next slot after it. Every
// instance computes the same slots from it, so it must depend on nothing but
// its argument. It is called from several goroutines and must return quickly:
// the clock waits for it.
//
// A schedule may have further methods, each found where it is there:
//
//   - Prev(at time.Time) time.Time returns the last slot at or before a time,
//     or the zero time. With it the latest of many missed slots is found at
//     once; without it the clock searches for it with Next.
//   - Count(after, until time.Time) int returns the number of slots in
//     (after, until]. Without it missed slots are counted with Next, up to
//     MaxCounted at a time.
//   - Validate() error refuses the worker at Add (REG-3).
//   - Location() *time.Location returns the time zone that the schedule is meant
//     in, and In(zone *time.Location) Schedule returns it in another: with them
//     configuration replaces the zone alone, or all but the zone.
//   - String() string is what the worker's status shows.
type Schedule interface {
	// Next returns the first slot after a time, or the zero time when there
	// is none any more, which ends the worker (PER-9). The result must be
	// after the argument: a schedule that does not advance is refused, or
	// stopped with an error.
	Next(after time.Time) time.Time
}

// MaxCounted bounds how many missed slots of a schedule without a Count method
// are counted one by one; where there were more, the count says MaxCounted.
const MaxCounted = 10_000

// Slots are slots of one schedule that belong together, such as those that were
// missed before one: the first, the last, and how many there are from the first to
// the last. The zero value is none.
type Slots struct {
	First, Last time.Time
	N           int
}

// OneSlot returns a single slot as Slots.
func OneSlot(slot time.Time) Slots { return Slots{First: slot, Last: slot, N: 1} }

// With returns the slots and the one that follows them.
func (s Slots) With(slot time.Time) Slots {
	if s.N == 0 {
		return OneSlot(slot)
	}
	return Slots{First: s.First, Last: slot, N: s.N + 1}
}

// Every is due at each multiple of period since the Unix epoch, in UTC (PER-1):
// Every(10*time.Minute) at :00, :10, :20, … of every hour, on every instance,
// whenever it was started. A period of zero or less is refused at Add.
func Every(period time.Duration) Interval { return Interval{period: period} }

// An Interval is the schedule that Every makes. The zero value is refused at Add.
type Interval struct{ period, offset time.Duration }

// Offset returns the interval with every slot moved later by d:
// Every(time.Hour).Offset(15*time.Minute) is due at :15 of every hour. It
// replaces an offset set before; a negative one moves the slots earlier.
func (i Interval) Offset(d time.Duration) Interval {
	i.offset = d
	return i
}

// Period returns the time between two slots.
func (i Interval) Period() time.Duration { return i.period }

// Next returns the first slot after a time, in UTC.
func (i Interval) Next(after time.Time) time.Time {
	if i.period <= 0 {
		return time.Time{}
	}
	return i.floor(after).Add(i.period)
}

// Prev returns the last slot at or before a time, in UTC.
func (i Interval) Prev(at time.Time) time.Time {
	if i.period <= 0 {
		return time.Time{}
	}
	return i.floor(at)
}

// floor returns the last slot at or before t. Inside the years 1685 to 2255 it
// is a division of the Unix time in nanoseconds; outside, where that overflows,
// the remainder is taken of seconds and nanoseconds apart.
func (i Interval) floor(t time.Time) time.Time {
	period, offset := int64(i.period), int64(i.offset%i.period)
	if s := t.Unix(); s > -9_000_000_000 && s < 9_000_000_000 {
		ns := t.UnixNano() - offset
		rem := ns % period
		if rem < 0 {
			rem += period
		}
		return time.Unix(0, ns-rem+offset).UTC()
	}
	t = t.Round(0).Add(-time.Duration(offset))
	rem := remainder(t.Unix(), int64(t.Nanosecond()), period)
	return t.Add(time.Duration(offset - rem)).UTC()
}

// Count returns the number of slots in (after, until].
func (i Interval) Count(after, until time.Time) int {
	if i.period <= 0 || !until.After(after) {
		return 0
	}
	return int(i.floor(until).Sub(i.floor(after)) / i.period)
}

// Validate refuses a period of zero or less.
func (i Interval) Validate() error {
	if i.period <= 0 {
		return fmt.Errorf("a period must be positive, got %s", i.period)
	}
	return nil
}

// String returns "every 10m0s", with the offset where there is one.
func (i Interval) String() string {
	if i.offset != 0 {
		return fmt.Sprintf("every %s offset %s", short(i.period), short(i.offset))
	}
	return "every " + short(i.period)
}

// Delay is due d after the worker's previous run ended, wherever it ran, and
// first d after the worker started (PER-10). A delay of zero or less is refused
// at Add. Unlike the slots of Every and Cron those of a Delay depend on the
// runs before them; its Next is that of a run that ends at its argument.
func Delay(d time.Duration) AfterRun { return AfterRun{delay: d} }

// AfterRun is the schedule that Delay makes. The zero value is refused at Add.
type AfterRun struct{ delay time.Duration }

// Next returns the slot that follows a run which ended at the given time.
func (a AfterRun) Next(ended time.Time) time.Time {
	if a.delay <= 0 {
		return time.Time{}
	}
	return ended.Round(0).Add(a.delay).UTC()
}

// Delay returns the time between the end of a run and the next slot.
func (a AfterRun) Delay() time.Duration { return a.delay }

// Validate refuses a delay of zero or less.
func (a AfterRun) Validate() error {
	if a.delay <= 0 {
		return fmt.Errorf("a delay must be positive, got %s", a.delay)
	}
	return nil
}

// String returns "10m after each run".
func (a AfterRun) String() string { return short(a.delay) + " after each run" }

// remainder returns (sec·1e9 + nsec) mod period without overflow.
func remainder(sec, nsec, period int64) int64 {
	rem := mulMod(sec, int64(time.Second), period)
	rem = (rem + nsec%period) % period
	if rem < 0 {
		rem += period
	}
	return rem
}

// mulMod returns a·b mod m, of the sign of a, by doubling.
func mulMod(a, b, m int64) int64 {
	neg := a < 0
	if neg {
		a = -a
	}
	x, sum := uint64(a)%uint64(m), uint64(0)
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			sum = (sum + x) % uint64(m)
		}
		x = x * 2 % uint64(m)
	}
	if neg {
		return -int64(sum)
	}
	return int64(sum)
}

// short prints a duration without its zero units: 10m, 1h30m.
func short(d time.Duration) string {
	s := d.String()
	for _, zero := range [...]string{"m0s", "h0m"} {
		if n := len(s) - 2; n > 0 && len(s) > len(zero) && s[len(s)-len(zero):] == zero {
			s = s[:n]
		}
	}
	return s
}

// isDelay tells whether the slots of s depend on the end of the run before.
func isDelay(s Schedule) bool {
	_, ok := s.(AfterRun)
	return ok
}

var errNotAdvancing = errors.New("the schedule does not advance")

// NextSlot asks a schedule for its next slot, and turns a panic and a slot that
// is not after its argument into an error (PER-9). It is for engines that ask a
// schedule themselves.
func NextSlot(s Schedule, after time.Time) (time.Time, error) { return next(s, after) }

func next(s Schedule, after time.Time) (slot time.Time, err error) {
	if fault := askSchedule(s, func() { slot, err = advance(s, after) }); fault != nil {
		return time.Time{}, fmt.Errorf("the schedule's Next(%s): %w", after.UTC().Format(time.RFC3339Nano), fault)
	}
	return slot, err
}

// askSchedule calls f, which calls a schedule's methods, and returns its panic. The
// schedules of this package do not panic.
func askSchedule(s Schedule, f func()) *PanicError {
	switch s.(type) {
	case nil, Interval, AfterRun, cronSchedule, badSchedule:
		f()
		return nil
	}
	return ask(f)
}

// advance is next, if the schedule does not panic.
func advance(s Schedule, after time.Time) (time.Time, error) {
	slot := s.Next(after)
	if !slot.IsZero() && !slot.After(after) {
		return time.Time{}, fmt.Errorf("%w: Next(%s) is %s", errNotAdvancing,
			after.UTC().Format(time.RFC3339Nano), slot.UTC().Format(time.RFC3339Nano))
	}
	return slot, nil
}

// latest returns the last slot of s in [first, now], and the slots from first on that are
// before it. First must be a slot at or before now.
func latest(s Schedule, first, now time.Time) (slot time.Time, missed Slots, err error) {
	if fault := askSchedule(s, func() { slot, missed, err = lookBack(s, first, now) }); fault != nil {
		return time.Time{}, Slots{}, fmt.Errorf("the schedule, asked for the latest slot at %s: %w", now.UTC().Format(time.RFC3339Nano), fault)
	}
	return slot, missed, err
}

// lookBack is latest, if the schedule does not panic.
func lookBack(s Schedule, first, now time.Time) (slot time.Time, missed Slots, err error) {
	slot, err = prev(s, first, now)
	if err != nil || !slot.After(first) {
		return slot, Slots{}, err
	}
	last, err := prev(s, first, slot.Add(-1))
	if err != nil {
		return time.Time{}, Slots{}, err
	}
	n, err := count(s, first, slot)
	return slot, Slots{First: first, Last: last, N: max(n, 1)}, err
}

// prev returns the last slot of s in [first, at]. First must be a slot at or before at.
func prev(s Schedule, first, at time.Time) (time.Time, error) {
	p, ok := s.(interface{ Prev(time.Time) time.Time })
	if !ok {
		return search(s, first, at)
	}
	slot := p.Prev(at)
	if slot.Before(first) || slot.After(at) {
		return time.Time{}, fmt.Errorf("%w: Prev(%s) is %s, and %s was a slot", errNotAdvancing,
			at.UTC().Format(time.RFC3339Nano), slot.UTC().Format(time.RFC3339Nano), first.UTC().Format(time.RFC3339Nano))
	}
	return slot, confirm(s, slot)
}

// confirm returns an error if a time that a user's Prev returned is not a slot by Next.
func confirm(s Schedule, slot time.Time) error {
	switch s.(type) {
	case Interval, cronSchedule:
		return nil
	}
	same, err := advance(s, slot.Add(-1))
	if err == nil && !same.Equal(slot) {
		err = fmt.Errorf("the schedule contradicts itself: Prev returned %s, which is not a slot by Next",
			slot.UTC().Format(time.RFC3339Nano))
	}
	return err
}

// CatchUp finds what an engine must deliver when it wakes for a slot. First is the
// slot that it waited for. Now is the instance's time less the job's jitter, and not
// before first. CatchUp returns the last slot in [first, now], the missed slots from
// first on that are before it, and the slot that follows it, which is zero if there
// is none. For a Delay, slot is first, and following is zero because it depends on the
// end of the run. If the schedule misbehaves, slot is first, and the engine must report
// err with Job.Broke. A Clock does all this.
func CatchUp(s Schedule, first, now time.Time) (slot time.Time, missed Slots, following time.Time, err error) {
	if isDelay(s) {
		return first, Slots{}, time.Time{}, nil
	}
	following, err = next(s, first)
	if err != nil || following.IsZero() || following.After(now) {
		return first, Slots{}, following, err
	}
	slot, missed, err = latest(s, first, now)
	if err != nil {
		return first, Slots{}, time.Time{}, err
	}
	following, err = next(s, slot)
	return slot, missed, following, err
}

// search finds the last slot in [first, now] with Next alone: it looks back from
// now by twice as much each time until there is a slot, and goes on from there.
func search(s Schedule, first, now time.Time) (time.Time, error) {
	found := first
	for back := time.Microsecond; ; back *= 2 {
		from := now.Add(-back)
		if back <= 0 || !from.After(first) {
			break
		}
		slot, err := advance(s, from)
		if err != nil {
			return time.Time{}, err
		}
		if !slot.IsZero() && !slot.After(now) {
			found = slot
			break
		}
	}
	for {
		slot, err := advance(s, found)
		if err != nil {
			return time.Time{}, err
		}
		if slot.IsZero() || slot.After(now) {
			return found, nil
		}
		found = slot
	}
}

// count returns the number of slots in [first, last), both slots.
func count(s Schedule, first, last time.Time) (int, error) {
	if c, ok := s.(interface {
		Count(after, until time.Time) int
	}); ok {
		most := int(min(int64(last.Sub(first)), math.MaxInt-1)) // two slots are at least a nanosecond apart
		return max(min(c.Count(first, last), most), 0), nil
	}
	n := 0
	for at := first; at.Before(last) && n < MaxCounted; n++ {
		slot, err := advance(s, at)
		if err != nil {
			return n, err
		}
		if slot.IsZero() {
			return n, nil
		}
		at = slot
	}
	return n, nil
}
