package natstest

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Bubble is synctest.Test for what connects to a server. The client keeps timers in a
// pool that the process has one of, and one that was made in a bubble may be used
// nowhere else: before it and after it the pool is emptied.
func Bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	Forget()
	defer Forget()
	synctest.Test(t, f)
}

// Forget empties the pool of the client's timers, where somebody else opens the
// bubble: in it, before anything connects; and when the last has ended, before anything
// connects in real time. Two collections do it.
func Forget() {
	runtime.GC()
	runtime.GC()
}
