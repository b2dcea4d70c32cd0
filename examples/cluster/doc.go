// Cluster starts several processes of itself against one broker, shows which
// of them runs which tick, and lets you kill one and watch another take over.
//
//	go run ./examples/cluster -backend asynq -n 3
//
// Type the number of an instance and Enter to kill it with SIGKILL; once more to
// start it again. Without -url the broker runs in the parent: a miniredis for
// asynq, a nats-server for nats, both on a free port of the loopback interface.
// It ends after -for, or on Ctrl-C, with a verdict over everything that ran: no
// slot completed twice, none begun twice but as a redelivery, no overlap, fencing
// tokens rising. With -check it says whether an instance could be started, and
// when its workers would run, and starts none.
package main
