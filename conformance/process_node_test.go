package conformance

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestSeedOfLoads: a worker's runs are the same again where the seed is, and others
// where it is not, or on another worker.
func TestSeedOfLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(name string, seed uint64) (times []time.Duration) {
			w := load{Name: name, Every: time.Second, Most: time.Hour}.worker(seed)
			for range 10 {
				began := time.Now()
				assert.NoError(t, w.Run(t.Context()))
				times = append(times, time.Since(began))
			}
			return times
		}
		seed := rand.Uint64()
		assert.Equal(t, took("w", seed), took("w", seed), "seed %d", seed)
		assert.NotEqual(t, took("w", seed), took("w", seed+1), "seed %d, and another", seed)
		assert.NotEqual(t, took("w", seed), took("v", seed), "seed %d, and another worker", seed)
	})
}
