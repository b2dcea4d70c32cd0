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
// It knows asynq's question by its keys. One that it does not know it passes on.
type source struct {
	redis.UniversalClient
	pending string // the key of asynq's list of the tasks that are to be taken
	poll    time.Duration

	woken chan struct{} // of capacity one
	done  chan struct{} // closed by stop

	mu    sync.Mutex
	timer *time.Timer // that will wake it; nil for none
}

func newSource(client redis.UniversalClient, queue string, poll time.Duration) *source {
	return &source{
		UniversalClient: client,
		pending:         "asynq:{" + queue + "}:pending",
		poll:            poll,
		woken:           make(chan struct{}, 1),
		done:            make(chan struct{}),
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
)

// EvalSha implements redis.Scripter.
func (s *source) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	ask := func() *redis.Cmd { return s.UniversalClient.EvalSha(ctx, sha, keys, args...) }
	if len(keys) != 4 || keys[0] != s.pending {
		return ask()
	}
	for began := time.Now(); ; {
		answer := ask()
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

// stop has no question wait any more.
func (s *source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	close(s.done)
}
