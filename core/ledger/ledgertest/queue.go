package ledgertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A Queue is a queue in this process's memory, with a ledger.Dispatcher for each
// instance. It is for tests of an engine that has a Dispatcher, and an example for the
// author of one. NewQueue makes one. Its methods may be called from any goroutine.
type Queue struct {
	recovery time.Duration // after which the ticks of an instance that is cut off go to others
	// courtesy is how long an instance leaves a tick to its sender. An instance whose clock
	// is behind would have to wait with the tick, and the later slots with it.
	courtesy time.Duration

	mu       sync.Mutex
	known    map[string]*queued // by the tick's ID: the ticks in the queue, and those that ended in the last keptFor
	waiting  []*queued          // to be taken, the oldest first
	ended    []*queued          // the oldest first
	failures map[string]error   // by the tick's ID, as told to a Witness
	members  map[*QueueDispatcher]bool
	down     bool
	changed  chan struct{} // closed, and made again, when down or a member's cut changes
}

// queued is a tick in the queue.
type queued struct {
	tick    core.Tick
	sent    time.Time
	sender  *QueueDispatcher          // the instance that was the first to dispatch it
	since   time.Time                 // when it last became one that waits
	holder  *QueueDispatcher          // nil while it waits, is put off, or has ended
	refused map[*QueueDispatcher]bool // the instances that could not run it
	end     *ledger.Delivery          // nil until it has ended
	endedAt time.Time
}

// QueueRecovery is after how long the ticks in the hands of an instance that was cut off go
// to others.
const QueueRecovery = 30 * time.Second

const (
	// leftFor is how long an instance leaves a tick to others if it is at its limit, or could
	// not run the tick before.
	leftFor = 20 * time.Millisecond
	// closedFor is how often an instance whose Inbox is closed looks whether it is open,
	// while ticks wait.
	closedFor = 20 * time.Millisecond
	// A tick that an instance could not run is put off for a tenth of its age, within these
	// bounds, and dropped when it is older than oldest: no instance has its worker.
	putOff, putOffMost, oldest = time.Second, time.Minute, 10 * time.Minute
	// keptFor is how long a tick that has ended is known.
	keptFor = time.Minute
)

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	return &Queue{
		recovery: QueueRecovery, courtesy: time.Millisecond,
		known: map[string]*queued{}, failures: map[string]error{},
		members: map[*QueueDispatcher]bool{}, changed: make(chan struct{}),
	}
}

// Dispatcher returns the Dispatcher of one instance. If limit is positive, an instance with
// that many deliveries in progress leaves ticks to others for a moment; then it takes what
// they have left.
func (q *Queue) Dispatcher(limit int) *QueueDispatcher {
	return &QueueDispatcher{queue: q, limit: limit, woken: make(chan struct{}, 1), stopping: make(chan struct{})}
}

// Down makes the queue unreachable, or reachable again with its ticks.
func (q *Queue) Down(down bool) { q.change(func() { q.down = down }) }

// Lose has the queue lose all its ticks.
func (q *Queue) Lose() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.known {
		e.holder = nil
	}
	clear(q.known)
	clear(q.failures)
	q.waiting, q.ended = nil, nil
}

// End returns how a tick ended, as the queue's own tools would show it, and whether it has
// ended. A minute later the queue has forgotten the tick.
func (q *Queue) End(tick core.Tick) (end ledger.Delivery, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.known[tick.ID()]; e != nil && e.end != nil {
		return *e.end, true
	}
	return ledger.Delivery{}, false
}

// change changes who can reach the queue.
func (q *Queue) change(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.changed)
	q.changed = make(chan struct{})
	q.wake()
}

// wake has the members look for ticks. q.mu is held.
func (q *Queue) wake() {
	for d := range q.members {
		select {
		case d.woken <- struct{}{}:
		default:
		}
	}
}

// put has a tick wait to be taken, unless the queue has lost it. q.mu is held.
func (q *Queue) put(e *queued) {
	if q.known[e.tick.ID()] != e {
		return
	}
	e.holder, e.since = nil, time.Now()
	q.waiting = append(q.waiting, e)
	q.wake()
}

// forget drops what ended too long ago. q.mu is held.
func (q *Queue) forget() {
	for len(q.ended) > 0 && time.Since(q.ended[0].endedAt) > keptFor {
		id := q.ended[0].tick.ID()
		delete(q.known, id)
		delete(q.failures, id)
		q.ended = q.ended[1:]
	}
}

// conclude records how a tick ended. q.mu is held.
func (q *Queue) conclude(e *queued, end ledger.Delivery) {
	if err := q.failures[e.tick.ID()]; err != nil && end.Past {
		end.Outcome, end.Err = core.Failed, err
	}
	e.holder, e.end, e.endedAt = nil, &end, time.Now()
	q.ended = append(q.ended, e)
}

// A QueueDispatcher is one instance's ledger.Dispatcher on a Queue. It is a ledger.Witness.
type QueueDispatcher struct {
	queue *Queue
	limit int

	in       ledger.Inbox
	woken    chan struct{} // of capacity one
	stopping chan struct{}
	receiver sync.WaitGroup
	life     context.Context // of the deliveries
	end      context.CancelFunc
	pending  sync.WaitGroup // the deliveries

	cut   bool // guarded by queue.mu
	cutAt time.Time
	held  int // the ticks in its hands; guarded by queue.mu
}

var _ ledger.Witness = (*QueueDispatcher)(nil)

