package conformance

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A failure is a case that failed, for the ranking of all of them.
type failure struct {
	kase  kase
	place int    // in the suite
	first string // the first thing that was wrong
}

// basic are the rules that most others rest on, the most basic first. A defect that
// breaks one of them makes cases of many others fail.
var basic = []string{
	"REG-1", "STA-1", "STA-2", "REG-2", "PER-1", "PER-3", "PER-2", "PER-5", "OBS-1", "OBS-3",
	"ERR-1", "ERR-2", "STP-1", "STP-2", "STP-6", "CLU-1", "CLU-2", "CLU-3",
}

// rank orders failures: cases of basic rules come first, slow ones last, and otherwise
// they are in the suite's order.
func rank(a, b failure) int {
	rule := func(f failure) int {
		if at := slices.Index(basic, f.kase.rule); at >= 0 {
			return at
		}
		return len(basic)
	}
	slow := func(f failure) int {
		if f.kase.slow {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(slow(a), slow(b)), cmp.Compare(rule(a), rule(b)), cmp.Compare(a.place, b.place))
}

const (
	fewFailures = 3 // need no ranking
	mostGroups  = 5
	mostAlike   = 4
)

// ranking says where to start when many cases failed. Those of one rule, and those that
// say the same, are put together under the most basic of them. It is empty if few have
// failed.
func ranking(failures []failure) string {
	if len(failures) <= fewFailures {
		return ""
	}
	failures = slices.Clone(failures)
	slices.SortStableFunc(failures, rank)
	var groups [][]failure
	index := map[string]int{} // by message and by rule
	for _, f := range failures {
		said := "says " + unnumbered.ReplaceAllString(f.first, "#")
		i, ok := index[said]
		if !ok {
			i, ok = index[f.kase.rule]
		}
		if !ok {
			i = len(groups)
			groups = append(groups, nil)
			index[f.kase.rule] = i
		}
		index[said] = i
		groups[i] = append(groups[i], f)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases failed. One defect may be behind many of them; start with these, the most basic first:\n", len(failures))
	for i, group := range groups[:min(len(groups), mostGroups)] {
		fmt.Fprintf(&b, "  %d. %s: %s\n", i+1, group[0].kase.id(), group[0].first)
		var names []string
		for _, f := range group[1:min(len(group), 1+mostAlike)] {
			names = append(names, f.kase.id())
		}
		if more := len(group) - 1 - mostAlike; more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		if len(names) > 0 {
			fmt.Fprintf(&b, "     of its rule, or alike: %s\n", strings.Join(names, ", "))
		}
	}
	if more := len(groups) - mostGroups; more > 0 {
		fmt.Fprintf(&b, "  (and %d other rules)\n", more)
	}
	return b.String()
}

// unnumbered is what differs between failures of one kind: times and numbers, and the
// names of workers in quotation marks.
var unnumbered = regexp.MustCompile(`"[^"]*"|[-+]?\d[\w.:+-]*`)

// headline returns the first line of a failure for people: of an assertion, what was
// asserted and its first line.
func headline(text string) string {
	var first, said string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Error:"):
			first = strings.TrimSpace(strings.TrimPrefix(line, "Error:"))
		case strings.HasPrefix(line, "Messages:"):
			said = strings.TrimSpace(strings.TrimPrefix(line, "Messages:"))
		}
	}
	switch {
	case first == "":
		first, _, _ = strings.Cut(text, "\n")
	case said != "":
		first = said + ": " + first
	}
	const enough = 200
	if len(first) > enough {
		first = strings.ToValidUTF8(first[:enough], "") + "…"
	}
	return first
}
