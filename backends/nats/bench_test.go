//go:build linux

package nats

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// The benchmarks run against a nats-server in a process of its own, over TCP,
// with the ledger in files. With -short they are a smoke test.
//
//	go test -run '^$' -bench . -benchtime 1x ./backends/nats

// size is n, or a fraction of it for a smoke test.
func size(n int) int {
	if testing.Short() {
		return max(n/100, 10)
	}
	return n
}

// brief is d, or a fraction of it for a smoke test.
func brief(d time.Duration) time.Duration {
	if testing.Short() {
		return d / 10
	}
	return d
}

func startChild(b *testing.B) *natstest.Child {
	b.Helper()
	c, err := natstest.NewChild()
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Stop()) })
	return c
}

// open makes a manager whose store is wrapped.
func open(b *testing.B, cfg Config, instance string, wrap func(ledger.Store) ledger.Store) core.Manager {
	b.Helper()
	require.NoError(b, cfg.check())
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	var store ledger.Store = newStore(cfg)
	if wrap != nil {
		store = wrap(store)
	}
	engine, err := ledger.NewEngine(ledger.Config{Name: "nats", Store: store, Lease: cfg.Lease})
	require.NoError(b, err)
	return core.NewManager(engine, core.Options{Instance: instance, Logger: slog.New(slog.DiscardHandler), ConnectTimeout: time.Minute})
}

func add(b *testing.B, m core.Manager, w core.Worker) {
	b.Helper()
	require.NoError(b, m.Add(context.Background(), w))
}

func startAll(b *testing.B, ms ...core.Manager) {
	b.Helper()
	for _, m := range ms {
		require.NoError(b, m.Start(context.Background()))
		b.Cleanup(func() { _ = m.Stop(context.Background()) })
	}
}

// timed notes when a claim was sent.
type timed struct {
	*store
	sent sync.Map
}

func (t *timed) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if bytes.Contains(w.Value, []byte(`"running":true`)) {
		t.sent.Store(w.Worker, time.Now())
	}
	return t.store.WriteLease(ctx, w)
}

// BenchmarkClaim prints how long it takes from the claim of a slot to the begin
// of its run, with a hundred workers that are due every second, one after the
// other; and how late they begin, which is that and the courtesy before it.
func BenchmarkClaim(b *testing.B) {
	server := startChild(b)
	var t *timed
	m := open(b, Config{URL: server.URL}, "one", func(s ledger.Store) ledger.Store {
		t = &timed{store: s.(*store)}
		return t
	})
	var mu sync.Mutex
	var took, late []time.Duration
	for i := range size(100) {
		name := fmt.Sprint("worker-", i)
		add(b, m, core.Worker{Name: name, Schedule: core.Every(time.Second).Offset(time.Duration(i) * time.Second / time.Duration(size(100))), Run: func(ctx context.Context) error {
			now := time.Now()
			sent, _ := t.sent.Load(name)
			tick, _ := core.TickFrom(ctx)
			mu.Lock()
			defer mu.Unlock()
			took, late = append(took, now.Sub(sent.(time.Time))), append(late, now.Sub(tick.Slot))
			return nil
		}})
	}
	startAll(b, m)
	for b.Loop() {
		time.Sleep(brief(20 * time.Second))
	}
	mu.Lock()
	defer mu.Unlock()
	report(b, "claim", took)
	report(b, "late", late)
}

