package cron

import (
	"math"
	"time"
)

// This file joins the wall clock of the time zone to real time, which is in
// Unix seconds. It trusts only what the zone's clock reads at an instant, and
// until when the zone says that its offset stays.

const (
	// forever is the end of a zone's last period.
	forever = 1 << 60

	// maxOffset is the distance from UTC, in seconds, within which RFC 9636
	// keeps every zone.
	maxOffset = 26 * 60 * 60
)

// reachOf returns a bound for the distance of loc from UTC, in seconds. A fixed
// zone may be of any offset; one beyond lastWall is never within the calendar.
func reachOf(loc *time.Location) int64 {
	_, offset := time.Unix(0, 0).In(loc).Zone()
	return min(max(maxOffset, int64(offset), -int64(offset)), lastWall)
}

// period returns the offset from UTC that is in force at the instant t, and an
// instant after t until which it surely stays in force.
func (e *Expr) period(t int64) (offset, end int64) {
	at := time.Unix(t, 0).In(e.loc)
	_, o := at.Zone()
	_, bound := at.ZoneBounds()
	if bound.IsZero() {
		return int64(o), forever
	}
	end = bound.Unix()
	if end <= t {
		// Where the rule at the end of a zone's data applies, time takes each
		// year to have 365 days (go.dev/issue/81583). It is the last day of a
		// leap year, and nothing changes before the year does, in UTC.
		end = t - floorMod(t, daySeconds) + daySeconds
	}
	return int64(o), end
}

// latest returns the latest time that the clock on the wall has shown up to the
// instant t. That is its time at t, but for a while after it was put back. It
// returns besides what period(t) would.
func (e *Expr) latest(t int64) (wall, offset, end int64) {
	wall = math.MinInt64
	for from := t - 2*e.reach; from <= t; from = end { // before which it showed less than at t
		offset, end = e.period(from)
		wall = max(wall, min(end-1, t)+offset)
	}
	return wall, offset, end
}

// due returns the first instant at which the clock on the wall shows w or a
// later time.
func (e *Expr) due(w int64) int64 {
	from := w - e.reach // before which it showed less than w
	for {
		offset, end := e.period(from)
		if t := w - offset; t < end {
			return max(t, from) // from, where the clock was put forward over w
		}
		from = end
	}
}

// floorMod returns a modulo b, from 0 up to b, which is positive.
func floorMod(a, b int64) int64 { return (a%b + b) % b }