var errUnreachable = errors.New("the queue in memory is not reachable")

// Cut cuts this instance off from the queue, or heals that. If that lasts QueueRecovery, the
// ticks in its hands go to others.
func (d *QueueDispatcher) Cut(cut bool) {
	q := d.queue
	q.change(func() { d.cut, d.cutAt = cut, time.Now() })
	if cut {
		d.recoverLater()
	}
}

// recoverLater has the ticks in this instance's hands go to others after a while, unless it
// is in reach again.
func (d *QueueDispatcher) recoverLater() {
	q := d.queue
	time.AfterFunc(q.recovery, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.members[d] && (!d.cut || time.Since(d.cutAt) < q.recovery) {
			return
		}
		for _, e := range q.known {
			if e.holder == d {
				q.put(e)
			}
		}
	})
}

// reach locks the queue if this instance can reach it, or waits until it can or a context
// ends.
func (d *QueueDispatcher) reach(ctx context.Context) (unlock func(), err error) {
	q := d.queue
	for {
		q.mu.Lock()
		if !q.down && !d.cut {
			return q.mu.Unlock, nil
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errUnreachable, context.Cause(ctx))
		}
	}
}

// Start implements ledger.Dispatcher.
func (d *QueueDispatcher) Start(ctx context.Context, host core.Host, in ledger.Inbox) error {
	unlock, err := d.reach(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d.in = in
	d.life, d.end = context.WithCancel(context.Background())
	if host.Disabled {
		return nil
	}
	d.queue.members[d] = true
	d.receiver.Go(d.receive)
	return nil
}

// Dispatch implements ledger.Dispatcher.
func (d *QueueDispatcher) Dispatch(ctx context.Context, tick core.Tick) error {
	unlock, err := d.reach(ctx)
	if err != nil {
		return fmt.Errorf("dispatch %s: %w", tick, err)
	}
	defer unlock()
	q := d.queue
	q.forget()
	if id := tick.ID(); q.known[id] == nil {
		e := &queued{tick: tick, sent: time.Now(), sender: d}
		q.known[id] = e
		q.put(e)
	}
	return nil
}

// Failed implements ledger.Witness.
func (d *QueueDispatcher) Failed(ctx context.Context, tick core.Tick, err error) {
	unlock, unreachable := d.reach(ctx)
	if unreachable != nil {
		return
	}
	defer unlock()
	if d.queue.known[tick.ID()] != nil {
		d.queue.failures[tick.ID()] = err
	}
}

// Stop implements ledger.Dispatcher.
func (d *QueueDispatcher) Stop(ctx context.Context) error {
	q := d.queue
	close(d.stopping)
	d.receiver.Wait()
	done := make(chan struct{})
	go func() { defer close(done); d.pending.Wait() }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("ticks were still being delivered: %w", context.Cause(ctx))
	}
	d.end()
	<-done
	q.mu.Lock()
	delete(q.members, d)
	left := d.held > 0
	q.mu.Unlock()
	if left { // the queue could not be told what became of them
		d.recoverLater()
	}
	return err
}

// receive takes ticks until Stop.
func (d *QueueDispatcher) receive() {
	for {
		e, again := d.take()
		if e != nil {
			d.pending.Go(func() { d.deliver(e) })
			continue
		}
		var timer <-chan time.Time
		if again > 0 {
			timer = time.After(again)
		}
		select {
		case <-timer:
		case <-d.woken:
		case <-d.stopping:
			return
		}
	}
}

// take takes a tick. If there is none for this instance, it returns after what time to look
// again; zero is when it is woken.
func (d *QueueDispatcher) take() (e *queued, again time.Duration) {
	open := d.in.Open()
	q := d.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-d.stopping:
		return nil, 0
	default:
	}
	if len(q.waiting) == 0 || q.down || d.cut {
		return nil, 0
	}
	if !open {
		return nil, closedFor
	}
	full := d.limit > 0 && d.held >= d.limit
	for i, e := range q.waiting {
		var leave time.Duration
		switch {
		case full || e.refused[d]:
			leave = leftFor
		case e.sender != d:
			leave = q.courtesy
		}
		if left := leave - time.Since(e.since); left > 0 {
			again = min(cmp.Or(again, left), left)
			continue
		}
		q.waiting = slices.Delete(q.waiting, i, i+1)
		e.holder = d
		d.held++
		return e, 0
	}
	return nil, again
}

// deliver brings a tick to the Inbox, and tells the queue what became of it.
func (d *QueueDispatcher) deliver(e *queued) {
	end, err := d.in.Deliver(d.life, e.tick)
	open := d.in.Open()
	stopped := d.life.Err() != nil
	unlock, unreachable := d.reach(d.life)
	if unreachable != nil {
		return // it is in this instance's hands until it is recovered
	}
	defer unlock()
	q := d.queue
	d.held--
	age := time.Since(e.sent)
	switch {
	case e.holder != d: // it was recovered: another has it
	case err == nil && !end.Absent:
		q.conclude(e, end)
	case stopped || !open:
		q.put(e)
	case age > oldest:
		q.conclude(e, ledger.Delivery{Outcome: core.Skipped, Note: "no instance could run it"})
	default:
		e.holder = nil
		if e.refused == nil {
			e.refused = map[*QueueDispatcher]bool{}
		}
		e.refused[d] = true
		time.AfterFunc(min(max(age/10, putOff), putOffMost), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.put(e)
		})
	}
	select {
	case d.woken <- struct{}{}: // there is room
	default:
	}
}
