package asynq

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// sent is what this instance knows of the ticks that it has dispatched.
type sent struct {
	mu    sync.Mutex
	last  map[string]dispatch
	swept time.Time        // when what is old was last dropped from it
	lags  [8]time.Duration // how long the ticks that came last had waited in the queue
	n     int              // how many have come
	at    time.Time        // when the last did
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
	if lag := slices.Min(s.lags[:]); known && time.Since(s.at) < lag && now.Sub(before.at) < lag {
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

// arrived notes that a tick, which has come to its end since, had come out of the
// queue at a time, and was dispatched so long before. Where the queue is behind that
// is so of all; some may have been left over by an instance that died, or sent round
// until they came to one with the worker.
func (s *sent) arrived(lag time.Duration, came time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if came.Before(s.at) { // later ones tell more
		return
	}
	s.lags[s.n%len(s.lags)] = min(lag, mostLag)
	s.n++
	s.at = came
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
