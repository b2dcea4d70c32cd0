package docs

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

const conformancePage = "docs/conformance.md"

const conformanceHead = `# The contract, and which backend keeps it

Made by the conformance suite: ` + "`go test ./internal/docs -update`" + ` runs it on each backend
in virtual time and writes this page. Do not edit it.

- **passed**: the suite tests the rule on this backend, and it holds.
- **unsupported**: the backend says that it lacks this, and refuses it with ErrUnsupported.
- **skipped**: the rule is not for this kind of backend (those about brokers and clusters are
  for distributed ones), or no case tests it yet.

`

// backends are those in the table, in the order of its columns.
var backends = []conformance.Backend{
	{Name: "native", Open: func(opts core.Options) (core.Manager, error) { return native.New(native.Config{}, opts) }},
	{Name: "gocron", Open: func(opts core.Options) (core.Manager, error) { return gocron.New(gocron.Config{}, opts) }},
}

// TestConformancePage runs the suite on every backend, and compares what it
// finds out with docs/conformance.md.
func TestConformancePage(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TICKWORK_REPORT", dir)
	var reports []*conformance.Report
	for _, b := range backends {
		t.Run(b.Name, func(t *testing.T) { conformance.Run(t, b) })
		data, err := os.ReadFile(filepath.Join(dir, b.Name+".json"))
		require.NoError(t, err)
		report := new(conformance.Report)
		require.NoError(t, json.Unmarshal(data, report))
		reports = append(reports, report)
	}
	page := conformanceHead + conformance.Table(reports...)
	if *update {
		if t.Failed() {
			t.Fatalf("%s is not written while a rule fails", conformancePage)
		}
		require.NoError(t, os.WriteFile(filepath.Join(root, conformancePage), []byte(page), 0o644))
		return
	}
	require.Equal(t, page, read(t, conformancePage), "%s is out of date: go test ./internal/docs -update", conformancePage)
}
