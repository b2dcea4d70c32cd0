//go:build unix

package native_test

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// The benchmarks compare native with what one would write without it, in the
// same run: see contenders_test.go. With -short they are a smoke test.
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 30m ./backends/native

// size is n, or a fraction of it for a smoke test.
func size(n int) int {
	if testing.Short() {
		return n / 100
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

// nothing is a logger that is off.
var nothing = slog.New(slog.DiscardHandler)

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "worker-" + strconv.Itoa(i)
	}
	return list
}

// BenchmarkRegister adds a million hourly workers to a running scheduler and
// prints the time it takes, the memory that each takes (for native: beyond the
// caller's own Worker value), and the goroutines.
func BenchmarkRegister(b *testing.B) {
	n := size(1_000_000)
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			if c.name != "native" && n > 100_000 && c.heavy {
				b.Skip("takes minutes for so many")
			}
			list := names(n)
			for range b.N {
				before, goroutines := heapInUse(), runtime.NumGoroutine()
				begin := time.Now()
				s := c.open(list, time.Hour, time.Hour-1, func(int, time.Time) {})
				took := time.Since(begin)
				perWorker := float64(heapInUse()-before) / float64(n)
				b.ReportMetric(took.Seconds(), "s/all")
				b.ReportMetric(perWorker, "B/worker")
				b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
				s.stop()
			}
			runtime.KeepAlive(list)
		})
	}
}

// BenchmarkSpread runs a million workers with a period of ten seconds, spread
// over it, for two periods: the lateness of the runs and the share of a core.
func BenchmarkSpread(b *testing.B) {
	period := brief(10 * time.Second)
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			if c.heavy {
				b.Skip("cannot do so many")
			}
			measure(b, c, size(1_000_000), period, period-time.Millisecond, 2*period, nil)
		})
	}
}

// BenchmarkBurst runs a hundred thousand workers with a period of a second, all
// due at the same instant, a hundred of which block for a second.
func BenchmarkBurst(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			n := size(100_000)
			if c.heavy {
				n /= 10
			}
			measure(b, c, n, time.Second, 0, max(brief(10*time.Second), 2*time.Second), func(i int) {
				if i%(n/min(n, 100)) == 0 {
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// measure lets a contender run for a while and prints how late its runs were.
func measure(b *testing.B, c contender, n int, period, spread, window time.Duration, f func(int)) {
	list := names(n)
	for range b.N {
		var on atomic.Bool
		late := make([]time.Duration, 0, int(window/period+2)*n)
		late = late[:cap(late)]
		var count atomic.Int64
		s := c.open(list, period, spread, func(i int, due time.Time) {
			if on.Load() {
				if k := count.Add(1); k <= int64(len(late)) {
					late[k-1] = time.Since(due)
				}
			}
			if f != nil {
				f(i)
			}
		})
		runtime.GC()
		time.Sleep(time.Until(time.Now().Truncate(period).Add(period + period/2)))
		cpu, begin := cpuTime(), time.Now()
		on.Store(true)
		time.Sleep(window)
		on.Store(false)
		cores := float64(cpuTime()-cpu) / float64(time.Since(begin))
		s.stop()
		got := late[:min(count.Load(), int64(len(late)))]
		slices.Sort(got)
		b.ReportMetric(float64(len(got))/float64(n)/(float64(window)/float64(period)), "runs/slot")
		if len(got) > 0 {
			b.ReportMetric(float64(got[len(got)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(got[len(got)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(got[len(got)-1].Microseconds())/1000, "max-ms")
			b.ReportMetric(cores*float64(window.Microseconds())/float64(len(got)), "cpu-µs/run")
		}
		b.ReportMetric(cores, "cores")
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkRun is the pipeline alone: a delivery whose function does nothing,
// without middleware and observers and with logging off, beside a bare call of
// the function in a goroutine.
func BenchmarkRun(b *testing.B) {
	done := make(chan struct{}, 1)
	f := func(context.Context) error { done <- struct{}{}; return nil }

	b.Run("bare goroutine", func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		for b.Loop() {
			go func() { _ = f(ctx) }()
			<-done
		}
	})
	b.Run("pipeline", func(b *testing.B) {
		job := deliverable(b, core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}, core.Options{})
		over := func(core.Result) { done <- struct{}{} }
		tick := job.Tick(time.Now())
		b.ReportAllocs()
		for b.Loop() {
			job.Go(context.Background(), tick, over)
			<-done
		}
	})
	b.Run("pipeline with a used context", func(b *testing.B) {
		job := deliverable(b, core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(ctx context.Context) error { return ctx.Err() }}, core.Options{})
		over := func(core.Result) { done <- struct{}{} }
		tick := job.Tick(time.Now())
		b.ReportAllocs()
		for b.Loop() {
			job.Go(context.Background(), tick, over)
			<-done
		}
	})
}

// BenchmarkWatchedRun is what an observer and a middleware add to a run. It makes plain
// and watched runs by turns, so that a busy machine slows both, and prints the
// difference of their times.
func BenchmarkWatchedRun(b *testing.B) {
	done := make(chan struct{}, 1)
	over := func(core.Result) { done <- struct{}{} }
	w := core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}
	var events int
	watched := core.Options{
		Observers: []core.Observer{func(core.Event) { events++ }},
		Middleware: []core.Middleware{func(ctx context.Context, next func(context.Context) error) error {
			return next(ctx)
		}},
	}
	jobs := [2]*core.Job{deliverable(b, w, core.Options{}), deliverable(b, w, watched)}
	var took [2]time.Duration
	var allocs [2]uint64
	const round = 1000
	tick := jobs[0].Tick(time.Now())
	n := 0
	for b.Loop() {
		for i, job := range jobs {
			before, begin := mallocs(), time.Now()
			for range round {
				job.Go(context.Background(), tick, over)
				<-done
			}
			took[i] += time.Since(begin)
			allocs[i] += mallocs() - before
		}
		n += round
	}
	for i, name := range [2]string{"plain", "watched"} {
		b.ReportMetric(float64(took[i].Nanoseconds())/float64(n), "ns/"+name)
		b.ReportMetric(float64(allocs[i])/float64(n), "allocs/"+name)
	}
	b.ReportMetric(float64((took[1]-took[0]).Nanoseconds())/float64(n), "ns-more")
	if events != 2*n {
		b.Fatalf("%d events of %d runs", events, n)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// deliverable returns the job of a worker on a running manager.
func deliverable(b *testing.B, w core.Worker, opts core.Options) *core.Job {
	b.Helper()
	e := &spy{Engine: native.NewEngine(native.Config{})}
	opts.Logger = nothing
	m := core.NewManager(e, opts)
	ctx := context.Background()
	if err := m.Start(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Stop(ctx) })
	if err := m.Add(ctx, w); err != nil {
		b.Fatal(err)
	}
	return e.jobs[0]
}

// spy is native's engine, and keeps the jobs.
type spy struct {
	core.Engine
	jobs []*core.Job
}

func (s *spy) Schedule(ctx context.Context, job *core.Job) error {
	s.jobs = append(s.jobs, job)
	return s.Engine.Schedule(ctx, job)
}
