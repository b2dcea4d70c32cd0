package cron

import "math/bits"

// A set is a set of the numbers from 0 to 63.
type set uint64

func (s set) has(i int) bool { return s>>uint(i)&1 != 0 }

// next returns the least member that is i or more, or -1.
func (s set) next(i int) int {
	s = s >> uint(i) << uint(i)
	if s == 0 {
		return -1
	}
	return bits.TrailingZeros64(uint64(s))
}

// prev returns the greatest member that is i or less, or -1. It may be asked
// for an i of -1.
func (s set) prev(i int) int {
	return bits.Len64(uint64(s&(1<<uint(i+1)-1))) - 1
}

// rangeSet returns lo, lo+step, and so on up to hi.
func rangeSet(lo, hi, step int) set {
	var s set
	for i := lo; i <= hi; i += step {
		s |= 1 << uint(i)
	}
	return s
}
