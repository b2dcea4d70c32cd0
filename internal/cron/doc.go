// Package cron parses cron expressions and finds the slots at which they are
// due.
//
// # Expressions
//
// An expression has five fields, or six with seconds first, separated by white
// space:
//
//	second        0-59
//	minute        0-59
//	hour          0-23
//	day of month  1-31
//	month         1-12 or JAN-DEC
//	day of week   0-7 or SUN-SAT, where 0 and 7 are Sunday
//
// A field is a list of items separated by commas. An item is a value, a range
// a-b, or * for every value; /n after a range or a * takes every nth value from
// its first, and a/n is short for the range from a to the field's last value
// (Saturday in a week) by n. Names are three letters, in either case. In the
// two day fields ? means the same as *. A range may end on Sunday, however that
// is written: 5-7, FRI-SUN. No other range runs backwards.
//
// A step must not be larger than the number of the field's values: */90 in the
// minutes would be the same as 0, and not every 90 minutes. A step of just that
// number is what it says (*/60 is each hour, */24 each day, */7 each Sunday), and
// one that is larger than what is left of a range takes the range's first value
// alone (10-20/15 is 10).
//
// The descriptors @yearly (or @annually), @monthly, @weekly, @daily (or
// @midnight) and @hourly stand for whole expressions.
//
// As in Vixie cron, a day field that begins with * is unrestricted, and where
// neither does, either day is enough: "0 0 13 * FRI" is due on each 13th and on
// each Friday, "0 0 */2 * FRI" on the Fridays among the odd days.
//
// # Daylight saving
//
// Where the hour field does not begin with *, the expression names fixed local
// times, and each is due once: the first time that the clock on the wall shows
// it, or, where the clock is put forward over it, at the first instant after
// that gap. Fixed times that come to the same instant are one slot.
//
// Where the hour field begins with *, the schedule follows real time: it is due
// at every instant whose local time matches, so twice in an hour that is
// repeated and not at all in one that is skipped.
//
// # How it works
//
// The fields are bit sets, and the days of a month that match are one more; see
// calendar.go, which knows the calendar on the wall and no time zone. That
// calendar is joined to real time by one definition, in zone.go: a fixed local
// time is due at the first instant at which the clock reads that time or later.
// Because that never decreases as the local time increases, the next slot is
// that of the next local time beyond the latest which the clock has yet shown.
package cron
