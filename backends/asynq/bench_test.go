package asynq_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// What a tick costs beside a task of asynq's that does nothing, one instance, as
// fast as it goes, and what is between the two:
//
//	go test -run '^$' -bench FullLoad -benchtime 30000x ./backends/asynq
func BenchmarkFullLoad(b *testing.B) {
	b.Run("asynq", func(b *testing.B) { rawLoad(b, "") })
	b.Run("asynq-with-a-result", func(b *testing.B) { rawLoad(b, "run by a in 1ms") })
	for _, workers := range []int{1000, 3000} {
		b.Run(fmt.Sprintf("tickwork-%d-workers", workers), func(b *testing.B) { tickworkLoad(b, workers) })
	}
}

// rawLoad enqueues tasks by their id and handles them, some thousand ahead.
func rawLoad(b *testing.B, result string) {
	server := redistest.Real(b, "--appendfsync", "everysec")
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2})
	defer client.Close()
	var handled atomic.Int64
	done := make(chan struct{})
	ahead := make(chan struct{}, 2000)
	srv := upstream.NewServerFromRedisClient(client, upstream.Config{
		Concurrency: 1 << 17, Queues: map[string]int{"q": 1}, TaskCheckInterval: time.Millisecond, LogLevel: upstream.ErrorLevel,
	})
	require.NoError(b, srv.Start(upstream.HandlerFunc(func(_ context.Context, task *upstream.Task) error {
		if result != "" {
			_, _ = task.ResultWriter().Write([]byte(result))
		}
		<-ahead
		if handled.Add(1) == int64(b.N) {
			close(done)
		}
		return nil
	})))
	defer srv.Shutdown()
	enqueuer := upstream.NewClientFromRedisClient(client)
	cpu := newMeter(b, client)
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				ahead <- struct{}{}
				_, err := enqueuer.Enqueue(upstream.NewTask("worker:w", []byte(`{"worker":"w","slot":"2026-01-01T00:00:00Z","sent":"2026-01-01T00:00:00.001Z"}`)),
					upstream.TaskID("w@"+strconv.FormatInt(i, 10)), upstream.Queue("q"), upstream.MaxRetry(3), upstream.Retention(time.Minute))
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	<-done
	b.StopTimer()
	wg.Wait()
	cpu.report(b, b.N)
}

// tickworkLoad has more slots than can be run.
func tickworkLoad(b *testing.B, workers int) {
	server := redistest.Real(b, "--appendfsync", "everysec")
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	var ran atomic.Int64
	done := make(chan struct{})
	m, err := asynq.New(asynq.Config{URL: server.URL}, quiet("a"))
	require.NoError(b, err)
	ctx := context.Background()
	for _, w := range every(workers, 100*time.Millisecond, func(context.Context) error {
		if ran.Add(1) == int64(b.N) {
			close(done)
		}
		return nil
	}) {
		require.NoError(b, m.Add(ctx, w))
	}
	require.NoError(b, m.Start(ctx))
	cpu := newMeter(b, client)
	before := ran.Load()
	b.ResetTimer()
	<-done
	b.StopTimer()
	cpu.report(b, b.N-int(before))
	require.NoError(b, m.Stop(ctx))
}

