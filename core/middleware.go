package core

import (
	"context"
	"errors"
	"sync"
)

// chain is the middleware around one run's attempts, and keeps it to its
// contract: next is called once, with a context derived from the one given,
// and the run is not over while its function is (OBS-4).
type chain struct {
	run *run

	mu     sync.Mutex
	called bool
	closed bool          // the outermost middleware has returned
	inside chan struct{} // closed when the attempts are over
}

var (
	errNextTwice   = errors.New("middleware called next twice in one run")
	errNextLate    = errors.New("middleware called next after it had returned")
	errNextContext = errors.New("middleware called next with a context that is not derived from the run's")
)

// execute runs the whole chain. A Goexit in a middleware itself ends the run's own
// goroutine, which run.exit sees to, after what is deferred here.
func (c *chain) execute() (err error) {
	defer func() {
		c.mu.Lock()
		c.closed = true
		called, inside := c.called, c.inside
		c.mu.Unlock()
		if inside != nil {
			<-inside // a middleware that returned early does not free the worker
		}
		if err == nil && !called {
			err = ErrNextNotCalled
		}
	}()
	return protect(c.run, func(ctx context.Context) error { return c.through(ctx, 0) })
}

// through calls the middleware from the i-th on.
func (c *chain) through(ctx context.Context, i int) error {
	if ctx == nil || ctx.Value(runKey{}) != any(c.run) {
		return errNextContext
	}
	middleware := c.run.job.m.opts.Middleware
	if i < len(middleware) {
		return middleware[i](ctx, func(ctx context.Context) error { return c.through(ctx, i+1) })
	}
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return errNextLate
	case c.called:
		c.mu.Unlock()
		return errNextTwice
	}
	c.called, c.inside = true, make(chan struct{})
	c.mu.Unlock()
	defer close(c.inside)
	return c.run.attempt(ctx)
}
