// Mutate measures the tests: it makes small faults in a package, one at a time, and
// counts those that the tests notice.
//
//	go run ./internal/mutate -sample 60 core     # a few minutes
//	go run ./internal/mutate core                # all mutants: 80 minutes on two cores
//	go run ./internal/mutate -public core        # what the public suite alone kills
//	go run ./internal/mutate -list core          # the mutants, without running them
//	go run ./internal/mutate -v -run 'clock.go:clock.set:negate:1$' core
//	go run ./internal/mutate -record -sample 120 backends/asynq backends/nats
//
// With -record the rates are written to internal/mutate/rates.json and docs/conformance.md.
//
// A mutant is one such fault: a comparison that is negated, a call that is left out.
// One build holds all mutants of a package, and the environment variable
// TICKWORK_TEST_MUTANT selects one by its number. Without it the build behaves as the
// original. The rewritten files and the binaries are in a temporary directory, so the
// work tree stays as it is; -keep keeps that directory, to run a binary by hand.
//
// Two groups of tests are run: the public conformance suite, and the tests that only this
// repository has (targets.go names both for each package, and the engines that the suite
// runs on: core's faults also show in a cluster, and on an engine that lacks features). The
// output is a table by file:
//
//	mutants    the mutants that were run
//	public     those that the public suite kills: a test fails, takes too much memory, or
//	           makes no progress in five times the longest time that a test takes without a
//	           mutant, and at least 10 seconds
//	all tests  those that the public suite or the other tests kill
//	accepted   survivors that accepted.txt lists, with the reason
//	left       the other survivors
//
// The percentages leave out the accepted mutants. Below the table is each mutant that
// survives the public suite, with its line before and after. A mutant whose code no test
// executes is not run: it survives as "not executed". Which code is executed comes
// from a first run without a mutant, which all tests must pass. A mutant then runs the
// public suite, up to its first failure, and those other tests that execute its code, the
// quick ones first.
//
// The operators:
//
//	boundary  a < b becomes a <= b, and so on
//	negate    a == b becomes a != b, a < b becomes a >= b, a condition becomes its opposite
//	branch    the body of an if, or a case of a switch or select, does nothing
//	logic     && becomes ||, and || becomes &&
//	arith     + becomes -, += becomes -=, ++ becomes --, and the reverse
//	const     0 becomes 1, 1 becomes 0, true becomes false, false becomes true
//	call      a call whose result is not used is left out
//	assign    an assignment to existing variables is left out
//	send      a send on a channel is left out
//	jump      a break or continue is left out
//	defer     a deferred call is left out
//	go        a go statement calls its function instead
//	error     a returned error becomes nil
//
// A mutant's id, such as core/clock.go:clock.set:negate:1, names the file, the function,
// the operator, and which of that function's mutants of that operator it is. Edits of other
// functions do not change it. If an edit of the same function does, accepted.txt notices,
// because it repeats the source.
package main
