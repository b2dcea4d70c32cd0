package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// TestStress has three instances do everything at a time, in virtual time, while
// they are cut off and come back, and the broker goes away and loses its data.
// Whatever the order: no two runs of a worker go on whose contexts are alive, each
// run has a greater fence than the one that began before it, and every instance
// stops, with nothing left of it.
func TestStress(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for i := range rounds {
		synctest.Test(t, func(t *testing.T) { stress(t, uint64(time.Now().UnixNano())+uint64(i)) })
	}
}

// stressed is a cluster under stress, and what was wrong with it.
type stressed struct {
	broker *ledger.Memory
	stores []*ledger.MemoryStore
	nodes  []core.Manager
	began  atomic.Int64 // runs

	mu     sync.Mutex
	active map[string]map[*active]bool // by worker
	fences map[string]uint64
	errs   []string
}

// A counted store sees to it that nothing is done over and over: as no time passes
// meanwhile in a bubble, the test would not end.
type counted struct {
	ledger.Watcher
	s    *stressed
	node int

	mu     sync.Mutex
	at     time.Time
	n      int
	recent []string
}

type polled struct{ ledger.Store }

func (c *counted) count(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) > time.Millisecond {
		c.at, c.n, c.recent = now, 0, nil
	}
	if c.n++; c.n > 1000 {
		c.recent = append(c.recent, fmt.Sprintf(format, args...))
	}
	if c.n > 1020 {
		panic(fmt.Sprintf("n%d does something over and over:\n%s", c.node, strings.Join(c.recent, "\n")))
	}
}

func (c *counted) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	states, err := c.Watcher.Load(ctx, workers)
	c.count("Load %v: %v", workers, err)
	return states, err
}

func (c *counted) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	s, err := c.Watcher.WriteLease(ctx, w)
	c.count("WriteLease %s %d %s: %d %s %v", w.Worker, w.Rev, w.Value, s.Lease.Rev, s.Lease.Value, err)
	return s, err
}

func (c *counted) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	s, err := c.Watcher.WriteControl(ctx, w)
	c.count("WriteControl %s %d %s: %d %s %v", w.Worker, w.Rev, w.Value, s.Control.Rev, s.Control.Value, err)
	return s, err
}

// An active run is one that has begun and not returned.
type active struct {
	node int
	tick core.Tick
	ctx  context.Context
}

func stress(t *testing.T, seed uint64) {
	seed ^= rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 1))
	s := &stressed{broker: ledger.NewMemory(), active: map[string]map[*active]bool{}, fences: map[string]uint64{}}
	for i := range 3 {
		store := s.broker.Store("test")
		cfg := ledger.Config{Name: "ledger", Store: store, Lease: lease}
		cfg.Store = &counted{Watcher: store, s: s, node: i}
		if seed%2 == 0 {
			cfg.Store = polled{cfg.Store}
		}
		if seed%3 == 0 {
			cfg.Lateness = 1 // all claim at once
		}
		s.stores = append(s.stores, store)
		s.nodes = append(s.nodes, core.NewManager(newEngine(t, cfg), core.Options{
			Logger: slog.New(slog.DiscardHandler), Instance: fmt.Sprint("n", i), MaxConcurrent: int(seed % 5 / 4 * 2),
		}))
	}
	for i, m := range s.nodes {
		for w := range 5 {
			require.NoError(t, m.Add(t.Context(), s.worker(i, w, r)))
		}
		require.NoError(t, m.Start(t.Context()))
	}
	until := time.Now().Add(3 * time.Minute)
	var wg sync.WaitGroup
	for g := range 6 {
		r := rand.New(rand.NewPCG(seed, uint64(10+g)))
		wg.Go(func() {
			for time.Now().Before(until) {
				s.act(t.Context(), g%3, r)
				time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			}
		})
	}
	wg.Go(func() { s.trouble(until, rand.New(rand.NewPCG(seed, 99))) })
	wg.Wait()
	calm := seed%7 < 4
	if calm {
		time.Sleep(lease) // what was tried in vain is tried again
	}
	for i, m := range s.nodes {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(20))*time.Second)
		began := time.Now()
		err := m.Stop(ctx)
		cancel()
		var cut *core.StopError
		if !errors.As(err, &cut) && calm {
			require.NoError(t, err, "Stop of n%d", i)
		}
		if cut != nil {
			require.Empty(t, cut.Abandoned, "all heed their context")
		}
		require.Less(t, time.Since(began), 30*time.Second, "Stop of n%d", i)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, runs := range s.active {
		require.Empty(t, runs, "runs of %s after all have stopped", name)
	}
	require.Empty(t, s.errs)
	require.Greater(t, s.began.Load(), int64(20), "the test did something")
}

func (s *stressed) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, time.Now().Format("15:04:05.000000 ")+fmt.Sprintf(format, args...))
}

