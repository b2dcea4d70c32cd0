package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Soak has things go wrong for as long as -conformance.duration says: every few
// seconds a node is killed with -9, frozen, stopped or started, or the broker is
// restarted, while workers run whose runs are shorter and longer than their
// period, fail and panic. Its verdict is that of history.Check over everything
// that was run. The flag -conformance.seed has the same
// things go wrong again.
//
//	func TestSoak(t *testing.T) { conformance.Soak(t, backend) }
//
//	go test -run TestSoak -timeout 0 . -conformance.duration 10m
//
// It is left out where there is no -conformance.duration. If it fails, and go test is run with
// -artifacts, all that happened is in history.txt among them.
func Soak(t *testing.T, b Backend) {
	t.Helper()
	if soakFor <= 0 {
		t.Skip("a soak goes on for as long as the flag says: -" + durationFlag + " 10m")
	}
	if b.Server == nil {
		t.Fatal("conformance: a Soak needs the Backend's Server")
	}
	seed := soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("soak: -%s %s -%s %d", durationFlag, soakFor, seedFlag, seed)
	b.WallClock = true
	machine := newSentinel()
	defer machine.close()
	s := &soak{rand: rand.New(rand.NewPCG(seed, seed)), thaw: map[*process]time.Time{}}
	c := processes("CLU-1", "soak", func(f *fleet) {
		s.f, f.seed = f, seed
		s.run(soakFor)
		f.holds()
	})
	v := judge(t, t.Name(), b, c, features(t, b), machine)
	t.Log(s.summary())
	if v.Status == Failed {
		whole := filepath.Join(t.ArtifactDir(), "history.txt")
		if err := os.WriteFile(whole, []byte(s.f.whole()), 0o644); err != nil {
			t.Error(err)
		}
	}
	v.settle(t)
}

// soak is what goes wrong.
type soak struct {
	f    *fleet
	rand *rand.Rand
	thaw map[*process]time.Time
	did  map[string]int
}

// loads are workers of every kind.
func (s *soak) loads() []load {
	second := max(time.Second, s.f.features.MinPeriod)
	loads := []load{
		{Name: "often", Every: second},
		{Name: "shorter", Every: 2 * second, Most: second, Rough: 10},
		{Name: "longer", Every: 2 * second, Least: 2 * second, Most: 9 * second, Rough: 10},
		{Name: "very-long", Every: 5 * second, Least: s.f.failover(), Most: 2 * s.f.failover()},
		{Name: "once", Every: 3 * second, Most: 4 * second, AtMostOnce: true, Rough: 10},
	}
	for i := range 10 {
		loads = append(loads, load{Name: numbered("more", i), Every: 3 * second, Most: second, Rough: 5})
	}
	return loads
}

func (s *soak) run(d time.Duration) {
	f := s.f
	s.did = map[string]int{}
	for range 3 {
		f.launch(s.loads()...)
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		f.sleep(2*time.Second + s.upTo(4*time.Second))
		s.mend(time.Now())
		s.strike()
		if f.failed() {
			return
		}
	}
	s.mend(time.Time{})
	s.enough(3)
	f.sleep(2*f.failover() + f.tolerance())
	alive := f.alive()
	for i, p := range alive {
		if i == len(alive)-1 { // a slot may be on its way from the one before that has ended
			f.sleep(f.failover()/2 + f.tolerance())
		}
		if err := p.stop(3 * f.failover()); err != nil {
			f.Errorf("%v", err)
		}
	}
}

func (s *soak) upTo(d time.Duration) time.Duration { return time.Duration(s.rand.Int64N(int64(d))) }

func (s *soak) strike() {
	f := s.f
	alive := f.alive()
	s.enough(2)
	p := alive[s.rand.IntN(len(alive))]
	switch dice := s.rand.IntN(10); {
	case dice < 3:
		s.did["kill -9"]++
		p.kill()
		delete(s.thaw, p)
	case dice < 6 && !p.frozen:
		s.did["freeze"]++
		p.freeze()
		s.thaw[p] = time.Now().Add(s.upTo(2 * f.failover()))
	case dice < 7 && !p.frozen:
		s.did["stop"]++
		_ = p.stop(s.upTo(f.failover() / 3))
	case dice < 8:
		f.restart(s.upTo(5*time.Second), false)
		what := "broker restart"
		if f.served {
			what = "kill -9 of the broker's leader"
		}
		s.did[what]++
	case !p.frozen:
		s.did["trigger"]++
		_ = p.do(order{Do: "trigger", Worker: "shorter", Within: time.Second})
	}
	s.enough(2)
	if len(f.alive()) < 4 {
		s.launch()
	}
}

func (s *soak) launch() {
	s.did["start"]++
	if _, err := s.f.tryLaunch(s.f.failover(), 0, s.loads()...); err != nil {
		s.f.Errorf("start a node: %v", err)
	}
}

// mend thaws what was frozen until a time; zero is all.
func (s *soak) mend(now time.Time) {
	for p, at := range s.thaw {
		if now.IsZero() || !at.After(now) {
			p.thaw()
			delete(s.thaw, p)
		}
	}
}

// enough sees to it that so many nodes are neither dead nor frozen.
func (s *soak) enough(n int) {
	well := 0
	for _, p := range s.f.alive() {
		if !p.frozen {
			well++
		}
	}
	for ; well < n && !s.f.failed(); well++ {
		s.launch()
	}
}

// summary tells what was done and what came of it.
func (s *soak) summary() string {
	h := s.f.seen()
	again, lost := 0, 0
	for _, r := range h.Runs {
		if r.Tick.Redelivered {
			again++
		}
		if !r.Lost.IsZero() {
			lost++
		}
	}
	skipped := 0
	for _, k := range h.Skips {
		skipped += k.Count
	}
	return fmt.Sprintf("soak: %v; %d runs, %d of them run again, %d cancelled; %d slots skipped", s.did, len(h.Runs), again, lost, skipped)
}
