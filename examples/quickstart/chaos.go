package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// chaosWorkers returns workers that fail, to show that this does not affect the
// others.
func chaosWorkers(period time.Duration) []task {
	var f flaky
	return []task{
		{
			Worker: core.Worker{
				Name:     "chaos-fails",
				Schedule: core.Every(period),
				Run:      f.Run,
				Retry:    core.Retry{MaxAttempts: 2, Backoff: core.Constant(period / 4)},
			},
			done:  f.done,
			chaos: true,
		},
		{
			Worker: core.Worker{
				Name:     "chaos-panics",
				Schedule: core.Every(period),
				Run:      func(context.Context) error { panic("chaos: on purpose") },
			},
			done:  func() string { return "nothing, ever" },
			chaos: true,
		},
	}
}

// flaky fails now and then: every second run needs a second attempt, and every
// fourth run fails in all attempts. It needs no lock: a worker never overlaps itself.
type flaky struct {
	runs int
	good atomic.Int64 // read by others
}

func (f *flaky) Run(ctx context.Context) error {
	tick, _ := core.TickFrom(ctx)
	if tick.Attempt == 1 {
		f.runs++
	}
	switch {
	case f.runs%4 == 0:
		return errors.New("chaos: nobody answers")
	case f.runs%2 == 0 && tick.Attempt == 1:
		return errors.New("chaos: no answer the first time")
	}
	f.good.Add(1)
	return nil
}

func (f *flaky) done() string { return fmt.Sprintf("got through %d times", f.good.Load()) }
