package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// TestManySeeds looks for histories that break any rule: TICKWORK_SEEDS says how
// many.
func TestManySeeds(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("TICKWORK_SEEDS"))
	first, _ := strconv.Atoi(os.Getenv("TICKWORK_FIRST_SEED"))
	if n == 0 {
		t.Skip("set TICKWORK_SEEDS")
	}
	for name, polled := range map[string]bool{"watching": false, "polling": true} {
		b := Backend{Name: name, Open: func(opts core.Options) (core.Manager, error) {
			return newMemoryWorld(polled).Open(Node{Name: "one"}, opts)
		}, Cluster: func() (World, error) { return newMemoryWorld(polled), nil }}
		f := features(t, b)
		for seed := first; seed < first+n; seed++ {
			t.Run(fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				c := clustered("CLU-1", "chaos", nil, func(c *cluster) {
					c.chaos(uint64(seed), 20*time.Minute)
					c.holds("CLU-2", "CLU-3", "CLU-9", "PER-3", "OBS-2")
					if dir := os.Getenv("TICKWORK_HISTORIES"); dir != "" && c.failed() {
						_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")), []byte(strings.Join(c.history, "\n")+"\n"), 0o644)
					}
				})
				if v := judge(t, t.Name(), b, c, f, nil); v.Status == Failed {
					t.Error(v.Story)
				}
			})
		}
	}
}
