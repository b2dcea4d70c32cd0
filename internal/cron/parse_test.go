package cron

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// mustParse parses an expression that is sound.
func mustParse(tb testing.TB, expr string, loc *time.Location) *Expr {
	tb.Helper()
	e, err := Parse(expr, loc)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func members(s set) []int {
	var m []int
	for i := s.next(0); i >= 0; i = s.next(i + 1) {
		m = append(m, i)
	}
	return m
}

func upTo(lo, hi, step int) []int {
	var m []int
	for ; lo <= hi; lo += step {
		m = append(m, lo)
	}
	return m
}

func TestParseField(t *testing.T) {
	const second, minute, hour, dom, month, dow = 0, 1, 2, 3, 4, 5
	for _, tt := range []struct {
		field int
		text  string
		want  []int
	}{
		{second, "*", upTo(0, 59, 1)},
		{second, "59", []int{59}},
		{minute, "*", upTo(0, 59, 1)},
		{minute, "0", []int{0}},
		{minute, "007", []int{7}},
		{minute, "*/15", []int{0, 15, 30, 45}},
		{minute, "*/7", upTo(0, 59, 7)},
		{minute, "*/60", []int{0}},
		{minute, "10-20", upTo(10, 20, 1)},
		{minute, "10-20/5", []int{10, 15, 20}},
		{minute, "10-19/5", []int{10, 15}},
		{minute, "50/4", []int{50, 54, 58}},
		{minute, "5-5", []int{5}},
		{minute, "1,2,40-42,1", []int{1, 2, 40, 41, 42}},
		{minute, "*/30,5", []int{0, 5, 30}},
		{hour, "*", upTo(0, 23, 1)},
		{hour, "9-17/4", []int{9, 13, 17}},
		{second, "*/60", []int{0}},
		{minute, "10-20/15", []int{10}},
		{minute, "59/30", []int{59}},
		{minute, "5/60", []int{5}},
		{hour, "*/24", []int{0}},
		{hour, "22/1", []int{22, 23}},
		{dom, "*", upTo(1, 31, 1)},
		{dom, "?", upTo(1, 31, 1)},
		{dom, "*/10", []int{1, 11, 21, 31}},
		{dom, "?/10", []int{1, 11, 21, 31}},
		{dom, "*/31", []int{1}},
		{dom, "31", []int{31}},
		{month, "*", upTo(1, 12, 1)},
		{month, "*/5", []int{1, 6, 11}},
		{month, "*/12", []int{1}},
		{month, "jan,Feb,MAR", []int{1, 2, 3}},
		{month, "jul-12", []int{7, 8, 9, 10, 11, 12}},
		{month, "JAN-DEC/6", []int{1, 7}},
		{month, "oct/1", []int{10, 11, 12}},
		{dow, "*", upTo(0, 6, 1)},
		{dow, "?", upTo(0, 6, 1)},
		{dow, "*/2", []int{0, 2, 4, 6}},
		{dow, "*/7", []int{0}},
		{dow, "0", []int{0}},
		{dow, "7", []int{0}},
		{dow, "sun", []int{0}},
		{dow, "MON-FRI", []int{1, 2, 3, 4, 5}},
		{dow, "5-7", []int{0, 5, 6}},
		{dow, "5-0", []int{0, 5, 6}},
		{dow, "FRI-SUN", []int{0, 5, 6}},
		{dow, "fri-7", []int{0, 5, 6}},
		{dow, "5-7/2", []int{0, 5}},
		{dow, "0-7", upTo(0, 6, 1)},
		{dow, "sun-7", upTo(0, 6, 1)},
		{dow, "0-6", upTo(0, 6, 1)},
		{dow, "1-7", upTo(0, 6, 1)},
		{dow, "SUN-TUE", []int{0, 1, 2}},
		{dow, "7-2", []int{0, 1, 2}},
		{dow, "0-0", []int{0}},
		{dow, "SUN-SUN", []int{0}},
		{dow, "7-7", []int{0}},
		{dow, "7-0", []int{0}},
		{dow, "1/2", []int{1, 3, 5}},
		{dow, "7/3", []int{0, 3, 6}},
	} {
		words := []string{"*", "*", "*", "*", "*", "*"}
		words[tt.field] = tt.text
		e, err := Parse(strings.Join(words, " "), nil)
		if err != nil {
			t.Errorf("%s %q: %v", fields[tt.field].name, tt.text, err)
			continue
		}
		got := members([]set{e.second, e.minute, e.hour, e.dom, e.month, e.dow}[tt.field])
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: %v, want %v", fields[tt.field].name, tt.text, got, tt.want)
		}
	}
}