// How late a run begins after its slot, at a tenth of a second:
//
//	go test -run '^$' -bench Latency -benchtime 100x ./backends/asynq
func BenchmarkLatency(b *testing.B) {
	for _, instances := range []int{1, 3} {
		for _, workers := range []int{1, 100} {
			b.Run(fmt.Sprintf("%d-instances-%d-workers", instances, workers), func(b *testing.B) {
				server := redistest.Real(b, "--appendfsync", "everysec")
				var mu sync.Mutex
				var late []time.Duration
				run := func(ctx context.Context) error {
					tick, _ := core.TickFrom(ctx)
					mu.Lock()
					defer mu.Unlock()
					late = append(late, time.Since(tick.Slot))
					return nil
				}
				for i := range instances {
					m, err := asynq.New(asynq.Config{URL: server.URL}, quiet(fmt.Sprint(i)))
					require.NoError(b, err)
					for _, w := range every(workers, 100*time.Millisecond, run) {
						require.NoError(b, m.Add(b.Context(), w))
					}
					require.NoError(b, m.Start(b.Context()))
					defer m.Stop(context.Background())
				}
				runs := func(n int) { // waits until there have been so many of each worker
					for {
						mu.Lock()
						enough := len(late) >= n*workers
						mu.Unlock()
						if enough {
							return
						}
						time.Sleep(10 * time.Millisecond)
					}
				}
				runs(1)
				mu.Lock()
				late = nil
				mu.Unlock()
				b.ResetTimer()
				runs(b.N)
				b.StopTimer()
				mu.Lock()
				defer mu.Unlock()
				slices.Sort(late)
				b.ReportMetric(0, "ns/op")
				for _, p := range []int{50, 99, 100} {
					b.ReportMetric(late[min(len(late)*p/100, len(late)-1)].Seconds()*1000, fmt.Sprintf("p%d-ms", p))
				}
				b.ReportMetric(float64(len(late)), "runs")
			})
		}
	}
}

// What a cluster costs Redis: three instances with a thousand workers that are
// due every second.
//
//	go test -run '^$' -bench RedisLoad -benchtime 20x ./backends/asynq
func BenchmarkRedisLoad(b *testing.B) {
	for _, workers := range []int{0, 1000} {
		b.Run(fmt.Sprintf("%d-workers", workers), func(b *testing.B) {
			server := redistest.Real(b, "--appendfsync", "everysec")
			client := redis.NewClient(&redis.Options{Addr: server.Addr})
			defer client.Close()
			var ran atomic.Int64
			for i := range 3 {
				m, err := asynq.New(asynq.Config{URL: server.URL}, quiet(fmt.Sprint(i)))
				require.NoError(b, err)
				for _, w := range every(workers, time.Second, func(context.Context) error { ran.Add(1); return nil }) {
					require.NoError(b, m.Add(b.Context(), w))
				}
				require.NoError(b, m.Start(b.Context()))
				defer m.Stop(context.Background())
			}
			before := ran.Load()
			cpu := newMeter(b, client)
			b.ResetTimer()
			time.Sleep(time.Duration(b.N) * time.Second)
			b.StopTimer()
			b.ReportMetric(0, "ns/op")
			cpu.report(b, max(int(ran.Load()-before), 1))
			b.ReportMetric(float64(ran.Load()-before)/float64(b.N), "runs/s")
		})
	}
}

// meter measures what Redis uses of a core.
type meter struct {
	client *redis.Client
	used   time.Duration
	began  time.Time
}

func newMeter(b *testing.B, client *redis.Client) *meter {
	m := &meter{client: client, began: time.Now()}
	m.used = m.cpu(b)
	return m
}

func (m *meter) cpu(b *testing.B) (used time.Duration) {
	info, err := m.client.Info(context.Background(), "cpu").Result()
	require.NoError(b, err)
	for _, key := range []string{"used_cpu_sys:", "used_cpu_user:"} {
		_, rest, _ := strings.Cut(info, key)
		text, _, _ := strings.Cut(rest, "\r\n")
		seconds, err := strconv.ParseFloat(text, 64)
		require.NoError(b, err)
		used += time.Duration(seconds * float64(time.Second))
	}
	return used
}

func (m *meter) report(b *testing.B, runs int) {
	took := time.Since(m.began)
	used := m.cpu(b) - m.used
	b.ReportMetric(float64(used)/float64(took)*100, "redis-%")
	b.ReportMetric(float64(used.Microseconds())/float64(runs), "redis-µs/run")
	b.ReportMetric(float64(runs)/took.Seconds(), "runs/s")
}
