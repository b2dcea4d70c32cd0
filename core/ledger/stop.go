package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Stop implements core.Engine.
func (e *engine) Stop(ctx context.Context) error {
	e.clock.Stop()
	e.mu.Lock()
	e.stopping = true
	released := make(chan struct{})
	if e.holds == 0 {
		close(released)
	} else {
		e.released = released
	}
	e.mu.Unlock()
	close(e.quit)

	var errs []error
	for _, c := range e.all() {
		c.refuse(false)
	}
	deliveries := make(chan error, 1)
	go func() {
		if e.cfg.Dispatcher == nil {
			deliveries <- nil
			return
		}
		deliveries <- e.cfg.Dispatcher.Stop(ctx)
	}()
	select {
	case <-released:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("leases were not released: %w", context.Cause(ctx)))
	}
	for _, c := range e.all() {
		c.refuse(true)
	}
	errs = append(errs, <-deliveries)
	e.shut()
	if !e.host.Disabled {
		leaving, cancel := e.lastWords(ctx)
		_ = e.store.Leave(leaving, e.host.Instance) // when no beat is sent any more; else it is found out by its silence
		cancel()
	}
	closing, cancel := e.lastWords(ctx) // of its own: a slow answer to Leave must not fail it
	defer cancel()
	if err := e.store.Close(closing); err != nil {
		errs = append(errs, fmt.Errorf("close the connection: %w", err))
	}
	return errors.Join(errs...)
}

// lastWords returns the context of one of the last calls of the store.
func (e *engine) lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.patience(ctx))
}

// patience is how long the last words to the broker may take: not long where it
// cannot be reached, or where nobody waits any more.
func (e *engine) patience(ctx context.Context) time.Duration {
	if ctx.Err() != nil || e.pulse.isDown() {
		return min(e.opTimeout(), 200*time.Millisecond)
	}
	return e.opTimeout()
}

// shut ends all that goes on.
func (e *engine) shut() {
	e.end()
	e.timers.close()
	e.loops.Wait()
	e.queue.close()
	e.sender.close()
	e.renewer.close()
}

// mayHold counts a lease that is about to be claimed, unless Stop has come: Stop
// waits until it is released, or was not had. So it does for a write that passes over
// slots, until it is known whether that has happened.
func (e *engine) mayHold() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return false
	}
	e.holds++
	return true
}

// holdAgain is mayHold for what has been claimed: while Stop waits it can be handed back.
func (e *engine) holdAgain() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping && e.holds == 0 {
		return false
	}
	e.holds++
	return true
}

// unhold counts a lease that is not held any more.
func (e *engine) unhold() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.holds--; e.holds == 0 && e.released != nil {
		close(e.released)
		e.released = nil
	}
}

func (e *engine) isStopping() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopping
}
