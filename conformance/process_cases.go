package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

func init() { groups = append(groups, processCases) }

// What is tried on real processes: kill -9, a freeze, a broker that is restarted,
// and nodes of two versions of a program.
var processCases = []kase{
	processes("CLU-4", "kill-9-in-a-run", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		var loads []load
		for i := range 12 {
			loads = append(loads, load{Name: numbered("w", i), Every: 2 * second, Hangs: true})
		}
		for range 3 {
			f.launch(loads...)
		}
		var times []time.Duration
		for len(times) < f.times(30, 1) {
			f.sleep(f.failover() / 3)
			victim := f.busiest()
			interrupted := f.running(victim.name)
			if len(interrupted) == 0 {
				continue
			}
			killed := time.Now() // not after: what it takes to be dead is the user's time, too
			victim.kill()
			f.eventually(f.failover()+f.tolerance(), fmt.Sprintf("others run again what %s ran", victim.name), func() bool {
				return len(f.again(interrupted)) == len(interrupted)
			})
			for _, r := range f.again(interrupted) {
				took := r.Begin.Sub(killed)
				times = append(times, took)
				assert.LessOrEqual(f, took, f.failover()+f.stall(), "how long %s waited, and what the engine declares", r.Tick.ID())
				assert.True(f, r.Tick.Redelivered, "%s is marked as redelivered", r.Tick.ID())
			}
			f.launch(loads...)
		}
		f.measured = map[string][]time.Duration{"failover": times}
		f.holds("CLU-1", "CLU-2", "CLU-9")
	}),

	processes("CLU-10", "a-process-that-was-frozen", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		loads := []load{{Name: "hangs", Every: 2 * second, Hangs: true}, {Name: "often", Every: second, Most: second / 2}}
		for range 3 {
			f.launch(loads...)
		}
		for range f.times(2, 1) {
			f.sleep(f.failover() / 2)
			victim := f.nodeOf("hangs")
			run := f.running(victim.name)[0]
			victim.freeze()
			f.eventually(f.failover()+f.tolerance(), "others run again what was frozen", func() bool { return len(f.again([]history.Run{run})) == 1 })
			f.sleep(f.failover() / 2)
			victim.thaw()
			f.eventually(f.tolerance(), "the run that was frozen finds that its lease is lost", func() bool {
				for _, r := range f.seen().Runs {
					if r.Node == run.Node && r.Begin.Equal(run.Begin) {
						return r.Cause == core.ErrLeaseLost.Error()
					}
				}
				return false
			})
		}
		f.sleep(f.failover())
		f.holds("CLU-1", "CLU-2", "CLU-3", "CLU-9")
	}),

	processes("CLU-5", "a-rolling-deploy-of-processes", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		// What has to be rerouted may begin at any moment between two slots: if it took a
		// while, it would be an overlap with the next.
		gone, stays, new := load{Name: "gone", Every: second}, load{Name: "stays", Every: second, Most: second / 3}, load{Name: "new", Every: second}
		old := []*process{f.launch(gone, stays), f.launch(gone, stays), f.launch(gone, stays)}
		for _, p := range old {
			f.sleep(3 * second)
			f.launch(stays, new)
			f.sleep(2 * second)
			require.NoError(f, p.stop(f.failover()), "Stop, in time")
		}
		f.sleep(5 * second)
		f.specs = []core.Worker{stays.worker(0)} // the others come and go
		f.holds("CLU-1", "CLU-2", "CLU-3", "CLU-9", "PER-3", "OBS-2")
		h := f.seen()
		for _, r := range h.Runs {
			assert.Empty(f, r.Err, "what %s on %s returned", r.Tick.ID(), r.Node)
			assert.False(f, r.Tick.Redelivered, "%s is marked as redelivered", r.Tick.ID())
		}
		for _, w := range []string{"gone", "stays", "new"} {
			assert.NotEmpty(f, h.Of(w), "runs of %s", w)
			assert.Zero(f, h.Skipped(w).Overlap+h.Skipped(w).Refused, "slots of %s skipped", w)
		}
	}),

	processes("CLU-8", "processes-whose-clocks-differ", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		loads := []load{ // the first's slots are further apart than the clocks
			{Name: "seldom", Every: 6 * second}, {Name: "often", Every: second}, {Name: "long", Every: 3 * second, Least: second, Most: 5 * second},
		}
		ahead := map[string]time.Duration{}
		for _, d := range []time.Duration{-2 * time.Second, 0, 2 * time.Second} {
			ahead[f.launchAhead(d, loads...).name] = d
		}
		f.sleep(time.Duration(f.times(32, 26)) * second)
		h := f.seen()
		for i, r := range h.Of("seldom") {
			assert.Equal(f, h.Of("seldom")[0].Tick.Slot.Add(6*second*time.Duration(i)), r.Tick.Slot, "the slot of run %d of seldom", i+1)
		}
		assert.GreaterOrEqual(f, len(h.Of("seldom")), 4, "runs of seldom")
		assert.GreaterOrEqual(f, len(h.Of("often")), 10, "runs of often")
		for _, r := range h.Runs {
			assert.False(f, r.Begin.Add(ahead[r.Node]).Before(r.Tick.Slot), "%s began at %s, before its slot by the clock of %s", r.Tick.ID(), r.Begin, r.Node)
		}
		f.busiest().kill() // it may be the one ahead: what is left of its runs is late by the others' clocks
		f.sleep(2 * f.failover())
		f.holds("CLU-1", "CLU-2", "CLU-9", "PER-3")
	}),

	processes("CLU-6", "a-broker-that-is-restarted", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		loads := []load{{Name: "often", Every: second}, {Name: "long", Every: 4 * second, Least: 3 * second, Most: 6 * second}}
		for range 3 {
			f.launch(loads...)
		}
		for _, away := range []time.Duration{second, 0, f.failover() / 2, 2 * f.failover()}[:f.times(4, 1)] {
			f.sleep(5 * second)
			f.restart(away, false)
			f.sleep(f.failover() + f.tolerance())
		}
		f.undisturbed()
		f.holds("CLU-1", "CLU-2", "CLU-3", "CLU-9", "PER-3", "OBS-2")
	}),

	processes("CLU-13", "a-broker-that-is-restarted-empty", func(f *fleet) {
		second := max(time.Second, f.features.MinPeriod)
		loads := []load{{Name: "often", Every: second}, {Name: "rare", Every: time.Hour, Hangs: true}, {Name: "long", Every: 4 * second, Least: 3 * second, Most: 6 * second}}
		for range 3 {
			f.launch(loads...)
		}
		for range f.times(3, 1) {
			f.sleep(5 * second)
			f.restart(second, true)
			f.sleep(f.failover() + f.tolerance())
		}
		f.undisturbed()
		f.holds("CLU-1", "CLU-2", "CLU-3", "CLU-9", "PER-3")
	}),
}

