//go:build unix

package gocron_test

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	upstream "github.com/go-co-op/gocron/v2"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
	"github.com/seed-891a2e1b/tickwork/core"
)

// The benchmarks compare a worker on this engine with a plain gocron job, in
// the same run and by turns. With -short they are a smoke test.
//
//	go test -run '^$' -bench . -benchtime 9x -timeout 30m ./backends/gocron

// A contender starts a function for each name, due at the multiples of a period.
type contender struct {
	name string
	open func(names []string, period time.Duration, run func(due time.Time)) (stop func())
}

var contenders = [...]contender{{"raw", openRaw}, {"tickwork", openTickwork}, {"lent", openLent}}

// openRaw is gocron in its plain mode, without what a worker has: nothing keeps
// a run from overlapping the one before, or a panic from ending the process.
func openRaw(names []string, period time.Duration, run func(time.Time)) func() {
	s, err := upstream.NewScheduler(upstream.WithLocation(time.UTC))
	if err != nil {
		panic(err)
	}
	s.Start()
	for _, name := range names {
		_, err := s.NewJob(
			upstream.DurationJob(period),
			upstream.NewTask(func() { run(time.Now().Truncate(period)) }),
			upstream.WithName(name),
			upstream.WithStartAt(upstream.WithStartDateTimePast(time.Now().Truncate(period).Add(period))),
		)
		if err != nil {
			panic(err)
		}
	}
	return func() {
		if err := s.Shutdown(); err != nil {
			panic(err)
		}
	}
}

// openTickwork is the engine with schedulers of its own.
func openTickwork(names []string, period time.Duration, run func(time.Time)) func() {
	return openIn(gocron.Config{}, names, period, run)
}

// openLent is the engine in a scheduler of the program's, where each call shows
// in gocron's monitors.
func openLent(names []string, period time.Duration, run func(time.Time)) func() {
	s, err := upstream.NewScheduler(upstream.WithLocation(time.UTC))
	if err != nil {
		panic(err)
	}
	s.Start()
	stop := openIn(gocron.Config{Scheduler: s}, names, period, run)
	return func() {
		stop()
		if err := s.Shutdown(); err != nil {
			panic(err)
		}
	}
}

func openIn(cfg gocron.Config, names []string, period time.Duration, run func(time.Time)) func() {
	m, err := gocron.New(cfg, core.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := m.Start(ctx); err != nil {
		panic(err)
	}
	for _, name := range names {
		err := m.Add(ctx, core.Worker{Name: name, Schedule: core.Every(period), Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			run(tick.Slot)
			return nil
		}})
		if err != nil {
			panic(err)
		}
	}
	return func() {
		if err := m.Stop(ctx); err != nil {
			panic(err)
		}
	}
}

// BenchmarkTicks runs a thousand workers, and ten thousand, each of which is due
// every second at the same instant: CPU time for each run, and its lateness. An
// iteration is a turn of each contender; it prints the medians over the turns,
// and that of what a worker costs more than a job in the same turn.
func BenchmarkTicks(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			window := 4 * time.Second
			if testing.Short() {
				window = time.Second
			}
			var cpu, more, p50, p99 [len(contenders)][]float64
			for turn := range b.N {
				var u [len(contenders)]float64
				for k := range contenders {
					i := (k + turn) % len(contenders)
					var late []time.Duration
					u[i], late = measure(contenders[i], n, time.Second, window)
					p50[i] = append(p50[i], ms(late[len(late)/2]))
					p99[i] = append(p99[i], ms(late[len(late)*99/100]))
				}
				for i := range contenders {
					cpu[i] = append(cpu[i], u[i])
					more[i] = append(more[i], u[i]-u[0])
				}
			}
			for i, c := range contenders {
				b.ReportMetric(median(cpu[i]), c.name+"-µs/run")
				b.ReportMetric(median(p50[i]), c.name+"-p50-ms")
				b.ReportMetric(median(p99[i]), c.name+"-p99-ms")
				if i > 0 {
					b.ReportMetric(median(more[i]), c.name+"-more-µs/run")
				}
			}
		})
	}
}

// measure returns the CPU time for each run in µs, and how late the runs were.
func measure(c contender, n int, period, window time.Duration) (cpu float64, late []time.Duration) {
	var on atomic.Bool
	var mu sync.Mutex
	late = make([]time.Duration, 0, int(window/period+2)*n)
	stop := c.open(names(n), period, func(due time.Time) {
		if l := time.Since(due); on.Load() {
			mu.Lock()
			late = append(late, l)
			mu.Unlock()
		}
	})
	runtime.GC()
	time.Sleep(time.Until(time.Now().Truncate(period).Add(2*period - period/10)))
	before := cpuTime()
	on.Store(true)
	time.Sleep(window)
	on.Store(false)
	used := cpuTime() - before
	stop()
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(late)
	if len(late) == 0 {
		return 0, []time.Duration{0}
	}
	return float64(used.Nanoseconds()) / 1e3 / float64(len(late)), late
}

// BenchmarkIdle adds ten thousand hourly workers: the time it takes, and the
// memory of each.
func BenchmarkIdle(b *testing.B) {
	n := 10_000
	if testing.Short() {
		n = 1_000
	}
	for range b.N {
		var memory [len(contenders)]float64
		for i, c := range contenders {
			list := names(n)
			before, begin := heapInUse(), time.Now()
			stop := c.open(list, time.Hour, func(time.Time) {})
			took := time.Since(begin)
			memory[i] = float64(heapInUse()-before) / float64(n)
			stop()
			runtime.KeepAlive(list)
			b.ReportMetric(memory[i], c.name+"-B/worker")
			b.ReportMetric(float64(took.Microseconds())/float64(n), c.name+"-µs/add")
			if i > 0 {
				b.ReportMetric(memory[i]-memory[0], c.name+"-more-B/worker")
			}
		}
	}
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "worker-" + strconv.Itoa(i)
	}
	return list
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
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