// same reports whether two expressions have the same slots.
func same(a, b *Expr) bool {
	x, y := *a, *b
	x.text, y.text = "", ""
	return reflect.DeepEqual(x, y)
}

func TestParseMeansTheSame(t *testing.T) {
	for _, tt := range []struct{ a, b string }{
		{"5 4 3 2 1", "0 5 4 3 2 1"},
		{"@yearly", "0 0 1 1 *"},
		{"@annually", "@yearly"},
		{"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * SUN"},
		{"@daily", "0 0 * * *"},
		{"@midnight", "@daily"},
		{"@hourly", "0 * * * *"},
		{"0 0 ? * ?", "0 0 * * *"},
		{" \t0  0\n* * * \r\n", "0 0 * * *"},
		{"0\u00a00 * * *", "0 0 * * *"}, // as copied from a web page
		{"  @daily ", "@daily"},
	} {
		if !same(mustParse(t, tt.a, nil), mustParse(t, tt.b, nil)) {
			t.Errorf("%q and %q differ", tt.a, tt.b)
		}
	}
}

func TestParseStars(t *testing.T) {
	for _, tt := range []struct {
		expr                string
		realTime, eitherDay bool
	}{
		{"0 0 1 1 1", false, true},
		{"0 0 * 1 1", false, false},
		{"0 0 1 1 *", false, false},
		{"0 0 */2 1 1", false, false},
		{"0 0 1 1 */2", false, false},
		{"0 0 ? 1 1", false, false},
		{"0 0 1 1 ?", false, false},
		{"0 0 1,* 1 1", false, true},
		{"0 0 1-31 1 0-6", false, true},
		{"0 * 1 1 *", true, false},
		{"0 */2 1 1 *", true, false},
		{"0 *,5 1 1 *", true, false},
		{"0 0-23 1 1 *", false, false},
		{"0 0/1 1 1 *", false, false},
		{"* 5,* 1 1 *", false, false},
		{"0 0 * 1 1 1", true, true},
	} {
		e := mustParse(t, tt.expr, nil)
		if e.realTime != tt.realTime || e.eitherDay != tt.eitherDay {
			t.Errorf("%q: realTime %v, eitherDay %v", tt.expr, e.realTime, e.eitherDay)
		}
	}
}

func TestStringAndLocation(t *testing.T) {
	for _, tt := range []struct{ expr, want string }{
		{"  */5\t9-17  *   * mon-FRI\n", "*/5 9-17 * * mon-FRI"},
		{"0 0 0 1 1 ?", "0 0 0 1 1 ?"},
		{" @daily ", "@daily"},
	} {
		if got := mustParse(t, tt.expr, nil).String(); got != tt.want {
			t.Errorf("%q: String %q, want %q", tt.expr, got, tt.want)
		}
	}
	if loc := mustParse(t, "@daily", nil).Location(); loc != time.UTC {
		t.Errorf("location %v, want UTC", loc)
	}
	berlin := zone(t, "Europe/Berlin")
	if loc := mustParse(t, "@daily", berlin).Location(); loc != berlin {
		t.Errorf("location %v, want %v", loc, berlin)
	}
}
