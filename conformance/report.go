package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Status is how a case, or a rule, came out.
type Status string

// The statuses. A rule has the worst of its cases'.
const (
	Passed      Status = "passed"
	Unsupported Status = "unsupported" // what the engine says it lacks
	Skipped     Status = "skipped"     // not for this profile or kind of engine
	Failed      Status = "failed"
)

// A Report is what a run of the suite found out, for machines to read.
type Report struct {
	Backend  string        `json:"backend"`
	Profile  string        `json:"profile"` // "virtual" or "wall-clock"
	Features core.Features `json:"features"`
	Cases    []CaseReport  `json:"cases"`

	mu sync.Mutex
}

// A CaseReport is one case of a Report.
type CaseReport struct {
	Rule   string `json:"rule"`
	Case   string `json:"case"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
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
	r.Cases = append(r.Cases, CaseReport{Rule: c.rule, Case: c.name, Status: v.Status, Reason: v.Reason})
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

// save writes the report where the environment asks for it.
func (r *Report) save(t *testing.T) {
	dir := os.Getenv("TICKWORK_REPORT")
	if dir == "" {
		return
	}
	name := r.Backend
	if r.Profile != "virtual" {
		name += "-" + r.Profile
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Errorf("conformance: the report cannot be written to TICKWORK_REPORT=%s: %v", dir, err)
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
