// Quickstart runs the two workers that everybody needs first, on real input:
//
//   - delete-old-logs deletes log files older than a limit from a directory;
//   - mark-passive-users marks the users in a database who have not logged in
//     for 30 days, in a transaction that middleware opens and commits.
//
// Without flags it makes a directory and a database to work on, in which more
// becomes due while you watch, and removes them at the end:
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -chaos -for 30s
//	go run ./examples/quickstart -backend nats -check
//	go run ./examples/quickstart -logs /var/log/myapp -max-age 720h -dry-run
//
// It is meant to be read. What an application would have too:
//
//   - engine.go picks the engine, by its name or URL;
//   - logs.go and users.go are the workers;
//   - tx.go is the middleware that gives a worker its transaction;
//   - quickstart.go puts them together, starts, and stops in order;
//   - main.go turns signals into the end of a context.
//
// And what is there for the show: flags.go (the command line), input.go and
// sample.go (something to work on), chaos.go (workers that go wrong), and
// display.go, view.go, events.go, table.go and summary.go (what is printed).
package main
