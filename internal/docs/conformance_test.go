//go:build !race

// What the page says was found out is found out with the race detector, too, by the
// backends' own tests.

package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/mutate/rates"
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

The sections after the rules change only if these commands are run in between. The first
two are for the files that no case executes, the third for the times:

    go test -count=1 -cover -run 'TestConformance$' ./backends/gocron ./backends/asynq ./backends/nats
    go test -count=1 -cover -coverpkg=./backends/native -run 'TestNative$' ./conformance
    TICKWORK_WALL_CLOCK=1 go test -count=1 -timeout 1h -run 'TestProcesses' ./backends/asynq ./backends/nats

The last section shows what runs of internal/mutate have recorded.

- **passed**: the suite tests the rule on this backend, and it holds.
- **unsupported**: the backend says that it lacks this, and refuses it with ErrUnsupported.
- **skipped**: the rule is not for this kind of backend (those about brokers and clusters are
  for distributed ones; PER-11, on clocks that are set back, is for the others, where CLU-8 does
  not decide), or no case tests it yet.

`

const measuredHead = `
## Measured

In real time, on a machine with two cores, with processes for instances, real servers
beside them and the default lease. **failover** is how long it took from the kill -9 of
a process in a run until another began that run again, which every instance promises to
be within its Features' Failover. **election** is how long it took from the kill -9 of
the leader of three servers (nats-three) until anything began; no run was cancelled or
run again meanwhile.

`

const filesHead = `
## Files that no case executes

A green suite says nothing about a file that none of its cases executes. These files of the
backends are left to the backends' own tests:

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
	recorded, err := rates.Load(root)
	require.NoError(t, err)
	page := conformanceHead + conformance.Table(all...) + filesHead + unexecuted(t) + measuredHead + conformance.MeasuredTable(measured(t)...) + "\n" + rates.Section(recorded)
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

// unexecuted returns the list of the files that no case executed: from the reports, if the
// page is written again and they have it, otherwise as on the page. Each file exists.
func unexecuted(t *testing.T) string {
	t.Helper()
	_, section, _ := strings.Cut(read(t, conformancePage), filesHead)
	section, _, _ = strings.Cut(section, measuredHead)
	onPage := map[string][]string{}
	for line := range strings.Lines(section) {
		name, files, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "- **"), "\n"), "**: ")
		onPage[name] = strings.Split(files, ", ")
	}
	var list strings.Builder
	for _, b := range []string{"native", "gocron", "asynq", "nats"} {
		files := onPage[b]
		if *update {
			if r := loadReport(t, *reports, b); len(r.Files) > 0 {
				files = nil
				for _, f := range r.Unexecuted() {
					files = append(files, strings.TrimPrefix(f, "github.com/seed-891a2e1b/tickwork/backends/"+b+"/"))
				}
			}
		}
		if len(files) == 0 {
			files = []string{none}
		}
		for _, f := range files {
			if f != none {
				require.FileExists(t, filepath.Join(root, "backends", b, f), "%s names a file of %s", conformancePage, b)
			}
		}
		fmt.Fprintf(&list, "- **%s**: %s\n", b, strings.Join(files, ", "))
	}
	return list.String()
}

// none stands for no file.
const none = "none"

// measuring are the backends whose times are on the page, and what engine each is on.
var measuring = []struct {
	name   string
	engine func() (core.Features, error)
}{
	{"asynq", asynqFeatures}, {"nats", natsFeatures}, {"nats-three", natsFeatures},
}

func asynqFeatures() (core.Features, error) {
	e, err := asynq.NewEngine(asynq.Config{})
	if err != nil {
		return core.Features{}, err
	}
	return e.Features(), nil
}

func natsFeatures() (core.Features, error) {
	e, err := nats.NewEngine(nats.Config{})
	if err != nil {
		return core.Features{}, err
	}
	return e.Features(), nil
}

// measured returns what was measured: as the page says, or, where that is written
// anew, as the reports do that there are. No failover took longer than is declared.
func measured(t *testing.T) (all []*conformance.Report) {
	for _, m := range measuring {
		r := &conformance.Report{Backend: m.name, Measured: rows(t, m.name)}
		if *update {
			if _, err := os.Stat(filepath.Join(*reports, m.name+"-processes.json")); err == nil {
				r = loadReport(t, *reports, m.name+"-processes")
			}
		}
		features, err := m.engine()
		require.NoError(t, err)
		failover := r.Measured["failover"]
		require.GreaterOrEqual(t, failover.N, 30, "failovers of %s that were measured", m.name)
		require.LessOrEqual(t, failover.Max, features.Failover, "the longest failover of %s that was measured", m.name)
		all = append(all, r)
	}
	return all
}

// rows is what the page says that was measured of a backend.
func rows(t *testing.T, backend string) map[string]conformance.Figures {
	t.Helper()
	all := map[string]conformance.Figures{}
	_, section, _ := strings.Cut(read(t, conformancePage), measuredHead)
	for line := range strings.Lines(section) {
		var what string
		var n int
		var p50, p99, most float64
		if _, err := fmt.Sscanf(line, "| "+backend+" | %s | %d | %f s | %f s | %f s |", &what, &n, &p50, &p99, &most); err != nil {
			continue // another's
		}
		seconds := func(s float64) time.Duration { return time.Duration(math.Round(s*10)) * time.Second / 10 }
		all[what] = conformance.Figures{N: n, P50: seconds(p50), P99: seconds(p99), Max: seconds(most)}
	}
	return all
}

// column is what the page says of a backend.
func column(t *testing.T, name string) *conformance.Report {
	t.Helper()
	report, at := &conformance.Report{Backend: name}, -1
	rules, _, _ := strings.Cut(read(t, conformancePage), filesHead)
	for line := range strings.Lines(rules) {
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
