package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/seed-891a2e1b/tickwork/core"
)

// format is that of the lease and control records which this version reads and
// writes. One that is marked with a higher one was written by a newer version, and is
// neither acted upon nor written over: what this version does not know of it would be
// lost. Its worker is left to the instances that know it.
//
// So a version that adds a field to a record raises the format, and marks with it
// the records that need it. One that says nothing new is written in the oldest format
// that has all it says, and during a rolling deploy both versions run its worker.
const format = 1

// A Lease is the record of who runs a worker, and of what was run. It is JSON
// in the store, for operators to read.
type Lease struct {
	// Format is what the record needs to be read; 1 where it is left out.
	Format int `json:"format,omitempty"`
	// Slot is the latest slot that was run, is being run, or was skipped. No
	// slot up to it will run, but one that is run again.
	Slot time.Time `json:"slot,omitzero"`
	// Running: Owner runs Tick, or has died in it.
	Running bool   `json:"running,omitempty"`
	Owner   string `json:"owner,omitempty"`
	// Fence is the latest claim's fencing token (CLU-9).
	Fence uint64 `json:"fence,omitempty"`
	// For is how long the claim holds, in nanoseconds: instances may differ in it
	// while a new configuration is rolled out.
	For time.Duration `json:"for,omitempty"`
	// Tick is the slot that is run or was run last, Manual the unique part of
	// its id where it is a manual tick.
	Tick   time.Time `json:"tick,omitzero"`
	Manual string    `json:"manual,omitempty"`
	// Crashes is how many instances have died in the run of Tick.
	Crashes int `json:"crashes,omitempty"`
	// Again: Tick was handed back, and is to be run again. Cut: it had begun.
	Again bool `json:"again,omitempty"`
	Cut   bool `json:"cut,omitempty"`
	// Trigger is the last trigger that was taken.
	Trigger string `json:"trigger,omitempty"`
	// Base is when a Delay counts from.
	Base time.Time `json:"base,omitzero"`
	// Done is when a long-running worker ended for good.
	Done time.Time `json:"done,omitzero"`
	// Reason is why Slot was skipped, if it was.
	Reason string `json:"reason,omitempty"`
	// Told is who has passed over slots by a write lately: an instance that got no
	// answer to its last one, and finds that others have written since, knows by it
	// that it has to report them (OBS-2).
	Told []Told `json:"told,omitempty"`
	// Last is the last run that ended.
	Last *Run `json:"last,omitempty"`
	// Life is when the data began that the writer knew: one that knows an older life
	// has not noticed yet that they were lost.
	Life time.Time `json:"life,omitzero"`
}

// Told is an instance's last write that passed over slots. Once it has written anything
// else that is not needed any more.
type Told struct {
	Instance string `json:"instance"`
	Fence    uint64 `json:"fence"`
	// Over: it ended the run that the fence was claimed for.
	Over bool `json:"over,omitempty"`
}

// Of whom a record tells: who cannot ask for so long never will. A fence is a time in
// µs, or almost.
const (
	toldFor  = uint64(time.Hour / time.Microsecond)
	mostTold = 64
)

// tell has the record tell of the write that writes it.
func (l *Lease) tell(over bool) {
	all := slices.DeleteFunc(slices.Clone(l.Told), func(t Told) bool {
		return t.Instance == l.Owner || t.Fence+toldFor < l.Fence
	})
	all = append(all, Told{l.Owner, l.Fence, over})
	l.Told = all[max(0, len(all)-mostTold):]
}

// isNew tells whether it says nothing: there is no record.
func (l *Lease) isNew() bool { return l.Slot.IsZero() && l.Base.IsZero() }

// knowsLess tells whether a record is older than another of the worker: a claim
// always has a greater fence, and is released once.
func (l *Lease) knowsLess(than *Lease) bool {
	return l.Fence < than.Fence || l.Fence == than.Fence && l.Running && !than.Running || l.isNew() && !than.isNew()
}

// gaveUp returns whether a long-running worker that has ended for good had failed. One
// that returned nil is done.
func (l *Lease) gaveUp() bool {
	return !l.Done.IsZero() && l.Last != nil && l.Last.outcome() == core.Failed
}

// A Run is a run that ended, as other instances read it.
type Run struct {
	Slot     time.Time     `json:"slot,omitzero"`
	Manual   string        `json:"manual,omitempty"`
	Fence    uint64        `json:"fence,omitempty"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration"` // in nanoseconds
	Attempts int           `json:"attempts"`
	Outcome  string        `json:"outcome"`
	Err      string        `json:"error,omitempty"`
	Instance string        `json:"instance"`
}

