package conformance

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// TestStoryOfTheClock: the story of every case that sets the clock, and fails, says when
// the clock was set, which way, by how much and to what time.
func TestStoryOfTheClock(t *testing.T) {
	b := Backend{Name: "broken", Open: tweaked(func(w *core.Worker) { w.Schedule = core.Every(7e9) }, nil)}
	f := features(t, b)
	failed := 0
	for _, c := range suite() {
		if c.rule != "PER-11" {
			continue
		}
		if v := judge(t, t.Name(), b, c, f, nil); v.Status == Failed {
			failed++
			assert.Regexp(t, `\+\S+  the clock is set back by \S+, to \d{4}-\S+Z\n`, v.Story, c.id())
		}
	}
	assert.Greater(t, failed, 4, "cases of PER-11 that find a wrong schedule")
}

// TestStoryOfChaos: where many workers run and one breaks a rule, the story is of that
// worker, of the faults, and of the time at which it broke the rule.
func TestStoryOfChaos(t *testing.T) {
	for _, m := range slices.Concat(mutants...) {
		if m.name != "cluster-at-most-once-is-as-usual" {
			continue
		}
		b := m.backend()
		for _, c := range suite() {
			if c.id() != "CLU-1/through-chaos" {
				continue
			}
			var v verdict
			for range 20 { // what chaos does depends on how goroutines are scheduled
				if v = judge(t, t.Name(), b, c, features(t, b), nil); v.Status == Failed {
					break
				}
			}
			require.Equal(t, Failed, v.Status)
			assert.Regexp(t, `once@\S+ begins`, v.Story)
			assert.Regexp(t, `n-\d\d: (killed|cut|stopping|started)`, v.Story, "what was done to the nodes")
			assert.NotRegexp(t, `(often|runs|long|delay)@`, v.Story, "the other workers")
			again := regexp.MustCompile(`CLU-1: once: (once@\S+) on .* began again`).FindStringSubmatch(v.Story)
			require.NotNil(t, again, v.Story)
			assert.Regexp(t, regexp.QuoteMeta(again[1])+" begins, fence .*, redelivered", v.Story, "what is wrong is in the lines shown")
			return
		}
	}
	t.Fatal("there is no such mutant, or no such case")
}
