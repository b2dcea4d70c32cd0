package cron

import "time"

// An Expr is a parsed cron expression in its time zone. Parse makes it; it does
// not change afterwards, and may be used by many goroutines at once.
type Expr struct {
	text string
	loc  *time.Location

	second, minute, hour set
	dom, month, dow      set

	// eitherDay: both day fields are restricted, so that one of them is enough.
	eitherDay bool

	// realTime: the hour field begins with *.
	realTime bool

	// reach bounds the zone's distance from UTC, in seconds.
	reach int64
}

// Location returns the time zone in which the fields are meant.
func (e *Expr) Location() *time.Location { return e.loc }

// String returns the expression as it was given, its fields separated by single
// spaces.
func (e *Expr) String() string { return e.text }
