package backends

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Report is what Preflight found.
type Report struct {
	Backend  string        // "(a URL)" if one was given in place of a name
	Now      time.Time     // from when on the slots are
	Disabled bool          // the whole: nothing will run, and no broker was tried
	Features core.Features // the engine's; zero where it does not open
	Reached  bool          // there is a broker, and it answered
	Workers  []WorkerReport
	Errors   []error // what is wrong, but for what is wrong with a worker
}

// A WorkerReport says of one worker whether it is taken, and when it will run.
type WorkerReport struct {
	Name       string
	Schedule   string // as it prints itself; "long-running" for none
	Configured []string
	Disabled   bool
	RunOnStart bool
	Jitter     time.Duration
	// Zone is the time zone of the schedule; the host's for one that has none.
	Zone *time.Location
	// Slots are the next ten, in UTC. None for a long-running worker, a
	// disabled one, and a Delay, whose slots depend on its runs.
	Slots []time.Time
	// Change is when the clocks of Zone are next changed; nil where that is
	// not within two years.
	Change *Change
	// Err is why the worker is refused.
	Err error
}

// A Change is when a zone's clocks are put forward or back.
type Change struct {
	At       time.Time     // in UTC
	From, To time.Duration // the distance from UTC, before and after
	// Slots are those around At, where the worker's next ten do not get there.
	Slots []time.Time
	// Adjoins is true where the first of Slots follows the worker's tenth: there
	// is none between.
	Adjoins bool
}

// Err returns nil if the configuration opens, else all that is wrong.
func (r Report) Err() error {
	errs := r.Errors
	for _, w := range r.Workers {
		errs = append(errs[:len(errs):len(errs)], w.Err)
	}
	return errors.Join(errs...)
}

// String returns the report for people: the backend, then each worker with its
// slots in UTC and in its zone, then the verdict.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s", r.Backend)
	switch {
	case r.Disabled:
		b.WriteString(": disabled, nothing will run")
	case r.Reached:
		b.WriteString(": the broker was reached")
	}
	b.WriteByte('\n')
	if r.Features.Engine != "" {
		fmt.Fprintf(&b, "  a run begins at most %s after its slot, the shortest period is %s\n", r.Features.Lateness, r.Features.MinPeriod)
	}
	if len(r.Features.Lacks) > 0 {
		fmt.Fprintf(&b, "  cannot do: %s\n", strings.Trim(fmt.Sprint(r.Features.Lacks), "[]"))
	}
	for _, w := range r.Workers {
		b.WriteByte('\n')
		w.write(&b)
	}
	b.WriteByte('\n')
	if err := r.Err(); err != nil {
		fmt.Fprintf(&b, "Does not open:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	} else {
		fmt.Fprintf(&b, "Opens, with %s.\n", count(len(r.Workers), "worker"))
	}
	return b.String()
}

func (w WorkerReport) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: ", w.Name)
	if w.Err != nil {
		fmt.Fprintf(b, "refused\n")
		return
	}
	b.WriteString(w.Schedule)
	if w.Disabled {
		b.WriteString(", disabled")
	}
	if w.Jitter > 0 {
		fmt.Fprintf(b, ", jitter up to %s", w.Jitter)
	}
	if w.RunOnStart {
		b.WriteString(", and once at the start")
	}
	if len(w.Configured) > 0 {
		fmt.Fprintf(b, " (configured: %s)", join(w.Configured))
	}
	b.WriteByte('\n')
	w.slots(b, w.Slots)
	if w.Change != nil && len(w.Change.Slots) > 0 {
		if !w.Change.Adjoins {
			b.WriteString("  …\n")
		}
		w.slots(b, w.Change.Slots)
	}
}

// slots writes one a line, with a line between where the clocks change.
func (w WorkerReport) slots(b *strings.Builder, slots []time.Time) {
	for i, t := range slots {
		if c := w.Change; c != nil && !t.Before(c.At) && (i == 0 || slots[i-1].Before(c.At)) {
			fmt.Fprintf(b, "  -- %s UTC: clocks in %s go from %s to %s --\n",
				c.At.Format(time.DateTime), zoneName(w.Zone), distanceFromUTC(c.From), distanceFromUTC(c.To))
		}
		fmt.Fprintf(b, "  %s UTC", t.Format("2006-01-02 15:04:05.999"))
		if w.Zone != nil && (w.Change != nil || offset(t, w.Zone) != 0) {
			fmt.Fprintf(b, "   %s", t.In(w.Zone).Format("Mon 2006-01-02 15:04:05.999 -07:00"))
		}
		b.WriteByte('\n')
	}
}

func zoneName(zone *time.Location) string {
	if zone == time.Local {
		return "this host's zone"
	}
	return zone.String()
}

func distanceFromUTC(d time.Duration) string {
	return time.Time{}.In(time.FixedZone("", int(d/time.Second))).Format("-07:00")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
