package asynq

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// source is the client through which asynq's server looks for tasks. Left alone
// the server asks Redis again and again while there are none, at short intervals
// or late, and without a pause while Redis does not answer. But a tick falls due
// on each instance that has its worker: each enqueues it, and knows then that
// there is something to be had. So a question that was answered with nothing
// waits here, until this instance has dispatched a tick or the poll interval has
// passed, and is asked again.
//
// And where there is much to be had it asks for several tasks at a time: asynq asks
// for one after the other.
//
// An instance that has as many ticks as it may run at a time leaves a tick to the others
// until each of them has looked for ticks. It then takes the tick, which waits its turn
// here. An instance that cannot run any takes none. One that has put a tick back because
// it cannot run that tick is slower than the others to look for it again.
//
// It knows asynq's question by its keys. One that it does not know it passes on.
type source struct {
	*batcher
	deaf    *redis.Client // for asynq's subscription, see Subscribe
	pending string        // the key of asynq's list of pending tasks
	poll    time.Duration
	most    int         // how many may be run at a time; zero is no limit
	open    func() bool // whether this instance can run any

	woken   chan struct{} // of capacity one
	done    chan struct{} // closed by stop
	drained chan struct{} // closed when nothing is left that was taken, after stop
	drain   sync.Once

	freed chan struct{} // of capacity one: there may be room again
	has   atomic.Int64  // the ticks that are taken and not handled yet

	// Asynq asks from one goroutine.
	taken []*redis.Cmd         // tasks that asynq was not given yet
	next  int                  // for how many to ask
	room  int                  // for how many to ask at most
	left  map[string]time.Time // the tasks that are left to others, since when, by id

	mu    sync.Mutex
	timer *time.Timer // that will wake it; nil for none
	// Between these it does not look for ticks that it was not told of.
	shyFrom, shyUntil time.Time
}

func newSource(client *batcher, open func() bool, queue string, poll time.Duration, most int) *source {
	return &source{
		batcher: client,
		deaf:    newDeaf(),
		open:    open,
		pending: "asynq:{" + queue + "}:pending",
		poll:    poll,
		most:    most,
		woken:   make(chan struct{}, 1),
		done:    make(chan struct{}),
		drained: make(chan struct{}),
		freed:   make(chan struct{}, 1),
		next:    1,
	}
}

const (
	// courtesy bounds the random time after which an instance asks for what it
	// has dispatched itself, so that it is not always the one whose clock is
	// ahead that gets all.
	courtesy = 5 * time.Millisecond

	// leaveMost bounds how long an instance without room leaves a tick to others. It is
	// less than the time after which an instance claims what asynq has brought to nobody.
	leaveMost = time.Second
	// leaveMore is for what it takes to look.
	leaveMore = 100 * time.Millisecond
	// looks is how often in that time it looks, and mostLeft how many ticks it looks at.
	looks, mostLeft = 4, 1 << 10

	// closed is how often an instance that could not run any looks whether it can.
	closed = 20 * time.Millisecond

	// patient bounds how long a question waits: asynq has written into it when
	// the lease on the task, of 30 seconds, is to end.
	patient = 10 * time.Second

	// backAt is how soon asynq asks again that was answered with nothing.
	backAt = time.Millisecond

	// again is how long it may take to write again what was lost on the way.
	again = 5 * time.Second

	// atOnce bounds the tasks that are taken at a time.
	atOnce = 32
)

// EvalSha implements redis.Scripter.
func (s *source) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := revived(ctx)
	defer cancel()
	if !s.isQuestion(keys) {
		return s.batcher.EvalSha(ctx, sha, keys, args...)
	}
	for began := time.Now(); ; {
		if !s.mayTake() || !s.hasRoom(ctx) {
			if time.Since(began) > patient {
				return nothing(ctx)
			}
			continue
		}
		answer := s.take(ctx, sha, keys, args)
		switch err := answer.Err(); {
		case err == nil, redis.HasErrorPrefix(err, "NOSCRIPT"):
			return answer
		case err != redis.Nil: //nolint:errorlint // go-redis returns it as it is
			s.wait(time.Second)
			return answer
		case !s.wait(s.poll), time.Since(began) > patient:
			return answer
		}
	}
}

// nothing is the answer that there is none to be had.
func nothing(ctx context.Context) *redis.Cmd {
	answer := redis.NewCmd(ctx)
	answer.SetErr(redis.Nil)
	return answer
}

// isQuestion tells by its keys whether a script is asynq's that takes a task.
func (s *source) isQuestion(keys []string) bool { return len(keys) == 4 && keys[0] == s.pending }

// Eval implements redis.Scripter: it comes after an EvalSha of a script that Redis
// does not have.
func (s *source) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := revived(ctx)
	defer cancel()
	answer := s.batcher.Eval(ctx, script, keys, args...)
	if s.isQuestion(keys) && answer.Err() == nil {
		s.has.Add(1)
	}
	return answer
}

