package cron

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		expr, field, text string
		pos               int
		reason            string
	}{
		{"", "", "", 0, "empty"},
		{" \t", "", "", 0, "empty"},
		{"*", "", "*", 0, "too few"},
		{" 1 2 3 4 ", "", "1 2 3 4", 1, "too few"},
		{"1 2 3 4 5 6 7", "", "7", 12, "too many"},
		{"1 2 3 4 5 6 7 8", "", "7", 12, "too many"},
		{"\u00a0\xa0 0", "", "\xa0 0", 2, "too few"}, // half of that space is no space
		{"hello, world", "", "hello, world", 0, "too few"},
		{"TZ=UTC 0 0 * * *", "", "TZ=UTC", 0, "core.In"},
		{" CRON_TZ=Europe/Berlin 0 0 * * *", "", "CRON_TZ=Europe/Berlin", 1, "core.In"},
		{"TZ=UTC", "", "TZ=UTC", 0, "core.In"},
		{"TZ=", "", "TZ=", 0, "core.In"},
		{"@every 5m", "", "@every", 0, "interval"},
		{"@reboot", "", "@reboot", 0, "RunOnStart"},
		{"@reboot 5", "", "@reboot", 0, "RunOnStart"},
		{"@rebot", "", "@rebot", 0, "none of"},
		{"@", "", "@", 0, "none of"},
		{"@Daily", "", "@Daily", 0, "none of"},
		{"@daily 5", "", "5", 7, "stands alone"},
		{"60 * * * *", "minute", "60", 0, "between 0 and 59"},
		{"60 * * * * *", "second", "60", 0, "between 0 and 59"},
		{"0 60 * * * *", "minute", "60", 2, "between 0 and 59"},
		{"0 24 * * *", "hour", "24", 2, "between 0 and 23"},
		{"0 0 0 * *", "day of month", "0", 4, "between 1 and 31"},
		{"0 0 32 * *", "day of month", "32", 4, "between 1 and 31"},
		{"0 0 1 0 *", "month", "0", 6, "between 1 and 12"},
		{"0 0 1 13 *", "month", "13", 6, "between 1 and 12"},
		{"0 0 * * 8", "day of week", "8", 8, "between 0 and 7"},
		{"0 0 * * 99999999999999999999", "day of week", "99999999999999999999", 8, "between 0 and 7"},
		{"0 1-24 * * *", "hour", "24", 4, "between 0 and 23"},
		{"0 24/2 * * *", "hour", "24", 2, "between 0 and 23"},
		{", * * * *", "minute", ",", 0, "empty list item"},
		{"1,,2 * * * *", "minute", "1,,2", 0, "empty list item"},
		{"1, * * * *", "minute", "1,", 0, "empty list item"},
		{"* ,1 * * *", "hour", ",1", 2, "empty list item"},
	} {
		checkRefused(t, tt.expr, tt.field, tt.text, tt.pos, tt.reason)
	}
	for _, tt := range []struct {
		minute, text string
		pos          int
		reason       string
	}{
		{"*/0", "*/0", 0, "step"},
		{"5,*/0", "*/0", 2, "step"},
		{"*/", "*/", 0, "step"},
		{"*/-1", "*/-1", 0, "step"},
		{"*/x", "*/x", 0, "step"},
		{"1/2/3", "1/2/3", 0, "step"},
		{"/", "/", 0, "step"},
		{"/5", "/5", 0, "missing"},
		{"1-", "1-", 0, "missing"},
		{"-1", "-1", 0, "missing"},
		{"-", "-", 0, "missing"},
		{"1-2-3", "2-3", 2, "not a number"},
		{"1--3", "-3", 2, "not a number"},
		{"20-10", "20-10", 0, "backwards"},
		{"1,20-10/2", "20-10/2", 2, "backwards"},
		{"*-5", "*", 0, "not a number"},
		{"5-*", "*", 2, "not a number"},
		{"**", "**", 0, "not a number"},
		{"*5", "*5", 0, "not a number"},
		{"+5", "+5", 0, "not a number"},
		{"5.0", "5.0", 0, "not a number"},
		{"0x5", "0x5", 0, "not a number"},
		{"٣", "٣", 0, "not a number"},
		{"MON", "MON", 0, "not a number"},
		{"?", "?", 0, "day fields only"},
		{"?/5", "?", 0, "day fields only"},
		{"L", "L", 0, "not a number"},
		{"\xff", "\xff", 0, "not a number"},
	} {
		checkRefused(t, tt.minute+" * * * *", "minute", tt.text, tt.pos, tt.reason)
	}
	for _, tt := range []struct{ days, field, text, reason string }{
		{"* FOO *", "month", "FOO", "JAN to DEC"},
		{"* JANUARY *", "month", "JANUARY", "JAN to DEC"},
		{"* MON *", "month", "MON", "JAN to DEC"},
		{"* DEC-JAN *", "month", "DEC-JAN", "backwards"},
		{"* ? *", "month", "?", "day fields only"},
		{"* * JAN", "day of week", "JAN", "SUN to SAT"},
		{"* * 5L", "day of week", "5L", "SUN to SAT"},
		{"* * MON#2", "day of week", "MON#2", "SUN to SAT"},
		{"* * FRI-MON", "day of week", "FRI-MON", "backwards"},
		{"* * 6-1", "day of week", "6-1", "backwards"},
		{"LW * *", "day of month", "LW", "not a number"},
	} {
		expr := "0 0 " + tt.days
		checkRefused(t, expr, tt.field, tt.text, strings.Index(expr, tt.text), tt.reason)
	}
}

