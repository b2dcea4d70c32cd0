// Config is an application whose configuration chooses the backend and changes the
// workers. The program stays the same:
//
//	go run ./examples/config
//	go run ./examples/config -check
//	go run ./examples/config -config FILE
//	go run ./examples/config -backend nats
//	TICKWORK_BACKEND=gocron go run ./examples/config
//
// Without -config it uses sample.yaml, which is built in; begin your own FILE with
// a copy of it. The file, the environment or the flag names the backend. If the
// backend needs a broker and has no URL, the program starts one in its own process.
// With -check it runs nothing. It prints whether the configuration opens, when each
// worker would run, in UTC and in the worker's time zone, and whether the broker
// that it reached is its own.
//
// The program ends on Ctrl-C and on SIGTERM. A run in progress may then go on for
// ten seconds.
//
//   - main.go is the program. It uses core.Manager, and imports all backends so
//     that the configuration can name any of them;
//   - workers.go has the workers;
//   - broker.go starts a broker in this process. It can be deleted from a copy.
package main
