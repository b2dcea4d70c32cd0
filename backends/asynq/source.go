package asynq

import (
	"context"
	"math/rand/v2"
	"sync"
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
// It knows asynq's question by its keys. One that it does not know it passes on.
type source struct {
	*batcher
	pending string // the key of asynq's list of the tasks that are to be taken
	poll    time.Duration

	woken   chan struct{} // of capacity one
	done    chan struct{} // closed by stop
	drained chan struct{} // closed when nothing is left that was taken, after stop
	drain   sync.Once

	// Asynq asks from one goroutine.
	taken []*redis.Cmd // tasks that asynq was not given yet
	next  int          // for how many to ask

	mu    sync.Mutex
	timer *time.Timer // that will wake it; nil for none
}

func newSource(client *batcher, queue string, poll time.Duration) *source {
	return &source{
		batcher: client,
		pending: "asynq:{" + queue + "}:pending",
		poll:    poll,
		woken:   make(chan struct{}, 1),
		done:    make(chan struct{}),
		drained: make(chan struct{}),
		next:    1,
	}
}

const (
	// courtesy bounds the random time after which an instance asks for what it
	// has dispatched itself, so that it is not always the one whose clock is
	// ahead that gets all.
	courtesy = 5 * time.Millisecond

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
	if len(keys) != 4 || keys[0] != s.pending {
		return s.batcher.EvalSha(ctx, sha, keys, args...)
	}
	for began := time.Now(); ; {
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

// Eval implements redis.Scripter: it comes after an EvalSha of a script that Redis
// does not have.
func (s *source) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := revived(ctx)
	defer cancel()
	return s.batcher.Eval(ctx, script, keys, args...)
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
		nothing := redis.NewCmd(ctx)
		nothing.SetErr(redis.Nil)
		return nothing
	}
	if s.next == 1 {
		answer := s.UniversalClient.EvalSha(ctx, sha, keys, args...)
		if answer.Err() == nil {
			s.next = 2
		}
		return answer
	}
	pipe := s.Pipeline()
	answers := make([]*redis.Cmd, s.next)
	for i := range answers {
		answers[i] = pipe.EvalSha(ctx, sha, keys, args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for _, answer := range answers {
		if answer.Err() == nil { // also after one that got nothing: others put in meanwhile
			s.taken = append(s.taken, answer)
		}
	}
	if len(s.taken) == 0 {
		s.next = 1
		return answers[0]
	}
	if len(s.taken) == s.next {
		s.next = min(2*s.next, atOnce)
	} else {
		s.next = 1
	}
	return s.take(ctx, sha, keys, args)
}

func (s *source) stopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// wait waits until there may be something to be had, at most so long. It tells
// whether to go on.
func (s *source) wait(most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.woken:
	case <-s.done:
		return false
	}
	return true
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