// revived returns another context for one that has been cancelled: asynq tries again
// to write what became of a task with the context of the first try, which it cancels
// after that.
func revived(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != context.Canceled {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), again)
}

// take takes a task out of the queue, and some more where the last ones were all
// to be had.
func (s *source) take(ctx context.Context, sha string, keys []string, args []any) *redis.Cmd {
	if len(s.taken) > 0 {
		first := s.taken[0]
		s.taken = s.taken[1:]
		return first
	}
	if s.stopped() {
		s.drain.Do(func() { close(s.drained) })
		return nothing(ctx)
	}
	n := min(s.next, s.room)
	if n == 1 {
		answer := s.UniversalClient.EvalSha(ctx, sha, keys, args...)
		if answer.Err() == nil {
			s.next = 2
			s.has.Add(1)
		}
		return answer
	}
	pipe := s.Pipeline()
	answers := make([]*redis.Cmd, n)
	for i := range answers {
		answers[i] = pipe.EvalSha(ctx, sha, keys, args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for _, answer := range answers {
		if answer.Err() == nil { // also after one that got nothing: others put in meanwhile
			s.taken = append(s.taken, answer)
			s.has.Add(1)
		}
	}
	if len(s.taken) == 0 {
		s.next = 1
		return answers[0]
	}
	if len(s.taken) == n {
		s.next = min(2*n, atOnce)
	} else {
		s.next = 1
	}
	return s.take(ctx, sha, keys, args)
}

// hasRoom returns whether ticks are to be taken, and sets for how many to ask. If not, it
// first waits a moment for room.
func (s *source) hasRoom(ctx context.Context) bool {
	s.room = atOnce
	if len(s.taken) > 0 || s.most == 0 || s.stopped() {
		return true
	}
	if s.room = s.most - int(s.has.Load()); s.room <= 0 {
		s.room = s.leftOver(ctx)
	}
	s.room = min(s.room, atOnce)
	if s.room > 0 {
		return true
	}
	timer := time.NewTimer(s.leave() / looks)
	defer timer.Stop()
	select {
	case <-s.freed:
	case <-timer.C:
	case <-s.done:
	}
	return false
}

// leave is how long a tick is left to others: in that time each has looked for ticks that
// it was not told of.
func (s *source) leave() time.Duration { return min(s.poll, leaveMost) + leaveMore }

// leftOver returns how many ticks this instance has left to others for long enough. They
// are the next in the queue. It is zero if that cannot be found out.
func (s *source) leftOver(ctx context.Context) (n int) {
	ids, err := s.LRange(ctx, s.pending, -mostLeft, -1).Result() // the last is the next
	if err != nil {
		return 0
	}
	now, left := time.Now(), make(map[string]time.Time, len(ids))
	for _, id := range ids {
		since, ok := s.left[id]
		if !ok {
			since = now
		}
		left[id] = since
		if now.Sub(since) >= s.leave() {
			n++
		}
	}
	s.left = left
	return n
}

// handled tells that a tick which was taken has come to its end.
func (s *source) handled() {
	s.has.Add(-1)
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

func (s *source) stopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// mayTake tells whether something is to be taken, or was. Where it is not, it waits a
// moment; what wakes others is left for when it is.
func (s *source) mayTake() bool {
	if len(s.taken) > 0 || s.open() || s.stopped() {
		return true
	}
	timer := time.NewTimer(closed)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
	return false
}

// wait waits until there may be something to be had, at most so long, or longer while the
// source is shy. It returns whether to go on.
func (s *source) wait(most time.Duration) bool {
	for ; most > 0; most = s.shyFor() {
		timer := time.NewTimer(most)
		select {
		case <-timer.C:
		case <-s.woken:
			timer.Stop()
			return true
		case <-s.done:
			timer.Stop()
			return false
		}
	}
	return true
}

// putBack has others look first for a tick that this instance cannot run, and that comes
// back into the queue after a delay.
func (s *source) putBack(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shyFrom = time.Now().Add(delay)
	s.shyUntil = s.shyFrom.Add(comesBack(s.poll) + s.leave()) // in which each of the others looks for it
}

// shyFor is how long the source is to look for nothing that it was not told of.
func (s *source) shyFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.shyFrom) {
		return 0
	}
	return time.Until(s.shyUntil)
}

// dispatched tells that this instance has dispatched a tick.
func (s *source) dispatched() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		s.timer = time.AfterFunc(rand.N(courtesy), s.wake)
	}
}

func (s *source) wake() {
	s.mu.Lock()
	s.timer = nil
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// stop has nothing taken any more, and waits until asynq was given what is: it is
// not to be stopped before.
func (s *source) stop(ctx context.Context) {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	close(s.done)
	s.mu.Unlock()
	select {
	case <-s.drained:
	case <-ctx.Done():
	}
}
