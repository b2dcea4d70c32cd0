package conformance

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, chaosCases) }

// The rules that a whole history can be judged by, in histories that nobody has
// thought of. The same seed makes the same faults.
var chaosCases = func() (cases []kase) {
	for seed, rule := range []string{"CLU-1", "CLU-2", "CLU-3", "CLU-9", "PER-3", "OBS-2"} {
		c := clustered(rule, "through-chaos", nil, func(c *cluster) { c.chaos(uint64(seed), 12*c.failover(), rule != "OBS-2") })
		c.slow = true
		cases = append(cases, c)
	}
	return cases
}()

// chaos has things go wrong for a while, and then be well again. Data are lost only
// where that is wanted, which is not so for OBS-2: nobody can account for what
// nobody remembers.
func (c *cluster) chaos(seed uint64, d time.Duration, loses bool) {
	m := &mayhem{c: c, loses: loses, rand: rand.New(rand.NewPCG(seed, seed)), cut: map[*node]time.Time{}}
	c.align(time.Minute)
	for range 4 {
		m.join()
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.sleep(m.upTo(c.failover() * 4 / 5))
		m.mend(time.Now())
		m.strike()
	}
	m.mend(time.Time{})
	m.enough(3)
	c.sleep(3 * c.failover())
}

// mayhem is what does it.
type mayhem struct {
	c    *cluster
	mu   sync.Mutex
	rand *rand.Rand

	loses bool
	up    []*node // in no particular state
	cut   map[*node]time.Time
	down  time.Time
	n     int
}

// upTo returns a time that is random.
func (m *mayhem) upTo(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.rand.Int64N(int64(d)))
}

func (m *mayhem) pick(n int) int { return int(m.upTo(time.Duration(n))) }

// workers are of every kind whose history can be judged.
func (m *mayhem) workers() []core.Worker {
	f := m.c.failover()
	second := max(time.Second, m.c.features.MinPeriod)
	often := work("often", core.Every(second), nothing)
	long := work("runs", core.Every(3*second), m.sometimes(f))
	once := work("once", core.Every(4*second), m.sometimes(f/3))
	once.AtMostOnce = m.c.features.Supports(core.FeatureAtMostOnce)
	workers := []core.Worker{often, long, once}
	if m.c.features.Supports(core.FeatureLongRunning) {
		workers = append(workers, work("long", nil, hangs))
	}
	if m.c.features.Supports(core.FeatureDelay) {
		workers = append(workers, work("delay", core.Delay(2*second), m.sometimes(f/4)))
	}
	return workers
}

// sometimes is a function that takes a time up to d, sometimes whatever its
// context says, and sometimes fails.
func (m *mayhem) sometimes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		took := m.upTo(d)
		switch m.pick(8) {
		case 0:
			_ = takes(took)(ctx)
			return errors.New("it failed")
		case 1:
			_ = takes(took)(ctx)
			panic("it panicked")
		case 2:
			return ignores(took)(ctx)
		}
		return takes(took)(ctx)
	}
}

// join brings another node up, if the broker lets it.
func (m *mayhem) join() {
	m.n++
	n := m.c.open(numbered("n", m.n), site{}, m.workers()...)
	ctx, cancel := context.WithTimeout(context.Background(), m.c.failover())
	defer cancel()
	if err := n.m.Start(ctx); err != nil {
		m.c.note("%s does not start: %v", n.name, err)
		return
	}
	n.watch.Suffer(history.Started)
	m.up = append(m.up, n)
}

// strike does something.
func (m *mayhem) strike() {
	c := m.c
	if len(m.up) < 2 {
		m.join()
		return
	}
	i := m.pick(len(m.up))
	n := m.up[i]
	switch m.pick(12) {
	case 0, 1:
		n.kill()
		m.leave(i)
	case 2, 3, 4:
		if m.cut[n].IsZero() {
			n.cut()
			m.cut[n] = time.Now().Add(m.upTo(2 * c.failover()))
		}
	case 5:
		if m.down.IsZero() {
			c.down()
			m.down = time.Now().Add(m.upTo(c.failover()))
		}
	case 6:
		if m.loses && m.down.IsZero() {
			c.lose()
		}
	case 7, 8:
		_ = n.stop(m.upTo(c.failover() / 3))
		m.leave(i)
	case 9:
		if c.features.Supports(core.FeatureTrigger) && m.down.IsZero() && m.cut[n].IsZero() {
			_, _ = n.m.Trigger(context.Background(), []string{"runs", "often", "once"}[m.pick(3)])
		}
	default:
		m.join()
	}
	if len(m.up) > 6 {
		_ = m.up[0].stop(c.failover())
		m.leave(0)
	}
}

func (m *mayhem) leave(i int) {
	delete(m.cut, m.up[i])
	m.up = append(m.up[:i:i], m.up[i+1:]...)
}

// mend ends what was to last until a time; zero is all of it.
func (m *mayhem) mend(now time.Time) {
	if !m.down.IsZero() && (now.IsZero() || !m.down.After(now)) {
		m.c.up()
		m.down = time.Time{}
	}
	for n, until := range m.cut {
		if now.IsZero() || !until.After(now) {
			n.heal()
			delete(m.cut, n)
		}
	}
}

// enough sees to it that so many nodes are up.
func (m *mayhem) enough(n int) {
	for len(m.up) < n {
		m.join()
	}
}
