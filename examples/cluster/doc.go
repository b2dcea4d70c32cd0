// Cluster starts several processes of itself on one broker, shows which of them
// runs which tick, and lets you kill one and watch another take over.
//
//	go run ./examples/cluster -backend asynq -n 3
//
// Type the number of an instance and Enter to kill it with SIGKILL, and again to
// start it again. Without -url the broker runs in the parent: a miniredis for
// asynq, a nats-server for nats, both on a free port of the loopback interface.
// The program ends after -for, on Ctrl-C or on SIGTERM, with a verdict on
// everything that ran: no slot completed twice, none begun twice except as a
// redelivery, no overlap, rising fencing tokens. With -check it prints whether an
// instance would start, and when its workers would run, and starts none.
//
// What an application needs is in node.go. broker.go can be deleted from a copy;
// the other files are the parent, which starts, kills and judges the instances.
package main
