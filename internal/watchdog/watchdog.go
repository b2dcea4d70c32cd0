// Package watchdog ends what hangs in a test suite whose cases run in testing/synctest
// bubbles, and shows the goroutines that hang.
package watchdog

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Bubble calls f in a testing/synctest bubble, and returns when the bubble has ended or
// cannot: with an empty text, or one that says why and shows the goroutines, without
// those that are only in the package suite.
//
// There are three ways to hang that a timer in the bubble does not see. Goroutines that
// are left behind when f has returned, or all wait for each other, end the bubble. If one
// waits for a mutex, no time passes in the bubble: it is given up when nothing in it has
// moved for a few seconds. One that computes for ever, or sleeps for ever in steps that
// are too short, is given up after some time. A bubble that is given up goes on to exist,
// and its goroutines with it.
func Bubble(t *testing.T, suite string, f func(*testing.T)) (wrong string) {
	var id atomic.Value           // the bubble's
	done := make(chan *string, 1) // receives what is wrong, or nil if t in f has called FailNow
	go func() {
		var result *string
		defer func() {
			if p := recover(); p != nil {
				result = new(ended(fmt.Sprint(p)) + show(all().in(&id), suite))
			}
			done <- result
		}()
		synctest.Test(t, func(t *testing.T) {
			id.Store(own().bubble)
			f(t)
		})
		result = new("")
	}()
	result, why := wait(t, done, &id)
	switch {
	case why != "":
		return why + show(all().in(&id), suite)
	case result == nil:
		t.FailNow()
	}
	return *result
}

// ended says what the runtime's panic means.
func ended(p string) string {
	if strings.Contains(p, "main bubble goroutine has exited") {
		return "after the case goroutines were left behind:"
	}
	return "the case cannot go on (" + p + "):"
}

const (
	look = time.Second // how often a bubble is looked at
	// A bubble stands still if in so many looks nothing has moved.
	still = 4
	// A bubble is given up after a tenth of the time that the test binary has left, so
	// that other cases have theirs, within these bounds.
	shortest, longest = 20 * time.Second, 5 * time.Minute
)

// wait returns what done receives, or the reason not to wait any longer.
func wait(t *testing.T, done <-chan *string, id *atomic.Value) (result *string, why string) {
	limit := longest
	if end, ok := t.Deadline(); ok {
		limit = min(max(time.Until(end)/10, shortest), longest)
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var before string
	same := 0
	for began := time.Now(); ; {
		select {
		case result := <-done:
			return result, ""
		case <-ticker.C:
		}
		if time.Since(began) > limit {
			return nil, fmt.Sprintf("the case was given up: it took more than %s of real time:", limit.Round(time.Second))
		}
		now, blocked := all().in(id).blocked()
		if same++; !blocked || now != before {
			same, before = 0, now
		}
		if same >= still {
			return nil, "the case was given up: it stands still, and no time passes, because of what waits for a lock or a system call:"
		}
	}
}