// worker makes a worker whose runs are watched.
func (s *stressed) worker(node, i int, r *rand.Rand) core.Worker {
	schedules := []core.Schedule{
		core.Every(time.Second), core.Every(7 * time.Second).Offset(time.Second),
		core.Delay(1500 * time.Millisecond), core.Cron("*/2 * * * * *"), nil,
	}
	w := core.Worker{
		Name: fmt.Sprint("w", i), Schedule: schedules[i],
		Retry: core.Retry{MaxAttempts: r.IntN(3), Backoff: core.Constant(500 * time.Millisecond)},
	}
	if w.Schedule != nil {
		w.Timeout = time.Duration(r.IntN(2)) * 20 * time.Second
		w.RunOnStart = r.IntN(4) == 0
		w.AtMostOnce = r.IntN(4) == 0
	}
	kind, long := r.IntN(8), r.IntN(3)
	w.Run = func(ctx context.Context) error {
		defer s.begin(node, ctx)()
		switch kind {
		case 0:
			return errors.New("failed")
		case 1:
			panic("panicked")
		case 2:
			runtime.Goexit()
		case 3:
			_ = s.nodes[node].Remove(ctx, w.Name)
		case 4:
			_, _ = s.nodes[node].Trigger(ctx, "w0")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After([]time.Duration{50 * time.Millisecond, 1200 * time.Millisecond, 15 * time.Second}[long]):
			return nil
		}
	}
	return w
}

// begin watches a run until the function that it returns is called.
func (s *stressed) begin(node int, ctx context.Context) (end func()) {
	tick, _ := core.TickFrom(ctx)
	a := &active{node, tick, ctx}
	s.began.Add(1)
	s.mu.Lock()
	runs := s.active[tick.Worker]
	if runs == nil {
		runs = map[*active]bool{}
		s.active[tick.Worker] = runs
	}
	var others []*active
	for other := range runs {
		others = append(others, other)
	}
	runs[a] = true
	before := s.fences[tick.Worker]
	s.fences[tick.Worker] = max(before, tick.Fence)
	s.mu.Unlock()
	again := tick.Attempt > 1 || tick.Worker == "w4" // a long-running worker runs again under one claim
	if tick.Fence < before || tick.Fence == before && !again {
		s.complain("%s on n%d: the fence %d is not greater than %d", tick, node, tick.Fence, before)
	}
	for _, other := range others {
		if other.ctx.Err() == nil && ctx.Err() == nil {
			s.complain("%s (fence %d) on n%d begins beside %s (fence %d) on n%d", tick, tick.Fence, node, other.tick, other.tick.Fence, other.node)
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(runs, a)
	}
}

// act does something to a node.
func (s *stressed) act(ctx context.Context, node int, r *rand.Rand) {
	m, i := s.nodes[node], r.IntN(5)
	name := fmt.Sprint("w", i)
	short, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(4000))*time.Millisecond)
	defer cancel()
	var err error
	switch r.IntN(9) {
	case 0, 1, 2:
		err = m.Add(ctx, s.worker(node, i, r))
	case 3:
		err = m.Remove(short, name)
	case 4:
		_, err = m.Trigger(short, name)
	case 5:
		err = m.Pause(short, name)
	case 6:
		err = m.Resume(short, name)
	case 7:
		err = m.Reschedule(ctx, name, core.Every(time.Duration(1+r.IntN(5))*time.Second))
	case 8:
		for _, w := range m.Workers() {
			if w.Name == "" || w.Runs < w.Failures {
				s.complain("status %+v", w)
			}
		}
	}
	var cut *core.StopError
	for _, expected := range []error{nil, core.ErrDuplicate, core.ErrNotFound, core.ErrStopped, core.ErrUnsupported, context.DeadlineExceeded} {
		if errors.Is(err, expected) {
			return
		}
	}
	if !errors.As(err, &cut) {
		s.complain("%v", err)
	}
}

// trouble is what happens to the broker and the way to it. Data are lost only
// while all can be reached, and all are for a while after: what an instance that
// is cut off then knew, nobody else does.
func (s *stressed) trouble(until time.Time, r *rand.Rand) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(r.IntN(8000)) * time.Millisecond)
		store := s.stores[r.IntN(3)]
		switch r.IntN(4) {
		case 0:
			store.Cut(true)
			time.Sleep(time.Duration(r.IntN(20_000)) * time.Millisecond)
			store.Cut(false)
		case 1:
			s.broker.Down(true)
			time.Sleep(time.Duration(r.IntN(20_000)) * time.Millisecond)
			s.broker.Down(false)
		case 2:
			for range r.IntN(30) {
				store.Cut(true)
				time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
				store.Cut(false)
				time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
			}
		case 3:
			time.Sleep(lease)
			s.broker.Lose()
			time.Sleep(lease)
		}
	}
}