// Processes runs the cases whose nodes are processes, and no others, in real time
// and one after the other: some minutes. With -short each case does everything once,
// and they run beside each other: a minute. Run runs them too, for a Backend in real
// time that has a Server.
//
// Where the environment variable TICKWORK_REPORT names a directory, the report is
// written there as <name>-processes.json, with the times that were measured.
func Processes(t *testing.T, b Backend) {
	t.Helper()
	b.WallClock = true
	report := newReport(b, features(t, b))
	report.Profile = "processes"
	machine := newSentinel()
	t.Cleanup(machine.close)
	judged := func(t *testing.T, c kase) verdict { return judge(t, t.Name(), b, c, report.Features, machine) }
	if testing.Short() {
		judged = allAtOnce(t, b, processCases, report.Features, machine)
	}
	for _, c := range processCases {
		t.Run(c.id(), func(t *testing.T) {
			v := judged(t, c)
			report.add(c, v)
			for what, times := range v.Measured {
				t.Logf("%s: %s", what, figures(times))
			}
			v.settle(t)
		})
	}
	t.Cleanup(func() { report.save(t) })
}

// undisturbed fails the case if a run has lost its lease, or was run again, although
// nothing has happened but that leaders have died and others were elected: a lease is
// longer than that. It measures how long nothing began after each death.
func (f *fleet) undisturbed() {
	h := f.seen()
	if slices.ContainsFunc(h.Faults, func(x history.Fault) bool { return x.What != history.Hiccup }) {
		return
	}
	var times []time.Duration
	for _, death := range h.Faults {
		next := slices.IndexFunc(h.Runs, func(r history.Run) bool { return r.Begin.After(death.At) })
		if next >= 0 {
			times = append(times, h.Runs[next].Begin.Sub(death.At))
		}
	}
	f.measured = map[string][]time.Duration{"election": times}
	for _, r := range h.Runs {
		assert.NotEqual(f, core.ErrLeaseLost.Error(), r.Cause, "why the context of %s on %s ended", r.Tick.ID(), r.Node)
		assert.False(f, r.Tick.Redelivered, "%s is marked as redelivered", r.Tick.ID())
	}
}

// busiest returns the node on which the most runs go on.
func (f *fleet) busiest() (busiest *process) {
	most := -1
	for _, p := range f.alive() {
		if n := len(f.running(p.name)); n > most {
			busiest, most = p, n
		}
	}
	return busiest
}

// nodeOf waits until a worker runs, and returns where.
func (f *fleet) nodeOf(worker string) (node *process) {
	f.eventually(f.failover()+f.tolerance(), worker+" runs", func() bool {
		for _, p := range f.alive() {
			for _, r := range f.running(p.name) {
				if r.Tick.Worker == worker {
					node = p
				}
			}
		}
		return node != nil
	})
	return node
}

// again returns the runs of the same ticks that came after.
func (f *fleet) again(runs []history.Run) (again []history.Run) {
	for _, before := range runs {
		for _, r := range f.seen().Of(before.Tick.Worker) {
			if r.Begin.After(before.Begin) && r.Tick.ID() == before.Tick.ID() {
				again = append(again, r)
				break
			}
		}
	}
	return again
}
