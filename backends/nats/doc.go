// Package nats runs workers on a cluster of instances that share NATS servers
// with JetStream.
package nats
