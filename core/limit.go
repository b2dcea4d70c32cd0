package core

import (
	"math"
	"sync"
)

// limit is MaxConcurrent: a number of places, and those who wait for one, in
// order. Nobody waits on a goroutine: who leaves starts the next (ERR-7).
type limit struct {
	start func(*run)

	mu    sync.Mutex
	free  int
	queue []*run
}

// place is where a run stands with the limit.
type place uint8

const (
	outside place = iota
	queued
	inside
)

// enter starts the run, now or when it is its turn. A nil limit is none.
func (l *limit) enter(r *run) {
	l.mu.Lock()
	if l.free == 0 {
		r.place = queued
		l.queue = append(l.queue, r)
		l.mu.Unlock()
		return
	}
	l.free--
	r.place = inside
	l.mu.Unlock()
	l.start(r)
}

// room returns how many runs can enter without waiting. A nil limit has room for all.
func (l *limit) room() int {
	if l == nil {
		return math.MaxInt
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.free
}

// leave gives a run's place to the next in the queue.
func (l *limit) leave(r *run) {
	if l == nil {
		return
	}
	l.mu.Lock()
	if r.place != inside {
		l.mu.Unlock()
		return
	}
	r.place = outside
	var next *run
	for next == nil && len(l.queue) > 0 {
		if next = l.queue[0]; next.place != queued {
			next = nil // it was dropped
		}
		l.queue[0] = nil
		l.queue = l.queue[1:]
	}
	if next != nil {
		next.place = inside
	} else {
		l.free++
	}
	l.mu.Unlock()
	if next != nil {
		l.start(next)
	}
}

// drop takes a run out of the queue, and tells whether it was in it.
func (l *limit) drop(r *run) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.place != queued {
		return false
	}
	r.place = outside
	return true
}
