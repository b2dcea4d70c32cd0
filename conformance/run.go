package conformance

import (
	"context"
	"flag"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/watchdog"
)

// Run tests a backend: each rule of the contract that its manager's Features
// claim, every case in a subtest named rule/case. What the features say that it
// lacks is tested to be refused with ErrUnsupported, and reported so.
//
// A manager that is not NewManager's may not contain panics. In virtual time its cases
// are tried in a process of its own, this test binary with this test alone, so that a
// panic is one case's failure. They are tried in this process if -run names a case, with
// coverage or a profile, or if the other process does not come as far as the first case.
//
// If many cases fail, the test's own log says which to look at first.
//
// In virtual time, the default, each case runs in a testing/synctest bubble, so
// that a day of schedule takes milliseconds and nothing depends on the machine.
//
// Where the environment variable TICKWORK_REPORT names a directory, the report
// is written there as <name>.json, or <name>-wall-clock.json in real time. If the test
// binary was built with -cover, the report has the coverage of each file by the cases
// alone, for which they run once more in a process of their own, and the test's own log
// names the files that no case executed. With the
// flag -conformance.shards, see Main, several processes share the cases in virtual time.
func Run(t *testing.T, b Backend) {
	t.Helper()
	if b.Name == "" || b.Open == nil {
		t.Fatal("conformance: a Backend needs a Name and an Open")
	}
	crew := hire(t, b)
	if crew.told != nil {
		crew.serve(t, b, selected(b))
		return
	}
	f, cores := ask(t, b)
	report := newReport(b, f)
	mustStart(t, b)
	var failures []failure
	settle := func(c kase, judged func(*testing.T, kase) verdict) {
		t.Run(c.id(), func(t *testing.T) {
			v := judged(t, c)
			report.add(c, v)
			if v.Status == Failed {
				failures = append(failures, failure{c, len(failures), v.First})
			}
			v.settle(t)
		})
	}
	judged := judgeAll(t, b, f)
	if !cores && !b.WallClock && shards <= 1 && !isSingle() && !isMeasured() {
		if apart := judgeApart(t, b, f); apart != nil {
			judged = apart
		}
	}
	var others []kase
	for _, c := range selected(b) {
		if crew.claim(t, c) {
			settle(c, judged)
		} else {
			others = append(others, c)
		}
	}
	for _, c := range others {
		settle(c, crew.ask)
	}
	crew.check(t)
	if where := ranking(failures); where != "" {
		t.Log(where)
	}
	if measuresFiles(b) && len(failures) == 0 {
		var err error
		if report.Files, err = coverage(t, b); err != nil {
			t.Errorf("conformance: %s: measure which files the cases execute: %v", b.Name, err)
		}
		if dead := report.Unexecuted(); len(dead) > 0 {
			t.Logf("conformance: %s: no case executed a statement of %s", b.Name, strings.Join(dead, ", "))
		}
	}
	t.Cleanup(func() { report.save(t) })
}

// settle makes the verdict the test's.
func (v verdict) settle(t *testing.T) {
	t.Helper()
	switch v.Status {
	case Failed:
		t.Error(v.Story)
	case Passed:
	default:
		t.Skip(string(v.Status) + ": " + v.Reason)
	}
}

// selected returns the cases that the backend wants.
func selected(b Backend) []kase {
	return slices.DeleteFunc(suite(), func(c kase) bool {
		return len(b.Only) > 0 && !slices.Contains(b.Only, c.rule)
	})
}

// judgeAll returns a function that tells the verdict of a case. In virtual time
// it runs the case then and there. In real time a case mostly waits, so all of
// them run at once, as t.Parallel would do it if it did not count sleepers;
// unless -run names a single case.
func judgeAll(t *testing.T, b Backend, f core.Features) func(*testing.T, kase) verdict {
	var machine *sentinel
	if b.WallClock {
		machine = newSentinel()
		t.Cleanup(machine.close)
	}
	if !b.WallClock || isSingle() {
		return func(t *testing.T, c kase) verdict { return judge(t, t.Name(), b, c, f, machine) }
	}
	return allAtOnce(t, b, selected(b), f, machine)
}

// isSingle tells whether -run names a case, or some.
func isSingle() bool {
	only := flag.Lookup("test.run")
	return only != nil && strings.Contains(only.Value.String(), "/")
}

// allAtOnce begins to run cases in real time, and returns what waits for a verdict.
func allAtOnce(t *testing.T, b Backend, cases []kase, f core.Features, machine *sentinel) func(*testing.T, kase) verdict {
	atOnce := make(chan struct{}, 64)
	verdicts := map[string]chan verdict{}
	for _, c := range cases {
		name, result := c.id(), make(chan verdict, 1)
		verdicts[name] = result
		go func() {
			atOnce <- struct{}{}
			result <- judge(t, t.Name()+"/"+name, b, c, f, machine)
			<-atOnce
		}()
	}
	return func(_ *testing.T, c kase) verdict { return <-verdicts[c.id()] }
}

// features opens a manager to ask it.
func features(t *testing.T, b Backend) core.Features {
	t.Helper()
	f, _ := ask(t, b)
	return f
}

