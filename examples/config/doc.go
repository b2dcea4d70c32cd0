// Config is an application whose configuration chooses the backend, and changes
// its workers, without a change of the program:
//
//	go run ./examples/config
//	go run ./examples/config -check
//	go run ./examples/config -config FILE
//	go run ./examples/config -backend nats
//	TICKWORK_BACKEND=gocron go run ./examples/config
//
// Without -config it takes sample.yaml, which is beside it; a copy of that is a
// good FILE to begin with. The backend is a line of the file, a variable of the
// environment, or a flag; where it wants a broker, and no URL says where that is,
// the program starts one in itself. With -check it only says whether the
// configuration opens, and when each worker would run, in UTC and in its own time
// zone; and whether the broker that it reached was one in itself.
//
//   - main.go is the program: it knows core.Manager, and no backend but by the
//     import that registers them all;
//   - workers.go has the workers.
package main
