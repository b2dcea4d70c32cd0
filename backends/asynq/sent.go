package asynq

import (
	"maps"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// sent is what this instance knows of the ticks that it has dispatched.
type sent struct {
	mu    sync.Mutex
	last  map[string]dispatch
	swept time.Time     // when what is old was last dropped from it
	came  time.Duration // how long the tick that came last had waited in the queue
	lag   time.Duration // and the least of that and of the one before
	at    time.Time     // when it came
}

// dispatch is the one of a worker that was last.
type dispatch struct {
	slot, at time.Time
}

func newSent() sent { return sent{last: make(map[string]dispatch)} }

const (
	// mostLag bounds what is believed of a lag: the ticks may be such as were left
	// over.
	mostLag = 10 * time.Second

	// longest is a period from which on they are all the same here, and the one
	// of a worker whose period is not known.
	longest = mostShown / periodsShown
)

// note notes that a tick is being dispatched. It returns the worker's period, as
// far as it matters, and whether the tick need not be: where the queue is behind,
// one of the worker's is still in it that will be run as the latest slot which
// is due then. Without that a queue with more ticks than can be run would get
// ever longer, and bring nothing but ticks that are too old.
func (s *sent) note(tick core.Tick, now time.Time) (period time.Duration, again bool) {
	if tick.Manual != "" { // rare
		return longest, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	before, known := s.last[tick.Worker]
	if known && time.Since(s.at) < s.lag && now.Sub(before.at) < s.lag {
		return 0, true
	}
	s.last[tick.Worker] = dispatch{slot: tick.Slot, at: now}
	if !known {
		return longest, false
	}
	return tick.Slot.Sub(before.slot), false
}

// sweep forgets what is too old to tell more than a worker of which nothing is
// known, so that of workers that were removed nothing stays.
func (s *sent) sweep(now time.Time) {
	if now.Sub(s.swept) < longest {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.last, func(_ string, d dispatch) bool { return now.Sub(d.at) > longest })
}

// arrived notes that a tick has come out of the queue which was dispatched so long
// ago. Where the queue is behind the next one was, too; a single one may have been
// left over, by an instance that died or a broker that was away.
func (s *sent) arrived(lag time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lag = min(lag, mostLag)
	s.lag, s.came, s.at = min(lag, s.came), lag, now
}

// A tick that has completed is shown for some periods of its worker.
const (
	periodsShown = 20
	leastShown   = time.Minute
	mostShown    = time.Hour
)

// retention is how long a tick of a worker is shown that has completed.
func retention(period time.Duration) time.Duration {
	return min(max(periodsShown*min(period, longest), leastShown), mostShown)
}
