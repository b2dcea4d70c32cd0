package asynq

import (
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// sent is what this instance knows of the ticks that it has dispatched.
type sent struct {
	mu   sync.Mutex
	last map[string]dispatch
	lag  time.Duration // how long the tick that came last had waited in the queue
	at   time.Time     // when it came
}

// dispatch is the one of a worker that was last.
type dispatch struct {
	slot, at time.Time
}

func newSent() sent { return sent{last: make(map[string]dispatch)} }

// mostLag bounds what is believed of a lag: the tick may be one that was left over.
const mostLag = 10 * time.Second

// note notes that a tick is being dispatched. It returns the worker's period, an
// hour where that is not known, and whether the tick need not be: where the queue
// is behind, one of the worker's is still in it that will be run as the latest slot
// which is due then. Without that a queue with more ticks than can be run would get
// ever longer, and bring nothing but ticks that are too old.
func (s *sent) note(tick core.Tick, now time.Time) (period time.Duration, again bool) {
	period = time.Hour // of a tick by hand, and of the first, which are rare
	if tick.Manual != "" {
		return period, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.last[tick.Worker]
	if known && time.Since(s.at) < s.lag && now.Sub(before.at) < s.lag {
		return 0, true
	}
	s.last[tick.Worker] = dispatch{slot: tick.Slot, at: now}
	if known {
		period = tick.Slot.Sub(before.slot)
	}
	return period, false
}

// arrived notes that a tick has come out of the queue which was due so long ago.
func (s *sent) arrived(lag time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag, s.at = min(lag, mostLag), now
}

// retention is how long a tick of a worker is shown that has completed: 20 periods,
// within bounds.
func retention(period time.Duration) time.Duration {
	const least, most = time.Minute, time.Hour
	return min(max(20*min(period, most), least), most)
}
