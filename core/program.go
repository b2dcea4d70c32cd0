package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// defaultPatience, with the default StopGrace, fits into the ten seconds that
// "docker stop" waits before it kills, and into the thirty of Kubernetes.
const defaultPatience = 8 * time.Second

// Run starts m, waits until ctx ends, and stops m. Call it in main with a context
// from signal.NotifyContext: SIGTERM then stops the workers in order.
//
// Patience is how long the runs in progress may take to end once ctx has ended.
// Runs that take longer are cancelled and have the grace, Options.StopGrace, as
// when the context of Stop ends (STP-3). Zero is eight seconds; negative is none,
// which cancels the runs at once. Whatever kills a program that does not end, such as
// Docker or Kubernetes, must wait longer than patience and grace together.
//
// Run returns nil if m has started and has stopped in order. It returns the error
// of Start if m does not start, also if ctx ends before Start returns; then there is
// nothing to stop (STA-3). Otherwise it returns the
// error of Stop, such as a *StopError that names the workers whose runs were cut
// off. A nil ctx or m is an error, and nothing is done.
//
// A deadline of ctx says when to stop. It does not bound the search for the
// broker; Options.ConnectTimeout does (STA-6). The values of ctx reach Start and
// Stop. If other code stops m, Run still waits for ctx to end, and then returns the
// result of that stop. So a worker that must end the program cancels ctx.
func Run(ctx context.Context, m Manager, patience time.Duration) error {
	if ctx == nil {
		return fmt.Errorf("tickwork: run: %w", errNilContext)
	}
	if m == nil {
		return errors.New("tickwork: run: the manager is nil")
	}
	if err := m.Start(noDeadline{ctx}); err != nil {
		return err
	}
	<-ctx.Done()
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(patience, defaultPatience))
	defer cancel()
	return m.Stop(stopCtx)
}

// noDeadline is a context that ends when its parent does, and hides the parent's
// deadline.
type noDeadline struct{ context.Context }

func (noDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }
