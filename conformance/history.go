package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A runRecord is one call of a recorded worker's function: one attempt.
type runRecord struct {
	worker     string
	tick       core.Tick
	begin, end time.Time // end is zero while it runs
	err        error
}

// worker returns a worker whose calls are recorded. A nil function returns nil.
func (t *trial) worker(name string, s core.Schedule, f func(context.Context) error) core.Worker {
	return core.Worker{Name: name, Schedule: s, Run: t.recorded(name, f)}
}

// recorded wraps a worker's function so that its calls are in the history.
func (t *trial) recorded(name string, f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		r := &runRecord{worker: name, begin: time.Now()}
		r.tick, _ = core.TickFrom(ctx)
		t.mu.Lock()
		t.runs = append(t.runs, r)
		t.mu.Unlock()
		t.noteOf(name, "%s begins, tick %s attempt %d", name, r.tick.ID(), r.tick.Attempt)
		returned := false
		defer func() {
			t.mu.Lock()
			r.end, r.err = time.Now(), err
			t.mu.Unlock()
			how := "panics or exits"
			if returned {
				how = fmt.Sprintf("returns %v", err)
			}
			t.noteOf(name, "%s %s", name, how)
		}()
		if f != nil {
			err = f(ctx)
		}
		returned = true
		return err
	}
}

// calls returns the recorded calls of a worker so far.
func (t *trial) calls(worker string) []runRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []runRecord
	for _, r := range t.runs {
		if r.worker == worker {
			list = append(list, *r)
		}
	}
	return list
}

// count returns how many calls of a worker have begun.
func (t *trial) count(worker string) int { return len(t.calls(worker)) }

// verdict is how a case went.
type verdict struct {
	Status Status
	Reason string
	Story  string
	First  string // of a case that failed: the first thing that is wrong, in a line
	// Measured are times, by what they are of.
	Measured map[string][]time.Duration
}

func (t *trial) verdict() verdict {
	t.mu.Lock()
	lacking, missing := t.lacking, t.missing
	t.mu.Unlock()
	if lacking != "" {
		return unsupported(lacking)
	}
	if missing != "" && !t.failed() {
		return verdict{Status: Skipped, Reason: missing}
	}
	if !t.failed() {
		return verdict{Status: Passed, Measured: t.measured}
	}
	story := t.story()
	t.mu.Lock()
	defer t.mu.Unlock()
	return verdict{Status: Failed, Story: story, First: headline(t.failures[0])}
}

// unsupported is the verdict of a case that needs what the manager lacks.
func unsupported(lack core.Feature) verdict {
	return verdict{Status: Unsupported, Reason: fmt.Sprintf("the engine lacks %s", lack)}
}
