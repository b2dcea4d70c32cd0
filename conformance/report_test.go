package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

// TestFigures: a percentile is of the nearest rank, so that of thirty times the
// largest is among those that p99 speaks of.
func TestFigures(t *testing.T) {
	upTo := func(n int) (times []time.Duration) {
		for i := n; i > 0; i-- {
			times = append(times, time.Duration(i))
		}
		return times
	}
	assert.Equal(t, Figures{N: 30, P50: 15, P99: 30, Max: 30}, figures(upTo(30)))
	assert.Equal(t, Figures{N: 200, P50: 100, P99: 198, Max: 200}, figures(upTo(200)))
	assert.Equal(t, Figures{N: 1, P50: 1, P99: 1, Max: 1}, figures(upTo(1)))
	assert.Equal(t, Figures{}, figures(nil))
}

// TestMeasuredInSeveralCases: what several cases have measured is one figure.
func TestMeasuredInSeveralCases(t *testing.T) {
	r := newReport(Backend{Name: "mine"}, core.Features{})
	for _, times := range [][]time.Duration{{4, 1}, {2, 3}} {
		r.add(kase{}, verdict{Measured: map[string][]time.Duration{"election": times}})
	}
	assert.Equal(t, map[string]Figures{"election": {N: 4, P50: 2, P99: 4, Max: 4}}, r.Measured)
}
