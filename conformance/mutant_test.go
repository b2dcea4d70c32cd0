package conformance

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A mutant is a manager that is broken in one way. The suite is judged by
// whether it notices: the mutant must fail the rules that it says it breaks,
// and no others.
type mutant struct {
	name string
	// breaks are the rules that fail; the first is the one it was made for.
	breaks []string
	// open opens it, where it is a manager by itself; otherwise the world is wrong.
	open  func(core.Options) (core.Manager, error)
	world wrongWorld
}

// backend is what the suite is run on.
func (m mutant) backend() Backend {
	if m.open != nil {
		return Backend{Name: m.name, Open: m.open}
	}
	return Backend{
		Name: m.name,
		Open: func(opts core.Options) (core.Manager, error) {
			return newMemoryWorld(false, m.world).Open(Node{Name: "one"}, opts)
		},
		Cluster: func() (World, error) { return newMemoryWorld(false, m.world), nil },
	}
}

// mutants are all of them, by the file that they stand in.
var mutants [][]mutant

// immune says of a rule that no mutant breaks why not.
var immune = map[string]string{}

// TestMutants lets the suite find out about each mutant. With the race detector,
// under which all cases on all mutants would take minutes, a mutant is tried on
// the rule that it was made for, and must fail it; so is a cluster always, in which
// one rule rests upon another. The others are tried on the whole suite
// (but for the one slow case, of CRN-3, which is for those that break that rule),
// and must fail the rules that it declares and no others.
func TestMutants(t *testing.T) {
	for _, group := range mutants {
		for _, m := range group {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				want := sorted(m.breaks)
				if raceDetector || m.open == nil {
					want = m.breaks[:1]
				}
				require.Equal(t, want, sorted(m.failing(t)), "the rules that the suite found broken")
			})
		}
	}
}

// failing returns the rules that the suite finds broken. A rule that one case
// has shown to be broken needs no other case.
func (m mutant) failing(t *testing.T) []string {
	b := m.backend()
	f := features(t, b)
	var broken []string
	for _, c := range suite() {
		own := c.rule == m.breaks[0]
		cluster := b.Cluster != nil
		switch {
		case slices.Contains(broken, c.rule), !own && (raceDetector || c.slow || cluster):
			continue
		case cluster && !c.cluster: // alone it is as any other
			continue
		}
		v := judge(t, t.Name(), b, c, f, nil)
		if v.Status == Failed {
			broken = append(broken, c.rule)
			if testing.Verbose() {
				t.Log(v.Story)
			}
		}
	}
	return broken
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// TestCasesHaveNamesOfTheirOwn: a case is run again, and its verdict is waited for,
// by its name.
func TestCasesHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range suite() {
		name := c.id()
		require.False(t, seen[name], "a second case of the name %s", name)
		seen[name] = true
	}
}

// TestEveryRuleHasAMutant keeps the suite honest: a rule that nothing is seen
// to break is a rule that is not tested.
func TestEveryRuleHasAMutant(t *testing.T) {
	broken := map[string]bool{}
	for _, group := range mutants {
		for _, m := range group {
			require.NotEmpty(t, m.breaks, m.name)
			for _, id := range m.breaks {
				rule(id)
			}
			broken[m.breaks[0]] = true
		}
	}
	for _, r := range rules {
		if immune[r.ID] == "" {
			require.True(t, broken[r.ID], "no mutant is made to break %s: %s", r.ID, r.Text)
		}
	}
}

// tweaked is a native manager whose workers and options are changed on the way.
func tweaked(worker func(*core.Worker), options func(*core.Options)) func(core.Options) (core.Manager, error) {
	return func(opts core.Options) (core.Manager, error) {
		if options != nil {
			options(&opts)
		}
		m, err := native.New(native.Config{}, opts)
		return tweak{m, worker}, err
	}
}

type tweak struct {
	core.Manager
	worker func(*core.Worker)
}

func (t tweak) Add(ctx context.Context, w core.Worker) error {
	if t.worker != nil {
		t.worker(&w)
	}
	return t.Manager.Add(ctx, w)
}
