// Package rates keeps what runs of internal/mutate found out, and shows it on docs/conformance.md.
package rates

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// File has the rates. Like Page it is relative to the module.
	File = "internal/mutate/rates.json"
	// Page is the page that ends with Section.
	Page = "docs/conformance.md"
	// Heading is the first line of Section.
	Heading = "## How strong the suite is"
)

// A Count is the outcome of mutants.
type Count struct {
	Run      int // the mutants that were run
	Public   int // those of Run that the public suite kills
	Killed   int // those of Run that the public suite or another test kills
	Accepted int // those of Run that survive and are listed in accepted.txt
}

// Left returns how many survivors are not accepted.
func (c Count) Left() int { return c.Run - c.Killed - c.Accepted }

// Percent returns n as a percentage of the mutants that are not accepted, rounded down.
func (c Count) Percent(n int) string {
	if c.Run == c.Accepted {
		return "-"
	}
	return fmt.Sprintf("%d %%", 100*n/(c.Run-c.Accepted))
}

// A Rate is the outcome of one run over one package.
type Rate struct {
	Package string // its directory, relative to the module
	Mutants int    // all that it has
	Seed    uint64 // what the choice of a sample depends on; 0 if all mutants were run
	Count
}

// Load reads the rates of the module in the directory root, sorted by package.
func Load(root string) ([]Rate, error) {
	data, err := os.ReadFile(filepath.Join(root, File))
	if err != nil {
		return nil, err
	}
	var all []Rate
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", File, err)
	}
	return all, nil
}

// Record puts r in the place of its package's rate, and writes the page again.
func Record(root string, r Rate) error {
	all, err := Load(root)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(old Rate) bool { return old.Package == r.Package })
	all = append(all, r)
	slices.SortFunc(all, func(a, b Rate) int { return strings.Compare(a.Package, b.Package) })
	data, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(root, Page))
	if err != nil {
		return err
	}
	before, _, ok := strings.Cut(string(page), Heading)
	if !ok {
		return fmt.Errorf("write %s: it has no line %q", Page, Heading)
	}
	if err := os.WriteFile(filepath.Join(root, File), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, Page), []byte(before+Section(all)), 0o644)
}

const explanation = `

A mutant is a small fault in a package, such as a comparison that is negated or a call that
is left out. It is killed if a test fails. The table shows how many mutants the conformance
suite kills on its own, and how many are killed if the package's own tests run too. Both
percentages leave out the accepted mutants: nobody could observe them, or they change only
the speed or the text of a log record. internal/mutate/accepted.txt gives a reason for each.
A sample is chosen at random by its seed. Tests are written for the survivors of a sample, so
another seed may show some percent less. To measure a package again, and to update this table:

    go run ./internal/mutate -record -sample 120 -seed 1 PACKAGE

| package | mutants | run | seed | killed by the suite | killed by all tests | accepted | left |
|---|---|---|---|---|---|---|---|
`

// Section returns the page's section on the rates.
func Section(all []Rate) string {
	var text strings.Builder
	text.WriteString(Heading + explanation)
	for _, r := range all {
		seed := "-"
		if r.Run < r.Mutants {
			seed = fmt.Sprint(r.Seed)
		}
		fmt.Fprintf(&text, "| %s | %d | %d | %s | %d, %s | %d, %s | %d | %d |\n", r.Package, r.Mutants, r.Run, seed,
			r.Public, r.Percent(r.Public), r.Killed, r.Percent(r.Killed), r.Accepted, r.Left())
	}
	return text.String()
}
