package main

import (
	"fmt"
	"os"
	"path"
	"text/tabwriter"

	"github.com/seed-891a2e1b/tickwork/internal/mutate/rates"
)

// count adds the outcome of a mutant.
func count(c *rates.Count, r result, accepted acceptedList) {
	c.Run++
	if r.public {
		c.Public++
	}
	if r.killed {
		c.Killed++
	} else if accepted.has(r.mutant) {
		c.Accepted++
	}
}

func row(name string, c rates.Count) string {
	return fmt.Sprintf("| %s\t| %d\t| %d\t%s\t| %d\t%s\t| %d\t| %d\t|", name, c.Run, c.Public, c.Percent(c.Public),
		c.Killed, c.Percent(c.Killed), c.Accepted, c.Left())
}

// printTable prints the kill rates by file, and returns the sum.
func printTable(results []result, accepted acceptedList) (sum rates.Count) {
	var order []string
	byFile := map[string]*rates.Count{}
	for _, r := range results {
		name := path.Base(r.file.id)
		if byFile[name] == nil {
			byFile[name] = new(rates.Count)
			order = append(order, name)
		}
		count(byFile[name], r, accepted)
		count(&sum, r, accepted)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 1, 1, ' ', 0)
	fmt.Fprintln(w, "| file\t| mutants\t| public\t\t| all tests\t\t| accepted\t| left\t|")
	for _, name := range order {
		fmt.Fprintln(w, row(name, *byFile[name]))
	}
	fmt.Fprintln(w, row("all", sum))
	_ = w.Flush()
	return sum
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
