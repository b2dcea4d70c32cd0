// Package conformance is the contract of a worker manager as a test suite: for
// the backends of this module, and for anybody's own.
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Backend{
//			Name: "mine",
//			Open: func(opts core.Options) (core.Manager, error) {
//				return core.NewManager(mine.NewEngine(), opts), nil
//			},
//		})
//	}
//
// Write a core.Engine, and have core.NewManager make the manager of it, if what differs
// is when or where a worker runs: another timer, a scheduler, a broker. Its five methods
// are some 60 lines (examples/custom-backend has one), and timeouts, retries, panics,
// middleware, hooks, status and stop are core's. Write a core.Manager from scratch only
// to replace those, or for a fake in a test: a small one is 200 lines, embeds
// core.UnimplementedManager, checks workers with Features.Check, calls their functions
// with core.WithRun and core.Contain, and lists in Features.Lacks what it leaves out,
// middleware, observers and skip counts included.
//
// Each rule of the contract (Rules returns them with their sentences) has one
// or more cases, each a subtest named rule/case. They run in virtual time, in a
// testing/synctest bubble each, or with WallClock in real time. A backend whose
// Features say that it lacks something is held to refuse it.
//
// With the race detector of Go 1.26 bubbles may need GOMAXPROCS(1), and a suite over a
// broker in memory takes a minute or two of it. Where Main is the package's TestMain the
// flag -conformance.shards has several processes share the cases, each taking the next:
//
//	go test -race -run 'TestConformance$' ./mine -conformance.shards 4
//
// A timer that was made in a bubble ends the process where it is used outside of it, as by
// a library that keeps timers in a sync.Pool, which nats.go does. To call runtime.GC twice
// empties that: for such an engine do so in Start, in Backend.Cluster, and after Run.
//
// A failure tells the rule's sentence, what happened and when, what is wrong,
// and the command that runs just that case again.
//
// The suite is itself tested by mutants: managers, and worlds of them, that are broken
// in one way each, which must fail the rule that they break. Managers without a cluster
// must, unless the race detector is on, fail no rule that they do not say they break.
package conformance
