//go:build race

package asynq_test

import "runtime"

// Two goroutines of a bubble that find a timer due at the same instant run it with
// one context of the race detector, and Go 1.26 crashes: (*timer).unlockAndRun.
func init() { runtime.GOMAXPROCS(1) }