func checkRefused(t *testing.T, expr, field, text string, pos int, reason string) {
	t.Helper()
	e, err := Parse(expr, nil)
	var pe *ParseError
	if e != nil || !errors.As(err, &pe) {
		t.Errorf("%q: %v, %v, want a ParseError", expr, e, err)
		return
	}
	if pe.Expr != expr || pe.Field != field || pe.Text != text || pe.Pos != pos || !strings.Contains(pe.Reason, reason) {
		t.Errorf("%q: %#v\nwant field %q, text %q at %d, reason …%s…", expr, pe, field, text, pos, reason)
	}
	if !strings.Contains(pe.Error(), field) {
		t.Errorf("%q does not name the %s", pe.Error(), field)
	}
}

func TestParseNeverDue(t *testing.T) {
	for _, tt := range []struct {
		expr string
		pos  int
	}{
		{"0 0 30 2 *", 4},
		{"0 0 31 2 *", 4},
		{"0 0 30,31 FEB ?", 4},
		{"0 0 31 4,6,9,11 *", 4},
		{"0 0 31 2,4,6,9,11 *", 4},
		{"0 0 0 31 2-2 *", 6},
		{"0 0 30 2 */2", 4}, // a star: both days have to match
	} {
		checkRefused(t, tt.expr, "day of month", strings.Fields(tt.expr)[len(strings.Fields(tt.expr))-3], tt.pos, "never due")
	}
	for _, expr := range []string{
		"0 0 29 2 *",
		"0 0 29 2 */7", // a leap day on a Sunday
		"0 0 30 2 1",   // the Mondays in February
		"0 0 31 2,3 *",
		"0 0 28-31 2 *",
		"0 0 */30 2 *",
	} {
		mustParse(t, expr, nil)
	}
}

// tooFar is what the reason says for a step that is larger than its field's range.
const tooFar = "has a step larger than the field's"

