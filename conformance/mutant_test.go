package conformance

import (
	"context"
	"os"
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
	open   func(core.Options) (core.Manager, error)
}

// mutants are all of them, by the file that they stand in.
var mutants [][]mutant

// immune says of a rule that no mutant breaks why not.
var immune = map[string]string{}

// exact tells whether each mutant is tried on the whole suite, and must fail the
// rules that it declares and no others. That takes minutes, so it is on request;
// otherwise it is tried on the rule that it was made for.
func exact() bool { return os.Getenv("TICKWORK_EXACT_MUTANTS") != "" }

// TestMutants lets the suite find out about each mutant.
func TestMutants(t *testing.T) {
	for _, group := range mutants {
		for _, m := range group {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				failing := m.failing(t)
				require.Contains(t, failing, m.breaks[0], "the rules that the suite found broken")
				if exact() {
					require.Equal(t, sorted(m.breaks), sorted(failing), "the rules that the suite found broken")
				}
			})
		}
	}
}

// failing returns the rules that the suite finds broken.
func (m mutant) failing(t *testing.T) []string {
	b := Backend{Name: m.name, Open: m.open}
	f := features(t, b)
	var broken []string
	for _, c := range suite() {
		if (c.slow || !exact()) && c.rule != m.breaks[0] {
			continue
		}
		v := judge(t, t.Name(), b, c, f)
		if v.Status == Failed && !slices.Contains(broken, c.rule) {
			broken = append(broken, c.rule)
		}
		if v.Status == Failed && testing.Verbose() {
			t.Log(v.Story)
		}
	}
	return broken
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
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
		if immune[r.ID] == "" && r.Group != "Cluster (distributed engines, scope PerCluster)" {
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
