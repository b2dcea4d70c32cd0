package conformance

import (
	"sync"
	"time"
)

// A sentinel finds out how busy the machine is, for the cases in real time: a
// goroutine that sleeps for five milliseconds again and again, and notes how much
// too late it wakes. What holds "on an idle machine" may be that much later.
type sentinel struct {
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex
	due    time.Time // when it is to wake next
	stalls []stall
}

// A stall is a time at which the sentinel woke, and how much too late.
type stall struct {
	at   time.Time
	late time.Duration
}

// watch is the time between two looks of a sentinel.
const watch = 5 * time.Millisecond

// newSentinel returns a sentinel on its watch, which ends with close.
func newSentinel() *sentinel {
	s := &sentinel{stop: make(chan struct{}), due: time.Now().Add(watch)}
	s.done.Go(s.run)
	return s
}

func (s *sentinel) close() {
	close(s.stop)
	s.done.Wait()
}

func (s *sentinel) run() {
	timer := time.NewTimer(watch)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		s.mu.Lock()
		if late := now.Sub(s.due); late > watch { // less is a timer's own coarseness
			s.stalls = append(s.stalls, stall{now, late})
		}
		s.due = now.Add(watch)
		s.mu.Unlock()
		timer.Reset(watch)
	}
}

// since returns the longest that the sentinel was late from a time on, also if
// it is at this moment.
func (s *sentinel) since(begin time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := time.Since(s.due)
	for i := len(s.stalls) - 1; i >= 0 && s.stalls[i].at.After(begin); i-- {
		longest = max(longest, s.stalls[i].late)
	}
	if longest <= watch {
		return 0
	}
	return longest
}

// calm waits until the sentinel has woken in time, so that what was due has had
// its turn, but at most for a time.
func (s *sentinel) calm(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		now := time.Now()
		time.Sleep(2 * watch)
		if s.since(now) == 0 {
			return
		}
	}
}