func TestParseRefusesAStepLargerThanItsFieldsRange(t *testing.T) {
	for _, tt := range []struct{ expr, field, text, instead string }{
		{"*/90 * * * * *", "second", "*/90", "every 90 seconds use Every(90*time.Second) (in a file every: 90s)"},
		{"*/90 * * * *", "minute", "*/90", "every 90 minutes use Every(90*time.Minute) (in a file every: 90m)"},
		{"*/61 * * * *", "minute", "*/61", "every 61 minutes use Every(61*time.Minute) (in a file every: 61m)"},
		{"0/90 * * * *", "minute", "0/90", "Every(90*time.Minute)"},
		{"0-59/90 * * * *", "minute", "0-59/90", "Every(90*time.Minute)"},
		{"1,7/90,8 * * * *", "minute", "7/90", "Every(90*time.Minute)"},
		{"0 */36 * * *", "hour", "*/36", "every 36 hours use Every(36*time.Hour) (in a file every: 36h)"},
		{"0 */25 * * *", "hour", "*/25", "Every(25*time.Hour)"},
		{"0 0 */45 * *", "day of month", "*/45", "every 45 days use Every(1080*time.Hour) (in a file every: 1080h)"},
		{"0 0 ?/32 * *", "day of month", "?/32", "every 32 days use Every(768*time.Hour)"},
		{"0 0 1 */18 *", "month", "*/18", "no cron expression counts past the end of a year: run it more often"},
		{"0 0 1 JAN/13 *", "month", "JAN/13", "no cron expression"},
		{"0 0 * * */10", "day of week", "*/10", "every 10 days use Every(240*time.Hour) (in a file every: 240h)"},
		{"0 0 * * MON-SUN/8", "day of week", "MON-SUN/8", "every 8 days use Every(192*time.Hour)"},
		{"*/100001 * * * *", "minute", "*/100001", "values, so only its first value would be due"},
		{"*/99999999999999999999 * * * *", "minute", "*/99999999999999999999", "values, so only its first value would be due"},
	} {
		checkRefused(t, tt.expr, tt.field, tt.text, strings.Index(tt.expr, tt.text), tooFar)
		if _, err := Parse(tt.expr, nil); err != nil && !strings.Contains(err.Error(), tt.instead) {
			t.Errorf("%v\ndoes not say %s", err, tt.instead)
		}
	}
	for i, low := range []string{"0", "0", "0", "1", "JAN", "7"} {
		for step := range 200 {
			for _, from := range []string{"*", low, low + "-" + low, "5," + low} {
				words := []string{"0", "0", "0", "1", "1", "1"}
				words[i] = fmt.Sprintf("%s/%d", from, step+1)
				expr := strings.Join(words, " ")
				if _, err := Parse(expr, nil); (err != nil) != stepsTooFar(expr) {
					t.Errorf("%q: %v, and the reference says that the step is too large: %t", expr, err, stepsTooFar(expr))
				}
			}
		}
	}
}

func TestParseErrorSentence(t *testing.T) {
	for _, tt := range []struct{ expr, want string }{
		{"0 25 * * *", `cron expression "0 25 * * *": hour "25" is not between 0 and 23`},
		{"0 0 30 2 *", `cron expression "0 0 30 2 *": day of month "30" is in no month of "2", so the expression is never due`},
		{"", `cron expression "": is empty`},
		{"@sometimes", `cron expression "@sometimes": is none of @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly`},
		{"@reboot", `cron expression "@reboot": is no time of the calendar; for a run when the worker starts, give it a schedule and RunOnStart (in a file run_on_start: true)`},
		{"*/90 * * * *", `cron expression "*/90 * * * *": minute "*/90" has a step larger than the field's 60 values, so only its first value would be due; for every 90 minutes use Every(90*time.Minute) (in a file every: 90m)`},
		{"TZ=UTC 0 0 * * *", `cron expression "TZ=UTC 0 0 * * *": "TZ=UTC" is refused here: the time zone is given beside the expression, with core.In`},
	} {
		if _, err := Parse(tt.expr, nil); err == nil || err.Error() != tt.want {
			t.Errorf("%v\nwant %s", err, tt.want)
		}
	}
}
