package core

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHeap compares the heap with a sorted list, over random pushes, pops,
// replacements, stale entries and compactions.
func TestHeap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var h alarmHeap
		var want []int64
		for range 500 {
			switch r.IntN(9) {
			case 0:
				if len(h) > 0 {
					require.Equal(t, want[0], h[0].when)
					h.pop()
					want = want[1:]
				}
			case 1:
				if r.IntN(10) == 0 {
					stale := map[int64]bool{}
					for i := range h {
						if r.IntN(3) == 0 && !stale[h[i].when] && count64(want, h[i].when) == 1 {
							stale[h[i].when] = true
							h[i].job.alarm.gen++
						}
					}
					want = slices.DeleteFunc(want, func(w int64) bool { return stale[w] })
					h.compact()
				}
			case 2:
				if len(h) > 0 {
					require.Equal(t, want[0], h[0].when)
					when := want[0] + r.Int64N(100)
					h.replace(entry{when: when, job: &Job{}})
					want = want[1:]
					at, _ := slices.BinarySearch(want, when)
					want = slices.Insert(want, at, when)
				}
			default:
				when := r.Int64N(100)
				h.push(entry{when: when, job: &Job{}})
				at, _ := slices.BinarySearch(want, when)
				want = slices.Insert(want, at, when)
			}
			require.Len(t, h, len(want))
		}
		for len(h) > 0 {
			require.Equal(t, want[0], h[0].when)
			h.pop()
			want = want[1:]
		}
	}
}

func count64(list []int64, x int64) (n int) {
	for _, v := range list {
		if v == x {
			n++
		}
	}
	return n
}

// A clock that has more stale alarms than it keeps, and no live one, drops them all, and
// goes on with what is set next.
func TestStaleAlarmsWithoutALiveOneAreDropped(t *testing.T) {
	for _, n := range []int{1024, 1025, 1026, 2000, 5000} {
		inBubble(t, func(t *testing.T, c *clockTest) {
			jobs := make([]*Job, n)
			for i := range jobs {
				jobs[i] = c.job(fmt.Sprint("w", i), Every(time.Hour))
				c.clock.Set(jobs[i])
			}
			for _, j := range jobs {
				c.clock.Unset(j)
			}
			c.clock.mu.Lock()
			left := len(c.clock.heap)
			require.Equal(t, left, c.clock.stale, "stale entries, of those left")
			c.clock.mu.Unlock()
			require.LessOrEqual(t, left, 1024, "entries left of %d jobs that were unset", n)
			c.clock.Set(c.job("next", Every(time.Minute)))
			require.Equal(t, []string{"next 00:01:00 0", "next 00:02:00 0"}, c.after(2*time.Minute), "the calls")
			c.after(time.Hour)
			c.clock.mu.Lock()
			defer c.clock.mu.Unlock()
			require.Zero(t, c.clock.stale, "stale entries, when their time has come")
			require.Len(t, c.clock.heap, 1, "entries, when the time of those left has come")
		})
	}
}
