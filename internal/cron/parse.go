package cron

import (
	"strings"
	"time"
	"unicode"
)

// descriptors are the expressions that have a name.
var descriptors = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

// Parse parses an expression of five fields, of six with seconds first, or a
// descriptor, whose times are meant in loc, or in UTC where loc is nil.
//
// An expression that is malformed, or that is never due because none of its
// months has its days, is refused with a *ParseError. So is @every, which is an
// interval and not a matter of the calendar, and a TZ= or CRON_TZ= prefix.
func Parse(expr string, loc *time.Location) (*Expr, error) {
	e, err := parse(expr)
	if err != nil {
		err.Expr = expr
		return nil, err
	}
	if loc == nil {
		loc = time.UTC
	}
	e.loc, e.reach = loc, reachOf(loc)
	return e, nil
}

// parse does what Parse does but for the time zone, and leaves the Expr of its
// error empty.
func parse(expr string) (*Expr, *ParseError) {
	tokens := split(expr)
	if len(tokens) == 0 {
		return nil, &ParseError{Reason: "is empty"}
	}
	refuse := func(t token, reason string) (*Expr, *ParseError) {
		return nil, &ParseError{Text: t.text, Pos: t.pos, Reason: reason}
	}

	first := tokens[0]
	if strings.HasPrefix(first.text, "TZ=") || strings.HasPrefix(first.text, "CRON_TZ=") {
		return refuse(first, "is refused here: the time zone is given beside the expression, with core.In")
	}
	if first.text[0] == '@' {
		return parseDescriptor(tokens)
	}

	which := fields[:]
	switch n := len(tokens); {
	case n < 5:
		all := token{strings.TrimSpace(expr), first.pos}
		return refuse(all, "has too few fields: there are five, minute hour day-of-month month day-of-week, or six with seconds first")
	case n == 5:
		which = fields[1:]
	case n > 6:
		return refuse(tokens[6], "is one field too many: there are five, or six with seconds first")
	}

	e := &Expr{text: join(tokens), second: 1 << 0}
	sets := [...]*set{&e.second, &e.minute, &e.hour, &e.dom, &e.month, &e.dow}
	for i, t := range tokens {
		f := &which[i]
		s, err := f.parse(t)
		if err != nil {
			return nil, err
		}
		*sets[len(sets)-len(tokens)+i] = s
	}

	hour, dom, month, dow := tokens[len(tokens)-4], tokens[len(tokens)-3], tokens[len(tokens)-2], tokens[len(tokens)-1]
	e.realTime = hour.star()
	e.eitherDay = !dom.star() && !dow.star()
	if !e.everDue() {
		return nil, fields[3].refuse(dom, "is in no month of %q, so the expression is never due", month.text)
	}
	return e, nil
}

func parseDescriptor(tokens []token) (*Expr, *ParseError) {
	name := tokens[0]
	expr, ok := descriptors[name.text]
	switch {
	case name.text == "@every":
		return nil, &ParseError{Text: name.text, Pos: name.pos,
			Reason: "is an interval and not a time of the calendar"}
	case name.text == "@reboot":
		return nil, &ParseError{Text: name.text, Pos: name.pos,
			Reason: "is no time of the calendar; for a run when the worker starts, give it a schedule and RunOnStart (in a file run_on_start: true)"}
	case !ok:
		return nil, &ParseError{Text: name.text, Pos: name.pos,
			Reason: "is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"}
	case len(tokens) > 1:
		return nil, &ParseError{Text: tokens[1].text, Pos: tokens[1].pos,
			Reason: "follows a descriptor, which stands alone"}
	}
	e, err := parse(expr)
	if err == nil {
		e.text = name.text
	}
	return e, err
}

// split returns what stands between the white space of expr.
func split(expr string) []token {
	var tokens []token
	start := -1 // of the token at hand
	for i, r := range expr {
		switch space := unicode.IsSpace(r); {
		case space && start >= 0:
			tokens = append(tokens, token{expr[start:i], start})
			start = -1
		case !space && start < 0:
			start = i
		}
	}
	if start >= 0 {
		tokens = append(tokens, token{expr[start:], start})
	}
	return tokens
}

func join(tokens []token) string {
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.text
	}
	return strings.Join(words, " ")
}

// everDue reports whether any day of the calendar matches. The Gregorian
// calendar with its weekdays repeats after 400 years, so those are all to see.
func (e *Expr) everDue() bool {
	_, ok := e.ceil(0)
	return ok
}
