package core

import (
	"context"
	"fmt"
	"time"
)

// attempt makes attempts until one succeeds, there are no more, or the run is
// cancelled or interrupted (ERR-5).
func (r *run) attempt(ctx context.Context) error {
	w := &r.job.worker
	for {
		n, err := int(r.attempts.Load()), r.exited
		switch {
		case err == nil:
			n = int(r.attempts.Add(1))
			r.innerAttempt = nil
			err = r.once(ctx, n)
		case !r.inside:
			return err // middleware called Goexit, not the function
		}
		r.inside, r.exited = false, nil
		if err == nil || r.handsBack(err) {
			return err
		}
		if r.final {
			return err
		}
		if n >= w.Retry.MaxAttempts || r.job.long != nil || r.cancelled() != nil {
			return err
		}
		wait := r.job.backoff(n)
		failedIn := r.attemptContext(ctx, n)
		r.job.m.logAttempt(failedIn, r, n, err, wait)
		if len(r.job.m.opts.Observers) > 0 {
			e := r.job.event(EventAttemptFailed, r.tickOf(n))
			e.Context, e.Result = failedIn, Result{Outcome: Failed, Err: err, Started: r.started, Attempts: n}
			r.job.m.observe(e)
		}
		if !r.sleep(wait) {
			r.cutShort = true
			return err
		}
	}
}

// attemptContext returns the innermost context of attempt n, which was made in ctx.
func (r *run) attemptContext(ctx context.Context, n int) context.Context {
	if r.innerAttempt != nil {
		return r.innerAttempt
	}
	return &attemptContext{ctx, r.tickOf(n)}
}

// once makes one attempt with its timeout, and contains panics. It sets r.final if the
// error is marked by Permanent.
func (r *run) once(ctx context.Context, n int) error {
	w := &r.job.worker
	call, isolate := w.Run, false
	if w.Retry.MaxAttempts > 1 || len(r.job.m.opts.AttemptMiddleware)+len(w.AttemptMiddleware) > 0 {
		a := &attemptContext{ctx, r.tickOf(n)} // the run's own context counts the attempts
		ctx = a
		if c := r.attemptChain(a); c != nil {
			call = c.execute
		}
		// A Goexit must not end the middleware around the run before the last attempt.
		isolate = w.Retry.MaxAttempts > 1 && len(r.job.m.opts.Middleware)+len(w.Middleware) > 0
	}
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.Timeout, ErrTimeout)
		defer cancel()
	}
	var err error
	if isolate {
		err = <-isolated(ctx, call)
	} else {
		r.inside = true
		err = protect(ctx, call)
	}
	if err == nil {
		return nil
	}
	fault, final := examine(err)
	r.final = final
	switch p, marked := err.(*permanentError); { //nolint:errorlint // identity: only if the mark is outermost
	case fault != nil:
		err = fault
	case marked:
		err = p.err
	}
	if w.Timeout > 0 && is(err, context.DeadlineExceeded) && is(context.Cause(ctx), ErrTimeout) {
		err = fmt.Errorf("%w after %s: %w", ErrTimeout, w.Timeout, err)
	}
	return err
}

// backoff returns the wait after a number of failures. If the user's Backoff panics, it
// returns the default backoff's.
func (j *Job) backoff(failures int) time.Duration {
	b := j.worker.Retry.Backoff
	switch b.(type) {
	case nil:
		return defaultBackoff.Wait(failures)
	case exponential, constant:
		return b.Wait(failures)
	}
	var wait time.Duration
	if fault := ask(func() { wait = b.Wait(failures) }); fault != nil {
		fault.In = method("Wait", b)
		wait = defaultBackoff.Wait(failures)
		j.m.opts.Logger.Error("tickwork: panic contained, the default backoff is used", "worker", j.worker.Name, "error", fault, "stack", string(fault.Stack))
	}
	return wait
}
