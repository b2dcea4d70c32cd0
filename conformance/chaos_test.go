package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// TestManySeeds looks for histories that break any rule: TICKWORK_SEEDS says how
// many.
func TestManySeeds(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("TICKWORK_SEEDS"))
	first, _ := strconv.Atoi(os.Getenv("TICKWORK_FIRST_SEED"))
	if n == 0 {
		t.Skip("set TICKWORK_SEEDS")
	}
	for name, world := range map[string]func() *memoryWorld{
		"watching": func() *memoryWorld { return newMemoryWorld(false, wrongWorld{}) },
		"polling":  func() *memoryWorld { return newMemoryWorld(true, wrongWorld{}) },
		"mumbling": func() *memoryWorld {
			w := newMemoryWorld(true, wrongWorld{})
			w.wrong.config = func(n Node, cfg *ledger.Config) { cfg.Store = &mumbling{Store: cfg.Store, node: n.Name, world: w} }
			return w
		},
	} {
		b := Backend{Name: name, Open: func(opts core.Options) (core.Manager, error) {
			return world().Open(Node{Name: "one"}, opts)
		}, Cluster: func() (World, error) { return world(), nil }}
		f := features(t, b)
		for seed := first; seed < first+n; seed++ {
			t.Run(fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				c := clustered("CLU-1", "chaos", nil, func(c *cluster) {
					c.world.(*memoryWorld).mumbled = c.rec.Take
					c.chaos(uint64(seed), 20*time.Minute, seed%2 == 0)
					c.holds("CLU-1", "CLU-2", "CLU-3", "CLU-9", "PER-3", "OBS-2")
					if dir := os.Getenv("TICKWORK_HISTORIES"); dir != "" && c.failed() {
						_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")), []byte(c.whole()), 0o644)
					}
				})
				if v := judge(t, t.Name(), b, c, f, nil); v.Status == Failed {
					t.Error(v.Story)
				}
			})
		}
	}
}

// mumbling is a store whose answers are lost now and then: a write has happened,
// and nobody says so before its context ends.
type mumbling struct {
	ledger.Store
	node   string
	world  *memoryWorld
	writes atomic.Int64
}

func (m *mumbling) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	s, err := m.Store.WriteLease(ctx, w)
	if m.writes.Add(1)%7 == 0 {
		if m.world.mumbled != nil {
			m.world.mumbled(history.Event{At: time.Now(), Kind: history.Hiccup, Node: m.node})
		}
		<-ctx.Done()
		return ledger.State{}, context.Cause(ctx)
	}
	return s, err
}
