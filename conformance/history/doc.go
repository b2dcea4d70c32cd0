// Package history records, from outside of the instances of a cluster, what ran
// where and when, and judges it: no slot twice, no overlap, no gap, fencing
// tokens that rise.
//
// Each instance has a Node, which wraps its workers and observes its manager, and
// hands every Event to a sink: a Recorder in the same process, or a pipe to one
// in another. What the Recorder has heard it tells as a History, and Check says
// which rules of the contract that breaks.
//
//	rec := history.NewRecorder()
//	a := history.NewNode("a", rec.Take)
//	m, err := mine.New(mine.Config{}, core.Options{Instance: "a", Observers: []core.Observer{a.Observe}})
//	err = m.Add(ctx, a.Worker(w))
//	…
//	breaches := rec.History().Check(history.Promise{Workers: []core.Worker{w}, Failover: m.Features().Failover})
//
// The conformance suite judges its clusters by it, and so may a program that
// wants to know what its own did.
package history
