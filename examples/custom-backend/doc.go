// Custom-backend has an engine of its own: a metronome, which starts runs on the
// beat and never between two beats.
//
//	go run ./examples/custom-backend
//	go run ./examples/custom-backend -check
//
// Read it in this order:
//
//   - metronome.go is the engine, about 60 lines of code. Its five methods declare
//     what the engine can do, and decide when a worker's tick is due; tickwork runs
//     the tick;
//   - register.go gives the engine a name, a configuration and a constructor;
//   - tickwork.yaml chooses the engine;
//   - main.go is the program, which does not know the engine;
//   - metronome_test.go tests the engine against the whole contract in one line.
//
// Write an engine if workers must run at other times or places. Write a core.Manager
// only to replace the rest as well: retries, panics, middleware and stop. See the
// package conformance.
package main
