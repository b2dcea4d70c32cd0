package ledger

import (
	"sync"
	"time"
)

// queue runs tasks in order on a bounded number of goroutines, which end when
// there is nothing to do.
type queue struct {
	limit int

	mu      sync.Mutex
	tasks   []func()
	workers int
	closed  bool
	idle    sync.WaitGroup
}

func (q *queue) add(task func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.tasks = append(q.tasks, task)
	if q.workers < q.limit {
		q.workers++
		q.idle.Add(1)
		go q.work()
	}
}

func (q *queue) work() {
	defer q.idle.Done()
	for {
		q.mu.Lock()
		if len(q.tasks) == 0 {
			q.tasks = nil
			q.workers--
			q.mu.Unlock()
			return
		}
		task := q.tasks[0]
		q.tasks[0] = nil
		q.tasks = q.tasks[1:]
		q.mu.Unlock()
		task()
	}
}

// close takes no more tasks, and waits for those that there are.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.idle.Wait()
}

// timers are calls to come, none of which outlives the engine. The zero value is
// ready to use.
type timers struct {
	mu      sync.Mutex
	pending map[*time.Timer]struct{}
	closed  bool
}

// after has f called after d. It returns what stops that. A timer of nothing at all
// is one that Go 1.26 cannot make in a bubble of testing/synctest with -race.
func (t *timers) after(d time.Duration, f func()) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return func() {}
	}
	if t.pending == nil {
		t.pending = make(map[*time.Timer]struct{})
	}
	var timer *time.Timer
	timer = time.AfterFunc(max(d, 1), func() {
		t.mu.Lock()
		_, wanted := t.pending[timer]
		delete(t.pending, timer)
		t.mu.Unlock()
		if wanted {
			f()
		}
	})
	t.pending[timer] = struct{}{}
	return func() {
		timer.Stop()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.pending, timer)
	}
}

// close stops them all.
func (t *timers) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for timer := range t.pending {
		timer.Stop()
	}
	clear(t.pending)
}