// A Control is the record of what was asked for: a pause, a trigger.
type Control struct {
	Format  int       `json:"format,omitempty"` // as Lease.Format
	Paused  bool      `json:"paused,omitempty"`
	Trigger string    `json:"trigger,omitempty"` // the last one asked for
	By      string    `json:"by,omitempty"`      // the instance that wrote last
	At      time.Time `json:"at,omitzero"`
	// PausedBy is the instance on which the worker was paused, PausedAt the time; the
	// status shows them. An older version drops them when it writes the record. The
	// pause stays in force, so they need no higher format.
	PausedBy string    `json:"pausedBy,omitempty"`
	PausedAt time.Time `json:"pausedAt,omitzero"`
	// Present lists the instances that have the worker, if it has RunOnStart, in the
	// order in which they listed themselves (PER-6).
	Present []Presence `json:"present,omitempty"`
	// Seq counts the writes, also over a loss of the data.
	Seq uint64 `json:"seq,omitempty"`
}

// A Presence is an instance that has a worker with RunOnStart.
type Presence struct {
	Instance string `json:"instance"`
	Process  string `json:"process"` // as Roster.Process
	// Decided: the instance has triggered the worker, or has found that it must not.
	Decided bool `json:"decided,omitempty"`
}

// isZero returns whether nothing was ever asked for.
func (c *Control) isZero() bool {
	return !c.Paused && c.Trigger == "" && c.Seq == 0 && len(c.Present) == 0
}

// pause is the pause for the status, or nil if there is none. If an older version wrote
// the record, the instance and the time are those of the last write.
func (c *Control) pause() *core.Pause {
	switch {
	case !c.Paused:
		return nil
	case c.PausedBy != "":
		return &core.Pause{By: c.PausedBy, At: c.PausedAt}
	default:
		return &core.Pause{By: c.By, At: c.At}
	}
}

// maxError bounds an error's text in a record.
const maxError = 1024

// decode reads a record, which is a *Lease or a *Control. The error says why this
// version does not.
func decode(what, worker string, e Entry, record interface{ needs() int }) error {
	if e.Rev == 0 || len(e.Value) == 0 {
		return nil
	}
	err := json.Unmarshal(e.Value, record)
	needs := record.needs()
	if err != nil { // a newer version's may differ in all else
		var mark struct{ Format int }
		_ = json.Unmarshal(e.Value, &mark)
		needs = mark.Format
	}
	switch {
	case needs > format:
		return fmt.Errorf("ledger: the %s record of %s is a newer version's: it is of format %d, and this version knows %d", what, worker, needs, format)
	case err != nil:
		return fmt.Errorf("ledger: read the %s record of %s: %w", what, worker, err)
	}
	return nil
}

func (l *Lease) needs() int   { return l.Format }
func (c *Control) needs() int { return c.Format }

// runOf is the record of a run that has ended.
func runOf(l core.LastRun) *Run {
	run := &Run{
		Slot: l.Tick.Slot, Manual: l.Tick.Manual, Fence: l.Tick.Fence,
		Started: l.Start.UTC().Round(0), Duration: l.Duration, Attempts: l.Attempts(),
		Outcome: l.Outcome.String(), Instance: l.Instance,
	}
	if l.Err != nil {
		run.Err = textOf(l.Err)
		if end := maxError; len(run.Err) > end {
			for !utf8.RuneStart(run.Err[end]) && end > maxError-utf8.UTFMax {
				end-- // not within a character
			}
			run.Err = run.Err[:end] + "…"
		}
	}
	return run
}

// textOf returns an error's text. Core has examined the error, but its Error method may
// panic only sometimes.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a %T whose Error method panicked", err)
		}
	}()
	return err.Error()
}

// last is the run for the status of the worker on another instance.
func (r *Run) last(worker string) core.LastRun {
	last := core.LastRun{
		Tick:  core.Tick{Worker: worker, Slot: r.Slot, Manual: r.Manual, Fence: r.Fence, Attempt: r.Attempts},
		Start: r.Started, Duration: r.Duration, Outcome: r.outcome(), Instance: r.Instance,
	}
	if r.Err != "" {
		last.Err = remoteError(r.Err)
	}
	return last
}

// is tells whether it is that very run.
func (r *Run) is(other *Run) bool {
	return other != nil && r.Fence == other.Fence && r.Started.Equal(other.Started)
}

func (r *Run) outcome() core.Outcome {
	for o := core.Succeeded; o <= core.Abandoned; o++ {
		if o.String() == r.Outcome {
			return o
		}
	}
	return 0
}

// remoteError is the text of an error of another instance.
type remoteError string

func (e remoteError) Error() string { return string(e) }
