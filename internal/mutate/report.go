package main

import (
	"fmt"
	"os"
	"path"
	"text/tabwriter"
)

// A tally counts the mutants of a file, or of all.
type tally struct{ mutants, public, killed, accepted int }

func (t *tally) count(r result, accepted acceptedList) {
	t.mutants++
	if r.public {
		t.public++
	}
	if r.killed {
		t.killed++
	} else if accepted.has(r.mutant) {
		t.accepted++
	}
}

// percent returns how many of the mutants that are not accepted n is.
func (t *tally) percent(n int) string {
	if t.mutants == t.accepted {
		return "-"
	}
	return fmt.Sprintf("%d %%", 100*n/(t.mutants-t.accepted))
}

func (t *tally) row(name string) string {
	return fmt.Sprintf("| %s\t| %d\t| %d\t%s\t| %d\t%s\t| %d\t| %d\t|", name, t.mutants, t.public, t.percent(t.public),
		t.killed, t.percent(t.killed), t.accepted, t.mutants-t.killed-t.accepted)
}

// printTable prints the kill rates by file.
func printTable(results []result, accepted acceptedList) {
	var order []string
	byFile := map[string]*tally{}
	var sum tally
	for _, r := range results {
		name := path.Base(r.file.id)
		if byFile[name] == nil {
			byFile[name] = new(tally)
			order = append(order, name)
		}
		byFile[name].count(r, accepted)
		sum.count(r, accepted)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 1, 1, ' ', 0)
	fmt.Fprintln(w, "| file\t| mutants\t| public\t\t| all tests\t\t| accepted\t| left\t|")
	for _, name := range order {
		fmt.Fprintln(w, byFile[name].row(name))
	}
	fmt.Fprintln(w, sum.row("all"))
	_ = w.Flush()
}

// String describes a mutant in two lines.
func (m *mutant) String() string {
	after := m.after
	if after == "" {
		after = "(left out)"
	}
	return fmt.Sprintf("%s (line %d)\n\t%s  =>  %s", m.id, m.line, m.before, after)
}

// printSurvivors prints what survives all tests, and then what only the public suite misses.
func printSurvivors(results []result, accepted acceptedList) {
	section := func(title string, is func(result) bool, note func(result) string) {
		n := 0
		for _, r := range results {
			if !is(r) {
				continue
			}
			if n++; n == 1 {
				fmt.Printf("\n%s:\n", title)
			}
			fmt.Println(r.mutant, note(r))
		}
	}
	survives := func(r result) string {
		if !r.executed {
			return "  [not executed]"
		}
		return ""
	}
	section("Survive all tests", func(r result) bool { return !r.killed && !accepted.has(r.mutant) }, survives)
	section("Survive the public suite only", func(r result) bool { return r.killed && !r.public },
		func(r result) string { return "  [killed by " + r.by + "]" })
	section("Accepted", func(r result) bool { return !r.killed && accepted.has(r.mutant) },
		func(r result) string { return "  [" + accepted[r.id].kind + ": " + accepted[r.id].reason + "]" })
}

// printStale prints the entries of accepted.txt that must go, and returns whether there are none.
func printStale(lines []string, results []result, accepted acceptedList) bool {
	for _, r := range results {
		if r.killed && accepted.has(r.mutant) {
			lines = append(lines, fmt.Sprintf("%s:%d: %s is killed by %s", acceptedFile, accepted[r.id].line, r.id, r.by))
		}
	}
	if len(lines) > 0 {
		fmt.Println("\nAccepted, but stale:")
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	return len(lines) == 0
}
