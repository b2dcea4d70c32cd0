package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Status is how a case, or a rule, came out.
type Status string

// The statuses. A rule has failed if a case of it has, and passed if one has passed
// and none failed, see Report.Rule.
const (
	Passed      Status = "passed"
	Unsupported Status = "unsupported" // what the engine says it lacks
	Skipped     Status = "skipped"     // not for this profile or kind of engine
	Failed      Status = "failed"
)

// A Report is what a run of the suite found out, for machines to read.
type Report struct {
	Backend  string        `json:"backend"`
	Profile  string        `json:"profile"` // "virtual", "wall-clock" or "processes"
	Features core.Features `json:"features"`
	Cases    []CaseReport  `json:"cases"`
	// Measured has what was timed: "failover", from a kill -9 in a run until the
	// run's tick begins again, and "election", from a kill -9 of the leader of several
	// servers until anything begins.
	Measured map[string]Figures `json:"measured,omitempty"`
	// Files says what the cases executed of the files that the test binary measures:
	// with go test -cover those of the package under test, with -coverpkg others. Empty
	// without -cover, and in real time. A green suite says nothing about a file that no
	// case executed, see Unexecuted.
	Files []FileCoverage `json:"files,omitempty"`

	mu    sync.Mutex
	times map[string][]time.Duration // what Measured is of, from all cases
}

// A CaseReport is one case of a Report.
type CaseReport struct {
	Rule   string `json:"rule"`
	Case   string `json:"case"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Figures are what was found by timing something several times.
type Figures struct {
	N             int
	P50, P99, Max time.Duration
}

func figures(times []time.Duration) Figures {
	if len(times) == 0 {
		return Figures{}
	}
	times = slices.Sorted(slices.Values(times))
	// The nearest rank: so many percent are at most this.
	at := func(percent int) time.Duration { return times[(len(times)*percent+99)/100-1] }
	return Figures{N: len(times), P50: at(50), P99: at(99), Max: at(100)}
}

// String returns "p50 8s, p99 11s, most 12s, of 30".
func (f Figures) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
	return fmt.Sprintf("p50 %s, p99 %s, most %s, of %d", round(f.P50), round(f.P99), round(f.Max), f.N)
}

func newReport(b Backend, f core.Features) *Report {
	r := &Report{Backend: b.Name, Profile: "virtual", Features: f}
	if b.WallClock {
		r.Profile = "wall-clock"
	}
	return r
}

func (r *Report) add(c kase, v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, times := range v.Measured {
		if r.Measured == nil {
			r.Measured, r.times = map[string]Figures{}, map[string][]time.Duration{}
		}
		r.times[what] = append(r.times[what], times...)
		r.Measured[what] = figures(r.times[what])
	}
	r.Cases = append(r.Cases, CaseReport{Rule: c.rule, Case: c.name, Status: v.Status, Reason: v.Reason})
}

// sort puts the cases into the suite's order, whoever came to them first.
func (r *Report) sort() {
	at := map[string]int{}
	for i, c := range suite() {
		at[c.id()] = i
	}
	place := func(c CaseReport) int { return at[c.Rule+"/"+c.Case] }
	slices.SortFunc(r.Cases, func(a, b CaseReport) int { return place(a) - place(b) })
}

// Rule returns the status of a rule: failed if a case of it failed, passed if
// one passed, else unsupported or skipped; skipped where there is no case.
func (r *Report) Rule(id string) Status {
	status := Skipped
	for _, c := range r.Cases {
		switch {
		case c.Rule != id:
		case c.Status == Failed:
			return Failed
		case c.Status == Passed:
			status = Passed
		case c.Status == Unsupported && status == Skipped:
			status = Unsupported
		}
	}
	return status
}

// reportEnv names the directory for reports.
const reportEnv = "TICKWORK_REPORT"

// save writes the report where the environment asks for it.
func (r *Report) save(t *testing.T) {
	dir := os.Getenv(reportEnv)
	if dir == "" {
		return
	}
	r.sort()
	name := r.Backend
	if r.Profile != "virtual" {
		name += "-" + r.Profile
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Errorf("conformance: the report cannot be written to %s=%s: %v", reportEnv, dir, err)
	}
}

// Table returns the reports as a Markdown table: a row a rule, a column a
// report.
func Table(reports ...*Report) string {
	var b strings.Builder
	b.WriteString("| rule |")
	for _, r := range reports {
		fmt.Fprintf(&b, " %s |", r.Backend)
	}
	b.WriteString(" what it promises |\n|---|" + strings.Repeat("---|", len(reports)+1) + "\n")
	for _, rule := range rules {
		fmt.Fprintf(&b, "| %s |", rule.ID)
		for _, r := range reports {
			fmt.Fprintf(&b, " %s |", r.Rule(rule.ID))
		}
		fmt.Fprintf(&b, " %s |\n", strings.ReplaceAll(rule.Text, "|", `\|`))
	}
	return b.String()
}

// MeasuredTable returns what the reports have measured as a Markdown table: a row a
// backend and what was timed.
func MeasuredTable(reports ...*Report) string {
	var b strings.Builder
	b.WriteString("| backend | measured | times | p50 | p99 | most |\n|---|---|---|---|---|---|\n")
	for _, r := range reports {
		for _, what := range slices.Sorted(maps.Keys(r.Measured)) {
			f := r.Measured[what]
			fmt.Fprintf(&b, "| %s | %s | %d | %.1f s | %.1f s | %.1f s |\n", r.Backend, what, f.N, f.P50.Seconds(), f.P99.Seconds(), f.Max.Seconds())
		}
	}
	return b.String()
}
