package natstest

import "runtime"

// Forget makes ready for a testing/synctest bubble: it is called in it, before
// anything connects. The client keeps timers in a pool, and one of an earlier
// bubble must not be used in this one; the pool is empty after two collections.
func Forget() {
	runtime.GC()
	runtime.GC()
}
