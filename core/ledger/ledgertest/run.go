package ledgertest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/watchdog"
)

// A Backend is what the suite tests: a way to make brokers, and stores on them.
type Backend struct {
	// Name names the store in failures: "redis".
	Name string

	// New returns what one case needs. In virtual time it is called inside of
	// the case's bubble, so that what it starts is in there too; what it started
	// it ends with t.Cleanup. In real time the broker may be one for all cases,
	// with a namespace for each.
	New func(t *testing.T) Broker

	// WallClock runs the cases in real time instead of in virtual time.
	WallClock bool

	// Only runs the cases of these obligations alone; empty is all.
	Only []string
}

// A Broker is a broker with an empty namespace.
type Broker struct {
	// Open returns a new store on the namespace, as another instance would have
	// it. The suite calls the store's Open, and closes it.
	Open func() ledger.Store

	// Other returns a new store on another namespace of the same broker. Nil
	// leaves out the cases about that.
	Other func() ledger.Store

	// Lose has the broker lose the namespace's data, as a broker that keeps them
	// in memory does when it is restarted. Nil leaves out the cases about that:
	// only for a broker that cannot.
	Lose func()

	// Down makes the broker unreachable, or reachable again. What was sent to it
	// meanwhile is lost. Nil leaves out the cases about that.
	Down func(down bool)
}

// Run tests a store. If the store does not open, that is the only failure.
func Run(t *testing.T, b Backend) {
	t.Helper()
	if b.Name == "" || b.New == nil {
		t.Fatal("ledgertest: a Backend needs a Name and a New")
	}
	opens := kase{"open", "the-store-opens", "Open returns nil when the broker can be reached", func(t *trial) { t.open() }}
	if failures, _ := judge(t, b, opens); len(failures) > 0 { // otherwise each case would wait for it
		t.Fatalf("ledgertest: %s: the store does not open, so no case was tried:\n\n%s", b.Name, strings.Join(failures, "\n\n"))
	}
	runCases(t, b.Name+": a store", suite, b.Only, func(t *testing.T, c kase) ([]string, string) { return judge(t, b, c) })
}

// runCases tries the cases, or those of some obligations alone. Who names what must fulfil
// them.
func runCases(t *testing.T, who string, cases []kase, only []string, judge func(*testing.T, kase) (failures []string, skipped string)) {
	for _, c := range cases {
		if len(only) > 0 && !slices.Contains(only, c.about) {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			failures, skipped := judge(t, c)
			switch {
			case len(failures) > 0:
				t.Errorf("%s must do this: %s\n\n%s\n\nAgain: go test -run '^%s$'", who, c.text, strings.Join(failures, "\n\n"), t.Name())
			case skipped != "":
				t.Skip(skipped)
			}
		})
	}
}

// thisPackage is the path of this package. Its goroutines are not shown.
var thisPackage = reflect.TypeFor[trial]().PkgPath()

// judge runs one case, and returns what was wrong, or why it was left out.
func judge(t *testing.T, b Backend, c kase) (failures []string, skipped string) {
	tr := &trial{kase: c, wall: b.WallClock}
	return tr.judge(t, func(t *testing.T) { tr.broker = b.New(t) })
}

// judge plays the case on what make makes.
func (tr *trial) judge(t *testing.T, make func(*testing.T)) (failures []string, skipped string) {
	if tr.wall {
		make(t)
		tr.play()
		return tr.verdict()
	}
	wrong := watchdog.Bubble(t, thisPackage, func(t *testing.T) {
		make(t)
		tr.play()
	})
	if wrong != "" {
		tr.Errorf("%s", wrong)
	}
	return tr.verdict()
}

// A kase is one test of one obligation. (case is taken.)
type kase struct {
	about string // the obligation: "write"
	name  string // in words, with dashes
	text  string // what the store must do, in a sentence
	run   func(*trial)
}

// String returns the name of the subtest.
func (c kase) String() string { return fmt.Sprintf("%s/%s", c.about, c.name) }

// suite is all cases.
var suite = slices.Concat(writeCases, guardCases, contentionCases, loadCases, nameCases, registryCases, lossCases, watchCases, contextCases, closeCases, engineCases)
