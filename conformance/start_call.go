package conformance

import (
	"context"
	"time"
)

// A call is one that the case makes on a goroutine of its own, because it may
// take its time, or never return.
type call struct {
	t     *trial
	what  string
	began time.Time
	done  chan struct{}
	err   error         // once done
	took  time.Duration // once done
}

// call calls f on a goroutine, and returns when f has returned or waits: surely
// in virtual time, and on a machine that is not very busy in real time.
func (t *trial) call(what string, f func() error) *call {
	c := &call{t: t, what: what, began: time.Now(), done: make(chan struct{})}
	t.note("%s is called", what)
	go func() {
		defer close(c.done)
		c.err = f()
		c.took = time.Since(c.began)
		t.note("%s returns %v after %s", what, c.err, c.took)
	}()
	t.rest()
	return c
}

// callBy is call with a context that ends d after the call.
func (t *trial) callBy(what string, d time.Duration, f func(context.Context) error) *call {
	return t.call(what+" within "+d.String(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		return f(ctx)
	})
}

// over tells whether the call has returned.
func (c *call) over() bool {
	c.t.settle()
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// within waits for the call to return, and returns its error; it fails the case
// if the call takes longer than d from now.
func (c *call) within(d time.Duration) error {
	c.t.eventually(d, c.what+" returns", c.over)
	return c.err
}

// rest lets what was just called come to where it waits.
func (t *trial) rest() {
	if t.backend.WallClock {
		time.Sleep(t.soon() / 2)
	}
	t.settle()
}

// soon is how long a thing may take that is to happen at once: in real time with
// room for a loaded machine.
func (t *trial) soon() time.Duration {
	if t.backend.WallClock {
		return t.slack() + t.period()/2 + t.stall()
	}
	return t.slack()
}
