package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

var summaryColumns = []column{
	{head: "worker"},
	{head: "runs", right: true},
	{head: "failed", right: true},
	{head: "skipped", right: true},
	{head: "done"},
}

// summary prints what each worker did.
func summary(out io.Writer, workers []core.WorkerStatus, tasks []task, ran time.Duration) {
	var rows [][]string
	for i, w := range workers {
		rows = append(rows, []string{
			w.Name, fmt.Sprint(w.Runs), fmt.Sprint(w.Failures), skipped(w.Skips), tasks[i].done(),
		})
	}
	fmt.Fprintf(out, "\nran for %s\n\n%s\n", ran.Round(100*time.Millisecond),
		strings.Join(table(summaryColumns, rows, math.MaxInt), "\n"))
}

// skipped formats how many slots were skipped, and why: "3 (2 overlap, 1 missed)".
func skipped(s core.Skips) string {
	if s.Total() == 0 {
		return "0"
	}
	var why []string
	for _, reason := range []struct {
		n    uint64
		name core.SkipReason
	}{
		{s.Overlap, core.ReasonOverlap},
		{s.Paused, core.ReasonPaused},
		{s.Missed, core.ReasonMissed},
		{s.Refused, core.ReasonRefused},
	} {
		if reason.n > 0 {
			why = append(why, fmt.Sprintf("%d %s", reason.n, reason.name))
		}
	}
	return fmt.Sprintf("%d (%s)", s.Total(), strings.Join(why, ", "))
}

// failures returns an error if runs failed, except those that fail on purpose.
func failures(workers []core.WorkerStatus, tasks []task) error {
	var errs []error
	for i, w := range workers {
		if w.Failures > 0 && !tasks[i].chaos {
			err := fmt.Errorf("%s failed in %d of %d runs", w.Name, w.Failures, w.Runs)
			if w.Last.Err != nil {
				err = fmt.Errorf("%w, the last time: %w", err, w.Last.Err)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
