// Package natstest starts nats-servers with JetStream inside of the process, for
// tests, examples and benchmarks: in memory for a testing/synctest bubble, on a
// TCP port of the loopback, or three of them as a cluster. Whoever starts one
// stops it.
package natstest
