package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pulse is what the instance knows of the broker: its time, whether it can be
// reached, and when its data began.
type pulse struct {
	mu      sync.Mutex
	now     time.Time     // the broker's, when it was
	at      time.Time     // here
	trip    time.Duration // how long it took to ask
	sent    time.Time     // when it was asked
	born    time.Time
	contact time.Time // here, when an operation last succeeded
	down    error     // why it cannot be reached; nil where it can
	skewed  bool      // this instance's clock is too far from the broker's
	wary    time.Time // here: nothing is claimed before, since data were seen to be lost
	hurried bool      // a beat is under way beside the regular ones
}

func (p *pulse) start(now time.Time) { p.contact = now }

// brokerNow is the broker's time, as reckoned from its last beat.
func (p *pulse) brokerNow() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock()
}

// clock is brokerNow where p.mu is held.
func (p *pulse) clock() time.Time { return p.now.Add(time.Since(p.at)) }

// since tells whether a beat was answered that was sent after a time.
func (p *pulse) since(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent.After(t)
}

func (p *pulse) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down != nil
}

// life is when the data began, as far as is known.
func (p *pulse) life() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.born.UTC()
}

// mayClaim tells whether the instance may claim: not where its clock is too far
// from the broker's (CLU-8), also if that is since the last beat, and not while
// the data are new (CLU-13), or may be, the last beat being long ago.
func (e *engine) mayClaim() bool {
	if e.isSkewed() {
		return false
	}
	p := &e.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	return !e.isOld(p) && !time.Now().Before(p.wary) && p.clock().Sub(p.born) >= e.quiet()
}

// isSkewed tells whether this instance's clock is too far from the broker's.
func (e *engine) isSkewed() bool {
	p := &e.pulse
	here := e.host.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.skewed || here.Sub(p.clock()).Abs() > MaxSkew+p.trip
}

// isOld tells whether the last beat is so long ago that nothing is claimed on its
// word. p.mu is held.
func (e *engine) isOld(p *pulse) bool { return time.Since(p.at) > e.cfg.Lease/2 }

// reached is told that the broker can be reached, or seems to be: an instance that
// could not for long may claim nothing until it has beaten again, and others leave
// it what it was delivered. The regular beat may wait for an answer that was lost. The
// engine of a disabled manager never beats.
func (e *engine) reached() {
	if e.host.Disabled {
		return
	}
	p := &e.pulse
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hurried || !e.isOld(p) {
		return
	}
	p.hurried = true
	e.renewer.add(func() {
		_ = e.beat(e.life) // the regular one tells of the error, too
		p.mu.Lock()
		p.hurried = false
		p.mu.Unlock()
	})
}

// suspect has nothing claimed until the others have seen, too, that the broker has
// lost data, and have written back what they know.
func (e *engine) suspect() {
	p := &e.pulse
	p.mu.Lock()
	p.wary = time.Now().Add(e.loadEvery() + e.quiet())
	p.mu.Unlock()
	e.queue.add(func() { _ = e.beat(e.life) }) // it tells whether all is lost
}

// beat tells the broker that this instance is alive, and learns its time.
func (e *engine) beat(ctx context.Context) error {
	ctx, cancel := e.op(ctx)
	defer cancel()
	roster := e.roster()
	sent := time.Now()
	got, err := e.store.Beat(ctx, e.host.Instance, roster)
	if err != nil {
		e.rosterUnsent(roster)
		e.contacted(err)
		return fmt.Errorf("tell the broker of instance %s: %w", e.host.Instance, err)
	}
	now := time.Now()
	p := &e.pulse
	p.mu.Lock()
	if sent.Before(p.sent) { // a later one was answered before
		p.mu.Unlock()
		e.contacted(nil)
		return nil
	}
	back := e.isOld(p)
	reborn := !p.born.IsZero() && !p.born.Equal(got.Born)
	p.now, p.sent, p.at, p.trip, p.born = got.Now, sent, now, now.Sub(sent), got.Born
	p.mu.Unlock()
	e.contacted(nil)
	e.checkSkew(got.Now, now.Sub(sent))
	if reborn {
		e.host.Logger.Warn("ledger: the broker has lost the records; writing back what is known here", "born", got.Born)
		e.restore()
	}
	if back { // what could not be claimed until now
		for _, c := range e.all() {
			e.submit(c)
		}
	}
	return nil
}

// checkSkew compares this instance's clock with the broker's.
func (e *engine) checkSkew(broker time.Time, trip time.Duration) {
	skew := e.host.Now().Sub(broker)
	apart := skew.Abs() > MaxSkew+trip
	p := &e.pulse
	p.mu.Lock()
	changed := p.skewed != apart
	p.skewed = apart
	p.mu.Unlock()
	switch {
	case changed && apart:
		e.host.Broker(fmt.Errorf("%s: this instance's clock is %s from the broker's, and claims nothing while that is more than %s", e.cfg.Name, skew.Round(time.Millisecond), MaxSkew))
	case changed:
		e.host.Broker(nil)
	}
}

// contacted keeps whether the broker can be reached, and tells of a change. After
// a while without it, what was seen of others' leases counts from now: they
// could not renew either.
func (e *engine) contacted(err error) {
	p := &e.pulse
	if err != nil && (errors.Is(err, ErrConflict) || e.life.Err() != nil) {
		return
	}
	p.mu.Lock()
	if err != nil && p.down == nil && time.Since(p.contact) < e.opTimeout() {
		p.mu.Unlock() // it may have been asked before the broker was back
		return
	}
	was, gap := p.down, time.Duration(0)
	if err == nil {
		gap = time.Since(p.contact)
		p.contact = time.Now()
	}
	p.down = err
	skewed := p.skewed
	p.mu.Unlock()
	switch {
	case err != nil && was == nil:
		e.host.Broker(err)
	case err == nil && was != nil && !skewed:
		e.host.Broker(nil)
	}
	if err == nil && gap > e.cfg.Lease/2 {
		e.reached()
		now := time.Now()
		for _, c := range e.all() {
			c.seenAnew(now)
		}
	}
	if err == nil && was != nil {
		for _, c := range e.all() {
			c.hopeAnew()
			e.submit(c)
		}
	}
}

// firstBeat is the first, until it succeeds or its context ends.
func (e *engine) firstBeat(ctx context.Context) error {
	for {
		err := e.beat(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(e.soon()):
		}
	}
}

// awaitQuiet waits while the data are new.
func (e *engine) awaitQuiet(ctx context.Context) error {
	p := &e.pulse
	wait := p.born.Add(e.quiet()).Sub(p.brokerNow())
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait until the new ledger is %s old: %w", e.quiet(), context.Cause(ctx))
	case <-time.After(wait):
		return nil
	}
}

// heartbeat beats until the engine's end. One that has failed is tried again soon,
// so that the broker's return is noticed.
func (e *engine) heartbeat() {
	timer := time.NewTimer(e.beatEvery())
	defer timer.Stop()
	for {
		select {
		case <-e.life.Done():
			return
		case <-timer.C:
		}
		began, every := time.Now(), e.beatEvery()
		if e.beat(e.life) != nil {
			every = e.soon()
		}
		timer.Reset(max(every-time.Since(began), time.Millisecond))
	}
}

func (p *pulse) unborn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.born.IsZero()
}
