package cron

import "time"

// This file is about the clock and the calendar on the wall, in no time zone. A
// wall time is the number of seconds from 1970-01-01 00:00:00 on that wall, so
// that in UTC it is the Unix time.

const (
	daySeconds = 24 * 60 * 60

	// lastWall is the greatest distance of a wall time from 1970 at which a
	// match is looked for, some 35 million years. Sums of it do not overflow.
	lastWall = 1 << 50

	// calendarMonths are the months after which the calendar repeats, weekdays
	// included.
	calendarMonths = 400 * 12
)

// ceil returns the first matching wall time that is w or later. There is always
// one, unless w is outside ±lastWall or the days of e are in none of its months.
func (e *Expr) ceil(w int64) (_ int64, ok bool) {
	if w < -lastWall || w > lastWall {
		return 0, false
	}
	t := time.Unix(w, 0).UTC()
	year, month, day := t.Date()
	days := e.days(year, month)
	if days.has(day) {
		clock := secondsOf(t.Clock())
		if c := e.clockNext(clock); c >= 0 {
			return w + int64(c-clock), true
		}
	}
	for range calendarMonths {
		if d := days.next(day + 1); d >= 0 {
			return midnight(year, month, d) + int64(e.clockNext(0)), true
		}
		if month++; month > time.December {
			year, month = year+1, time.January
		}
		days, day = e.days(year, month), 0
	}
	return 0, false
}

// floor returns the last matching wall time that is w or earlier, under the
// conditions of ceil.
func (e *Expr) floor(w int64) (_ int64, ok bool) {
	if w < -lastWall || w > lastWall {
		return 0, false
	}
	t := time.Unix(w, 0).UTC()
	year, month, day := t.Date()
	days := e.days(year, month)
	if days.has(day) {
		clock := secondsOf(t.Clock())
		if c := e.clockPrev(clock); c >= 0 {
			return w + int64(c-clock), true
		}
	}
	for range calendarMonths {
		if d := days.prev(day - 1); d >= 0 {
			return midnight(year, month, d) + int64(e.clockPrev(daySeconds-1)), true
		}
		if month--; month < time.January {
			year, month = year-1, time.December
		}
		days, day = e.days(year, month), 32
	}
	return 0, false
}

// days returns the days of a month that match.
func (e *Expr) days(year int, month time.Month) set {
	if !e.month.has(int(month)) {
		return 0
	}
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()

	// Turn the week so that it begins with the weekday of the 1st, and lay five
	// of them in a row from bit 1.
	turn := uint(first.Weekday())
	week := (e.dow>>turn | e.dow<<(7-turn)) & (1<<7 - 1)
	weeks := week * (1<<1 | 1<<8 | 1<<15 | 1<<22 | 1<<29)

	days := e.dom & weeks
	if e.eitherDay {
		days = e.dom | weeks
	}
	return days & (1<<uint(last+1) - 2)
}

// clockNext returns the first matching second of a day that is c or later, or -1.
func (e *Expr) clockNext(c int) int {
	hour, minute, second := c/3600, c/60%60, c%60
	if e.hour.has(hour) {
		if e.minute.has(minute) {
			if s := e.second.next(second); s >= 0 {
				return secondsOf(hour, minute, s)
			}
		}
		if m := e.minute.next(minute + 1); m >= 0 {
			return secondsOf(hour, m, e.second.next(0))
		}
	}
	if h := e.hour.next(hour + 1); h >= 0 {
		return secondsOf(h, e.minute.next(0), e.second.next(0))
	}
	return -1
}

// clockPrev returns the last matching second of a day that is c or earlier, or -1.
func (e *Expr) clockPrev(c int) int {
	hour, minute, second := c/3600, c/60%60, c%60
	if e.hour.has(hour) {
		if e.minute.has(minute) {
			if s := e.second.prev(second); s >= 0 {
				return secondsOf(hour, minute, s)
			}
		}
		if m := e.minute.prev(minute - 1); m >= 0 {
			return secondsOf(hour, m, e.second.prev(59))
		}
	}
	if h := e.hour.prev(hour - 1); h >= 0 {
		return secondsOf(h, e.minute.prev(59), e.second.prev(59))
	}
	return -1
}

func secondsOf(hour, minute, second int) int { return (hour*60+minute)*60 + second }

func midnight(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
}