// ask opens a manager and returns its features, and whether it is NewManager's.
func ask(t *testing.T, b Backend) (f core.Features, cores bool) {
	t.Helper()
	ask := func(t *testing.T) {
		var opts core.Options
		if !b.WallClock {
			opts.Now = time.Now
		}
		defer func() {
			if p := recover(); p != nil {
				t.Fatalf("conformance: %s: Open, or Features, panicked: %v\n%s", b.Name, p, debug.Stack())
			}
		}()
		m, err := b.Open(quiet(opts))
		switch {
		case err != nil:
			t.Fatalf("conformance: %s: Open: %v", b.Name, err)
		case m == nil:
			t.Fatalf("conformance: %s: Open returned no manager and no error", b.Name)
		}
		f, cores = m.Features(), isCores(m)
	}
	if b.WallClock {
		ask(t)
	} else {
		synctest.Test(t, ask)
	}
	return f, cores
}

// thisPackage is the path of this package, whose goroutines are not shown.
var thisPackage = reflect.TypeFor[trial]().PkgPath()

// mustStart ends the test if no manager opens and starts: no case could say more, and each
// would wait for that. What a Stop does wrong is for the cases.
func mustStart(t *testing.T, b Backend) {
	t.Helper()
	ready := false
	start := func(m core.Manager, err error) error {
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := m.Start(ctx); err != nil {
			return err
		}
		ready = true
		_ = m.Stop(ctx)
		return nil
	}
	try := newTrial("", b, kase{run: func(t *trial) {
		var opts core.Options
		if !b.WallClock {
			opts.Now = time.Now
		}
		t.must(start(b.Open(quiet(opts))), "open and start a manager")
		if b.Cluster == nil || b.WallClock {
			return
		}
		ready = false
		world, err := b.Cluster()
		t.must(err, "make a world")
		defer world.Close()
		t.must(start(world.Open(Node{Name: "probe"}, quiet(opts))), "open and start a manager in a world")
	}}, core.Features{})
	if b.WallClock {
		try.play()
	} else if wrong := watchdog.Bubble(t, thisPackage, func(*testing.T) { try.play() }); wrong != "" {
		try.Errorf("%s", wrong)
	}
	if try.failed() && !ready {
		t.Fatalf("conformance: %s cannot be tried, and no case was: %s", b.Name, strings.Join(try.failures, "\n"))
	}
}

// judge runs one case and says how it went. In real time there is a sentinel.
func judge(t *testing.T, name string, b Backend, c kase, f core.Features, machine *sentinel) verdict {
	if v, skip := c.applies(b, f); skip {
		return v
	}
	tr := newTrial(name, b, c, f)
	tr.machine = machine
	if b.WallClock {
		tr.play()
		return tr.verdict()
	}
	if wrong := watchdog.Bubble(t, thisPackage, func(*testing.T) { tr.play() }); wrong != "" {
		tr.Errorf("%s", wrong)
	}
	return tr.verdict()
}

// quiet fills in the logger that the suite promises to set.
func quiet(o core.Options) core.Options {
	if o.Logger == nil {
		o.Logger = discard
	}
	return o
}

// A kase is one test of one rule. (case is taken.)
type kase struct {
	rule string
	name string // in words, with dashes: "a-restart-keeps-the-phase"
	// needs are the features without which the case makes no sense.
	needs []core.Feature
	// virtual cases need days, or a machine that is never late.
	virtual bool
	// setsClock is that a case which is tried in real time, too, sets the clock.
	setsClock bool
	// local cases are for engines that are not distributed.
	local bool
	// cluster cases need a World.
	cluster bool
	// processes cases need a Server, and real time.
	processes bool
	// slow cases are run once, not on every mutant of another rule.
	slow bool
	run  func(*trial)
}

// id is the name of its subtest.
func (c kase) id() string { return c.rule + "/" + c.name }

// applies tells whether the case can be run on a backend, or else the verdict.
func (c kase) applies(b Backend, f core.Features) (verdict, bool) {
	switch {
	case c.virtual && b.WallClock:
		return verdict{Status: Skipped, Reason: "virtual time only"}, true
	case c.local && f.Distributed:
		return verdict{Status: Skipped, Reason: "for engines that are not distributed"}, true
	}
	if c.cluster {
		switch {
		case !f.Distributed:
			return verdict{Status: Skipped, Reason: "for engines that are distributed"}, true
		case b.Cluster == nil:
			return verdict{Status: Skipped, Reason: "the engine is distributed, and its Backend has no Cluster"}, true
		}
	}
	if c.processes {
		switch {
		case !f.Distributed:
			return verdict{Status: Skipped, Reason: "for engines that are distributed"}, true
		case !b.WallClock:
			return verdict{Status: Skipped, Reason: "real time only: its nodes are processes"}, true
		case b.Server == nil:
			return verdict{Status: Skipped, Reason: "the engine is distributed, and its Backend has no Server"}, true
		}
	}
	for _, need := range c.needs {
		if !f.Supports(need) {
			return unsupported(need), true
		}
	}
	return verdict{}, false
}

// suite returns all cases, in the order of the rules.
func suite() []kase {
	var all []kase
	for _, r := range rules {
		for _, group := range groups {
			for _, c := range group {
				if c.rule == r.ID {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// groups are the cases by the file that they stand in.
var groups [][]kase
