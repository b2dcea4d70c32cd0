//go:build unix

package native_test

import (
	"context"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A contender is a way to run many periodic functions.
type contender struct {
	name  string
	heavy bool // a goroutine or more for each worker: not for a million
	// open starts a worker for each name, due at multiples of period plus an
	// offset below spread, and calls run with the worker's index and the time
	// at which it was due.
	open func(names []string, period, spread time.Duration, run func(i int, due time.Time)) running
}

type running struct{ stop func() }

var contenders = []contender{
	{name: "native", open: openNative},
	{name: "bare heap", open: openHeap},
	{name: "AfterFunc", open: openAfterFunc},
	{name: "ticker", heavy: true, open: openTicker},
	{name: "robfig-cron", heavy: true, open: openRobfig},
}

func openNative(names []string, period, spread time.Duration, run func(int, time.Time)) running {
	e := &jitters{Engine: native.NewEngine(native.Config{})}
	m := core.NewManager(e, core.Options{Logger: nothing})
	ctx := context.Background()
	if err := m.Start(ctx); err != nil {
		panic(err)
	}
	delays := make([]time.Duration, len(names))
	for i, name := range names {
		err := m.Add(ctx, core.Worker{Name: name, Schedule: core.Every(period), Jitter: spread, Run: func(ctx context.Context) error {
			tick, _ := core.TickFrom(ctx)
			run(i, tick.Slot.Add(delays[i]))
			return nil
		}})
		if err != nil {
			panic(err)
		}
		delays[i] = e.last
	}
	return running{stop: func() { _ = m.Stop(ctx) }}
}

// jitters is native's engine, and tells the jitter of the last job.
type jitters struct {
	core.Engine
	last time.Duration
}

func (e *jitters) Schedule(ctx context.Context, job *core.Job) error {
	e.last = job.Jitter()
	return e.Engine.Schedule(ctx, job)
}

// offset spreads worker i of n.
func offset(i, n int, spread time.Duration) time.Duration {
	return time.Duration(float64(spread) * float64(i) / float64(n))
}

// following returns the first multiple of period, plus an offset, after t.
func following(t time.Time, period, offset time.Duration) time.Time {
	next := t.Add(-offset).Truncate(period).Add(period + offset)
	return next
}

func openAfterFunc(names []string, period, spread time.Duration, run func(int, time.Time)) running {
	var mu sync.Mutex
	stopped := false
	timers := make([]*time.Timer, len(names))
	for i := range names {
		off := offset(i, len(names), spread)
		due := following(time.Now(), period, off)
		mu.Lock()
		timers[i] = time.AfterFunc(time.Until(due), func() {
			run(i, due)
			due = following(time.Now(), period, off)
			mu.Lock()
			defer mu.Unlock()
			if !stopped {
				timers[i].Reset(time.Until(due))
			}
		})
		mu.Unlock()
	}
	return running{stop: func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		for _, t := range timers {
			t.Stop()
		}
	}}
}

func openTicker(names []string, period, spread time.Duration, run func(int, time.Time)) running {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range names {
		due := following(time.Now(), period, offset(i, len(names), spread))
		wg.Go(func() {
			first := time.NewTimer(time.Until(due))
			defer first.Stop()
			select {
			case <-first.C:
			case <-ctx.Done():
				return
			}
			ticker := time.NewTicker(period)
			defer ticker.Stop()
			for {
				run(i, due)
				select {
				case <-ticker.C:
					due = due.Add(period)
					if late := time.Since(due); late > period {
						due = due.Add(late.Truncate(period))
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return running{stop: func() { cancel(); wg.Wait() }}
}

// aligned is a robfig/cron schedule of multiples of a period plus an offset.
type aligned struct{ period, offset time.Duration }

func (a aligned) Next(t time.Time) time.Time { return following(t, a.period, a.offset) }

func openRobfig(names []string, period, spread time.Duration, run func(int, time.Time)) running {
	c := cron.New(cron.WithLocation(time.UTC))
	for i := range names {
		a := aligned{period, offset(i, len(names), spread)}
		c.Schedule(a, cron.FuncJob(func() { run(i, a.Next(time.Now().Add(-period))) }))
	}
	c.Start()
	return running{stop: func() { <-c.Stop().Done() }}
}

// openHeap is a 4-ary heap under one goroutine that starts, with go, the
// function inside of a context of its own, a recover and a locked status update:
// the least that a scheduler with these guarantees can do.
func openHeap(names []string, period, spread time.Duration, run func(int, time.Time)) running {
	type item struct {
		when   int64
		index  int
		offset time.Duration

		mu   sync.Mutex
		runs int
		last time.Time
	}
	items := make([]item, len(names))
	heap := make([]*item, 0, len(names))
	up := func(i int) {
		for e := heap[i]; i > 0; {
			parent := (i - 1) / 4
			if heap[parent].when <= e.when {
				break
			}
			heap[i], heap[parent] = heap[parent], e
			i = parent
		}
	}
	down := func() {
		e, i := heap[0], 0
		for {
			least := 4*i + 1
			if least >= len(heap) {
				break
			}
			for c := least + 1; c < min(4*i+5, len(heap)); c++ {
				if heap[c].when < heap[least].when {
					least = c
				}
			}
			if e.when <= heap[least].when {
				break
			}
			heap[i] = heap[least]
			i = least
		}
		heap[i] = e
	}
	for i := range names {
		it := &items[i]
		it.index, it.offset = i, offset(i, len(names), spread)
		it.when = following(time.Now(), period, it.offset).UnixNano()
		heap = append(heap, it)
		up(len(heap) - 1)
	}
	execute := func(it *item, due int64) {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer func() {
			_ = recover()
			cancel(nil)
			it.mu.Lock()
			it.runs++
			it.last = time.Now()
			it.mu.Unlock()
		}()
		_ = ctx.Err()
		run(it.index, time.Unix(0, due))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			now := time.Now()
			for heap[0].when <= now.UnixNano() {
				it := heap[0]
				go execute(it, it.when)
				it.when = following(time.Now(), period, it.offset).UnixNano()
				down()
			}
			timer.Reset(time.Until(time.Unix(0, heap[0].when)))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return running{stop: func() { cancel(); <-done }}
}
