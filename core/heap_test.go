package core

import (
	"math/rand/v2"
	"slices"
	"testing"

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
