package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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