func report(b *testing.B, what string, d []time.Duration) {
	slices.Sort(d)
	at := func(q float64) float64 { return float64(d[int(q*float64(len(d)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), what+"-p50-ms")
	b.ReportMetric(at(0.99), what+"-p99-ms")
	b.ReportMetric(at(1), what+"-max-ms")
}

// BenchmarkEverySecond prints, for workers that are due every second on three
// instances, how many of their slots ran, and how late: all of them at once, and
// spread over the second.
func BenchmarkEverySecond(b *testing.B) {
	for _, c := range []struct {
		n      int
		spread bool
	}{{3_000, false}, {3_000, true}, {10_000, true}} {
		name := fmt.Sprintf("%d-at-once", c.n)
		if c.spread {
			name = fmt.Sprintf("%d-spread", c.n)
		}
		b.Run(name, func(b *testing.B) {
			server := startChild(b)
			n := size(c.n)
			var mu sync.Mutex
			slots := make(map[string]int)
			var late []time.Duration
			var from, to time.Time
			var ms []core.Manager
			for i := range 3 {
				m := open(b, Config{URL: server.URL}, fmt.Sprint("instance-", i), nil)
				for i := range n {
					w := core.Worker{Name: fmt.Sprint("worker-", i), Schedule: core.Every(time.Second)}
					if c.spread {
						w.Jitter = 999 * time.Millisecond
					}
					w.Run = func(ctx context.Context) error {
						now := time.Now()
						tick, _ := core.TickFrom(ctx)
						mu.Lock()
						defer mu.Unlock()
						if !tick.Slot.Before(from) && tick.Slot.Before(to) {
							slots[tick.ID()]++
							late = append(late, now.Sub(tick.Slot))
						}
						return nil
					}
					add(b, m, w)
				}
				ms = append(ms, m)
			}
			startAll(b, ms...)
			seconds := int(brief(15 * time.Second).Seconds())
			for b.Loop() {
				mu.Lock()
				from = time.Now().Add(4 * time.Second).Truncate(time.Second)
				to = from.Add(time.Duration(seconds) * time.Second)
				mu.Unlock()
				time.Sleep(time.Until(to.Add(2 * time.Second)))
			}
			mu.Lock()
			defer mu.Unlock()
			twice := 0
			for _, n := range slots {
				if n > 1 {
					twice++
				}
			}
			b.ReportMetric(100*float64(len(slots))/float64(n*seconds), "%slots")
			b.ReportMetric(float64(twice), "twice")
			if !c.spread {
				report(b, "late", late)
			}
		})
	}
}

// BenchmarkIdle prints how long a hundred thousand workers that are not due take
// to start, and what they cost the server.
func BenchmarkIdle(b *testing.B) {
	n := size(100_000)
	for b.Loop() {
		server := startChild(b)
		m := open(b, Config{URL: server.URL}, "one", nil)
		startAll(b, m)
		require.NoError(b, m.Stop(context.Background()))
		before := resident(b, server)
		next := func(instance string) (core.Manager, time.Duration) {
			m := open(b, Config{URL: server.URL}, instance, nil)
			for i := range n {
				add(b, m, core.Worker{Name: fmt.Sprint("worker-", i), Schedule: core.Every(24 * time.Hour), Run: func(context.Context) error { return nil }})
			}
			begin := time.Now()
			startAll(b, m)
			return m, time.Since(begin)
		}
		m, first := next("first")
		b.ReportMetric(first.Seconds(), "s-first")
		b.ReportMetric(recorded(b, server, n).Seconds(), "s-until-recorded")
		b.ReportMetric(float64(resident(b, server)-before)/float64(n), "server-B/worker")
		_, second := next("second")
		b.ReportMetric(second.Seconds(), "s-second")
		require.NoError(b, m.Stop(context.Background()))
	}
}

// recorded waits until the ledger has n records, and tells how long that took.
func recorded(b *testing.B, server *natstest.Child, n int) time.Duration {
	b.Helper()
	begin := time.Now()
	nc, err := natsgo.Connect(server.URL)
	require.NoError(b, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(b, err)
	require.Eventually(b, func() bool {
		s, err := js.Stream(context.Background(), "KV_tickwork_default")
		return err == nil && s.CachedInfo().State.Msgs >= uint64(n)
	}, 2*time.Minute, 20*time.Millisecond)
	return time.Since(begin)
}

// resident is the memory of the server's process.
func resident(b *testing.B, c *natstest.Child) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.Process().Pid))
	require.NoError(b, err)
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(b, err)
	return pages * os.Getpagesize()
}

// BenchmarkCycle compares full cycles of claim, run and release with a bare loop
// of the same compare-and-set operations, with a watcher beside it, in one run: by
// turns, since a machine is not as fast in one moment as in the next.
func BenchmarkCycle(b *testing.B) {
	server := startChild(b)
	d := brief(5 * time.Second)
	turns := 4
	if testing.Short() {
		turns = 1
	}
	for i := 0; b.Loop(); i++ {
		var bare, full float64
		for turn := range turns {
			name := fmt.Sprintf("turn-%d-%d", i, turn)
			bare += bareCycles(b, server.URL, name, d) / 2
			full += fullCycles(b, server.URL, name, d)
			bare += bareCycles(b, server.URL, name+"-again", d) / 2
		}
		b.ReportMetric(bare/float64(turns), "bare/s")
		b.ReportMetric(full/float64(turns), "full/s")
		b.ReportMetric(full/bare, "full/bare")
	}
}

func fullCycles(b *testing.B, url, namespace string, d time.Duration) float64 {
	var runs atomic.Int64
	m := open(b, Config{URL: url, Namespace: namespace}, "one", nil)
	for i := range size(1_000) {
		add(b, m, core.Worker{Name: fmt.Sprint("worker-", i), Schedule: core.Delay(10 * time.Millisecond), Run: func(context.Context) error {
			runs.Add(1)
			return nil
		}})
	}
	require.NoError(b, m.Start(context.Background()))
	time.Sleep(d / 5)
	before, begin := runs.Load(), time.Now()
	time.Sleep(d)
	rate := float64(runs.Load()-before) / time.Since(begin).Seconds()
	require.NoError(b, m.Stop(context.Background()))
	return rate
}

// bareCycles claims and releases as the engine does, as many at a time, with
// values as long as the engine's.
func bareCycles(b *testing.B, url, bucket string, d time.Duration) float64 {
	ctx := context.Background()
	nc, err := natsgo.Connect(url)
	require.NoError(b, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(b, err)
	kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket})
	require.NoError(b, err)
	watcher, err := kv.WatchAll(ctx)
	require.NoError(b, err)
	go func() {
		for e := range watcher.Updates() {
			_ = e
		}
	}()
	defer func() { _ = watcher.Stop() }()
	claim, release := bytes.Repeat([]byte("c"), 400), bytes.Repeat([]byte("r"), 385)
	var cycles atomic.Int64
	var loops sync.WaitGroup
	stop := make(chan struct{})
	n := size(1_000)
	loopers := min(256, n)
	for g := range loopers {
		loops.Go(func() {
			revs := make(map[int]uint64)
			for {
				for i := g; i < n; i += loopers {
					select {
					case <-stop:
						return
					default:
					}
					key := fmt.Sprint("w.worker-", i)
					var err error
					if revs[i] == 0 {
						revs[i], err = kv.Create(ctx, key, claim)
					} else {
						revs[i], err = kv.Update(ctx, key, claim, revs[i])
					}
					if err == nil {
						revs[i], err = kv.Update(ctx, key, release, revs[i])
					}
					if err != nil {
						b.Error(err)
						return
					}
					cycles.Add(1)
				}
			}
		})
	}
	time.Sleep(d / 5)
	before, begin := cycles.Load(), time.Now()
	time.Sleep(d)
	rate := float64(cycles.Load()-before) / time.Since(begin).Seconds()
	close(stop)
	loops.Wait()
	return rate
}
