// Custom-backend has an engine of its own: a metronome, which begins runs on
// the beat and never between.
//
//	go run ./examples/custom-backend
//	go run ./examples/custom-backend -check
//
// It is meant to be read, in this order:
//
//   - metronome.go is the engine, some 60 lines of code: five methods, by which
//     it says what it can, and when a worker's tick is due. How a tick is run is
//     tickwork's;
//   - register.go gives it a name, a configuration, and a constructor;
//   - tickwork.yaml chooses it;
//   - main.go is the program, which knows nothing of it;
//   - metronome_test.go holds it to the whole contract, in one line.
package main
