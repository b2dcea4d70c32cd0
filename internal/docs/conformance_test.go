package docs

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

var (
	update  = flag.Bool("update", false, "write docs/conformance.md anew")
	reports = flag.String("reports", "", "a directory in which the tests of the distributed backends left their reports (TICKWORK_REPORT)")
)

const conformancePage = "docs/conformance.md"

const conformanceHead = `# The contract, and which backend keeps it

Made by the conformance suite in virtual time. Do not edit it; make it anew:

    TICKWORK_REPORT=$(mktemp -d) && export TICKWORK_REPORT
    go test -count=1 -run 'TestConformance$' ./backends/asynq ./backends/nats
    go test ./internal/docs -reports "$TICKWORK_REPORT" -update

- **passed**: the suite tests the rule on this backend, and it holds.
- **unsupported**: the backend says that it lacks this, and refuses it with ErrUnsupported.
- **skipped**: the rule is not for this kind of backend (those about brokers and clusters are
  for distributed ones), or no case tests it yet.

`

// local are the backends on which the page's test runs the suite itself.
var local = []conformance.Backend{
	{Name: "native", Open: func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }},
	{Name: "gocron", Open: func(opts core.Options) (core.Manager, error) { return gocron.New(gocron.Config{}, opts) }},
}

// distributed are those whose own tests run the suite, for a minute each.
var distributed = []string{"asynq", "nats"}

// TestConformancePage compares docs/conformance.md with what the suite finds out:
// of the local backends always, of the distributed ones where -reports says where
// that is written.
func TestConformancePage(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TICKWORK_REPORT", dir)
	var all []*conformance.Report
	for _, b := range local {
		t.Run(b.Name, func(t *testing.T) { conformance.Run(t, b) })
		all = append(all, loadReport(t, dir, b.Name))
	}
	for _, name := range distributed {
		if *reports == "" {
			require.False(t, *update, "-update wants -reports, see the head of %s", conformancePage)
			all = append(all, column(t, name))
			continue
		}
		all = append(all, loadReport(t, *reports, name))
	}
	page := conformanceHead + conformance.Table(all...)
	if *update {
		if t.Failed() {
			t.Fatalf("%s is not written while a rule fails", conformancePage)
		}
		require.NoError(t, os.WriteFile(filepath.Join(root, conformancePage), []byte(page), 0o644))
		return
	}
	require.Equal(t, page, read(t, conformancePage), "%s is out of date: its head says how to make it anew", conformancePage)
}

func loadReport(t *testing.T, dir, name string) *conformance.Report {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name+".json"))
	require.NoError(t, err)
	report := new(conformance.Report)
	require.NoError(t, json.Unmarshal(data, report))
	for _, c := range report.Cases {
		require.NotEqual(t, conformance.Failed, c.Status, "%s on %s", c.Case, name)
	}
	return report
}

// column is what the page says of a backend.
func column(t *testing.T, name string) *conformance.Report {
	t.Helper()
	report, at := &conformance.Report{Backend: name}, -1
	for line := range strings.Lines(read(t, conformancePage)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(line, " | ")
		if at < 0 {
			at = slices.Index(cells, name)
			require.Positive(t, at, "the column of %s", name)
			continue
		}
		rule := strings.TrimPrefix(cells[0], "| ")
		report.Cases = append(report.Cases, conformance.CaseReport{Rule: rule, Status: conformance.Status(cells[at])})
	}
	require.NotEmpty(t, report.Cases, "the rules on the page")
	return report
}
