// Package native runs workers by this process's own timers: the default engine,
// with nothing to install and nothing to configure.
//
//	m, err := native.New(native.Config{}, core.Options{})
//
// It is a cluster of one. Each process that has the worker runs it, so with
// several instances of a service every slot runs once in each; where it is to
// run once in all, take a distributed engine. It has no memory: what was due
// while the process did not exist is not made up (PER-7), and a Pause ends with
// the process.
//
// All workers share one goroutine and one timer, and a run gets a goroutine
// while it lasts, so that a process may have a million workers.
package native
