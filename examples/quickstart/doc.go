// Quickstart runs two workers that many services need, on real input:
//
//   - delete-old-logs deletes log files older than a limit from a directory;
//   - mark-passive-users marks the users in a database who have not logged in
//     for 30 days, in a transaction that middleware opens and commits.
//
// Without flags it makes a directory and a database to work on, and removes them at
// the end. In these, more becomes due while you watch:
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -chaos -for 30s
//	go run ./examples/quickstart -backend nats -check
//	go run ./examples/quickstart -logs /var/log/myapp -max-age 720h -dry-run
//
// Ctrl-C or SIGTERM ends it in order: a run in progress may go on for ten seconds.
//
// Read the code. An application has these files too:
//
//   - engine.go chooses the engine by its name or URL;
//   - logs.go and users.go are the workers;
//   - tx.go is the middleware that gives a worker its transaction;
//   - quickstart.go puts them together and runs them;
//   - main.go ends a context when a signal arrives.
//
// The other files serve the demonstration: flags.go (the command line), broker.go
// (a broker in this process), input.go and sample.go (something to work on),
// chaos.go (workers that fail), and display.go, view.go, events.go, table.go and
// summary.go (the output). broker.go can be deleted from a copy.
package main
