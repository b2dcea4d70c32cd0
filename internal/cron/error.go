package cron

import (
	"strconv"
	"strings"
)

// A ParseError says why an expression was refused, and where.
type ParseError struct {
	Expr   string // the expression as given
	Field  string // "minute", "day of month" and so on; "" for the whole
	Text   string // the offending text, found in Expr at Pos
	Pos    int    // byte offset in Expr
	Reason string // what is wrong, in words that follow upon the text
}

// Error returns a sentence for people, such as
//
//	cron expression "0 25 * * *": hour "25" is not between 0 and 23
func (e *ParseError) Error() string {
	var b strings.Builder
	b.WriteString("cron expression ")
	b.WriteString(strconv.Quote(e.Expr))
	b.WriteString(":")
	if e.Field != "" {
		b.WriteString(" " + e.Field)
	}
	if e.Text != "" && e.Text != e.Expr {
		b.WriteString(" " + strconv.Quote(e.Text))
	}
	b.WriteString(" " + e.Reason)
	return b.String()
}
