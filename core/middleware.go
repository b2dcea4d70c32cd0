package core

import (
	"context"
	"errors"
	"sync"
)

// chain is the middleware around one run's attempts, or around one attempt. It enforces
// the contract: next is called once, with a context derived from the one given, and the
// run does not end before its function has returned (OBS-4).
type chain struct {
	run       *run
	attempt   *attemptContext // nil around the run
	all, some []Middleware    // the manager's, and inside of that the worker's

	mu     sync.Mutex
	called bool
	closed bool  // the outermost middleware has returned
	over   bool  // the attempts have returned
	exited error // the Goexit that ended them
	inner  context.Context
	inside chan struct{} // closed when the attempts are over; made if somebody waits
}

var (
	errNextTwice   = errors.New("middleware called next twice")
	errNextLate    = errors.New("middleware called next after it had returned")
	errNextContext = errors.New("middleware called next with a context that is not derived from its own")
)

// runChain returns the middleware around the run, or nil.
func (r *run) runChain() *chain {
	all, some := r.job.m.opts.Middleware, r.job.worker.Middleware
	if len(all)+len(some) == 0 {
		return nil
	}
	return &chain{run: r, all: all, some: some}
}

// attemptChain returns the middleware around an attempt, or nil.
func (r *run) attemptChain(a *attemptContext) *chain {
	all, some := r.job.m.opts.AttemptMiddleware, r.job.worker.AttemptMiddleware
	if len(all)+len(some) == 0 {
		return nil
	}
	return &chain{run: r, attempt: a, all: all, some: some}
}

// execute runs the whole chain. A Goexit in a middleware or in the function ends the
// run's goroutine: the call deferred here is made, then run.exit continues the run.
func (c *chain) execute(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanic(p)
		}
		fault := c.close()
		if err == nil {
			err = fault
		}
		if c.attempt == nil {
			c.run.inner = c.inner
		} else {
			c.run.innerAttempt = c.inner
		}
	}()
	return c.through(ctx, 0)
}

// close ends the chain, and waits for the attempts: a middleware that returned early
// does not free the worker. It returns why the run has failed, whatever the middleware
// returned.
func (c *chain) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if !c.called {
		return ErrNextNotCalled
	}
	if !c.over {
		c.inside = make(chan struct{})
		c.mu.Unlock()
		<-c.inside
		c.mu.Lock()
	}
	return c.exited
}

// open lets the attempts begin, once.
func (c *chain) open(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errNextLate
	case c.called:
		return errNextTwice
	}
	c.called, c.inner = true, ctx
	return nil
}

// leave records that the attempts ended. If they did not return, the function called
// Goexit. A middleware that calls next on another goroutine may not notice that.
func (c *chain) leave(returned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !returned {
		c.exited = newGoexit()
	}
	if c.inside != nil {
		close(c.inside)
	}
}

// through calls the middleware from the i-th on.
func (c *chain) through(ctx context.Context, i int) error {
	switch {
	case ctx == nil || !c.isOurs(ctx):
		return errNextContext
	case i < len(c.all):
		return c.all[i](ctx, func(ctx context.Context) error { return c.through(ctx, i+1) })
	case i < len(c.all)+len(c.some):
		return c.some[i-len(c.all)](ctx, func(ctx context.Context) error { return c.through(ctx, i+1) })
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	returned := false
	defer func() { c.leave(returned) }()
	err := c.call(ctx)
	returned = true
	return err
}

// call calls what the chain wraps: the function, or the run's attempts.
func (c *chain) call(ctx context.Context) error {
	if c.attempt != nil {
		return protect(ctx, c.run.job.worker.Run)
	}
	return c.run.attempt(ctx)
}

// isOurs returns whether a context is derived from that of the run or the attempt.
func (c *chain) isOurs(ctx context.Context) bool {
	if c.attempt != nil {
		return ctx.Value(attemptKey{}) == any(c.attempt)
	}
	return ctx.Value(runKey{}) == any(c.run)
}
