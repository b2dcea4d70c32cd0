package ledger

import (
	"context"
	"time"
)

// sweep looks at what no alarm and no message tells of: ten times in a lease, and
// when there is something to look at then, as another's lease that lapses.
func (e *engine) sweep() {
	timer := time.NewTimer(e.beatEvery())
	defer timer.Stop()
	loaded := time.Now()
	for {
		select {
		case <-e.life.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		next := now.Add(e.beatEvery())
		if !e.watches {
			if now.Sub(loaded) >= e.loadEvery() {
				loaded = now
				e.loadAll(e.life)
				now = time.Now()
			}
			next = earlier(next, loaded.Add(e.loadEvery()))
		}
		for _, c := range e.holders() {
			due, at, held := c.glance(now)
			if held != nil {
				held.check()
			}
			switch {
			case due:
				e.submit(c)
			case at.After(now):
				next = earlier(next, at)
			}
		}
		timer.Reset(max(next.Sub(now), e.soon()))
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// glance tells whether the candidate is to be looked at, and else when; and the lease
// that it holds for a run.
func (c *candidate) glance(now time.Time) (due bool, at time.Time, held *hold) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold != nil && !c.hold.over {
		held = c.hold
	}
	return !c.local && !c.gone && c.fails == 0 && !c.lookAt.After(now), c.lookAt, held // after a failure a timer is set
}

// loadAll reads the records of all workers, some hundred at a time.
func (e *engine) loadAll(ctx context.Context) {
	const chunk = 256
	all := e.all()
	for len(all) > 0 && ctx.Err() == nil {
		some := all[:min(chunk, len(all))]
		all = all[len(some):]
		names := make([]string, len(some))
		for i, c := range some {
			names[i] = c.name
		}
		states, sent, err := e.read(ctx, names...)
		if err != nil {
			return
		}
		for i, c := range some {
			c.takeRead(states[i], sent)
		}
	}
}

// learn is told by a Watcher of a state.
func (e *engine) learn(s State) {
	e.mu.Lock()
	c := e.candidates[s.Worker]
	if c == nil {
		e.told[s.Worker] = s
	}
	e.mu.Unlock()
	if c == nil {
		return
	}
	c.take(s)
	c.answer()
	if due, _, _ := c.glance(time.Now()); due {
		e.submit(c)
	}
}
