package gocron

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

const (
	// rewind is how far the wall clock may be set back without a slot running
	// again (PER-11).
	rewind = time.Minute

	// drift is how far the wall clock may go apart from gocron's timers, which
	// go by the monotonic clock, before they are set anew.
	drift = 10 * time.Millisecond
)

// A view is the time as an instance sees it.
type view struct {
	now     time.Time // by the instance's wall clock
	actual  time.Time // by the real clock, which is gocron's, with its monotonic reading
	seen    time.Time // the latest time that was now, less jumps back by more than rewind
	rewinds uint32    // counts those jumps
}

// look reads the clock.
func (e *engine) look() view {
	now, actual := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.see(now, actual)
}

// enter begins a call that Stop waits for, which ends with e.busy.Done. It
// returns false after Stop.
func (e *engine) enter() (v view, ok bool) {
	now, actual := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return view{}, false
	}
	e.busy.Add(1)
	return e.see(now, actual), true
}

// see keeps what was seen. e.mu is held.
func (e *engine) see(now, actual time.Time) view {
	v := &e.last
	v.now, v.actual = now, actual
	switch {
	case v.seen.Sub(now) > rewind:
		v.seen = now
		v.rewinds++
	case now.After(v.seen):
		v.seen = now
	}
	return *v
}

// now reads the instance's wall clock and the real one, and notes the skew: by
// how much the real one is ahead. It is exactly zero where they are the same.
func (e *engine) now() (now, actual time.Time) {
	actual = time.Now()
	if e.real {
		return actual.Round(0), actual
	}
	now = e.host.Now()
	skew := actual.Sub(now)
	if skew < 0 && (skew > -soon || !now.After(time.Now())) {
		skew = 0
	}
	if skew := int64(skew); e.skew.Load() != skew {
		e.skew.Store(skew)
	}
	return now.Round(0), actual // without the monotonic reading of now, which hides a jump
}

// A watcher is a goroutine that looks at the wall clock every core.ClockCheck,
// and sets gocron's timers again if the clock was set or the machine was suspended. It
// reports once if the program has shut its scheduler down.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (e *engine) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	w := watcher{cancel: cancel, done: make(chan struct{})}
	e.watcher = w
	apart := func() time.Duration { // by how much the wall clock is ahead of the monotonic one
		v := e.look()
		return v.now.Sub(e.began.Round(0)) - v.actual.Sub(e.began)
	}
	settled := apart()
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(core.ClockCheck)
		defer ticker.Stop()
		silent := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if !silent && e.lent != nil && e.lent.Jobs() == nil { // an empty list is not nil
				silent = true
				e.host.Logger.Error("gocron: no worker with a schedule runs any more", "error", errShutDown, "remedy", "shut the scheduler of Config down only after the manager's Stop has returned")
			}
			if a := apart(); (a - settled).Abs() > drift {
				settled = a
				e.resetAll(ctx)
			}
		}
	}()
}

func (w watcher) stop() {
	w.cancel()
	<-w.done
}

// resetAll sets the timer of every alarm anew.
func (e *engine) resetAll(ctx context.Context) {
	e.mu.Lock()
	alarms := slices.Collect(maps.Values(e.alarms))
	e.mu.Unlock()
	for _, a := range alarms {
		if ctx.Err() != nil {
			return
		}
		a.reset()
	}
}
