package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// TestRankingOfOneDefect: a manager with wrong slots fails cases of many rules, and the
// ranking begins with the rule about slots.
func TestRankingOfOneDefect(t *testing.T) {
	b := Backend{Name: "broken", Open: swapped(func(w core.Worker) core.Schedule {
		if i, ok := w.Schedule.(core.Interval); ok {
			return i.Offset(7e9)
		}
		return nil
	})}
	f := features(t, b)
	var failures []failure
	for i, c := range suite() {
		if c.slow || !slices.Contains([]string{"REG", "PER", "STA", "ERR"}, c.rule[:3]) {
			continue
		}
		if v := judge(t, t.Name(), b, c, f, nil); v.Status == Failed {
			failures = append(failures, failure{c, i, v.First})
		}
	}
	require.Greater(t, len(failures), 10)
	lines := strings.Split(ranking(failures), "\n")
	t.Log(ranking(failures))
	assert.Regexp(t, `^\d+ cases failed\.`, lines[0])
	assert.Regexp(t, `^  1\. PER-1/\S+: \S`, lines[1])
	assert.LessOrEqual(t, len(lines), 2*mostGroups+3)
}

func TestRanking(t *testing.T) {
	made := func(rule, name, first string) failure {
		return failure{kase: kase{rule: rule, name: name, slow: name == "slow"}, first: first}
	}
	list := []failure{
		made("CLU-13", "loss", "waited 10s for this, in vain: a run"),
		made("PER-1", "slow", "no slot"),
		made("PER-7", "made-up", "w began 3s late"),
		made("PER-2", "punctual", "w began 45m0.5s late"),
	}
	assert.Empty(t, ranking(list[:3]), "of few")
	assert.Equal(t, `4 cases failed. One defect may be behind many of them; start with these, the most basic first:
  1. PER-2/punctual: w began 45m0.5s late
     of its rule, or alike: PER-7/made-up
  2. CLU-13/loss: waited 10s for this, in vain: a run
  3. PER-1/slow: no slot
`, ranking(list))
}

func TestHeadline(t *testing.T) {
	assert.Equal(t, "the slots: Not equal:", headline("\tError Trace:\tx.go:1\n\tError:      \tNot equal: \n\t  expected: 1\n\tMessages:   \tthe slots\n\t more"))
	assert.Equal(t, "plain", headline("plain\nmore"))
}
