package core

// alarmHeap is a 4-ary min-heap of alarms by time. Beside a binary heap it is
// half as deep, and a node's children share a cache line or two. Its entries
// hold all that is compared, and nothing points back at them: an entry whose
// job was set anew is left in place, stale, until it comes up.
type alarmHeap []entry

type entry struct {
	when int64 // slot plus jitter, in Unix nanoseconds
	job  *Job
	gen  uint32
}

// live tells whether the entry is still its job's.
func (e entry) live() bool { return e.job.alarm.gen == e.gen }

func (h *alarmHeap) push(e entry) {
	*h = append(*h, e)
	s, i := *h, len(*h)-1
	for i > 0 {
		parent := (i - 1) / 4
		if s[parent].when <= e.when {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

// pop removes the first entry; the heap must not be empty.
func (h *alarmHeap) pop() {
	s := *h
	last := len(s) - 1
	e := s[last]
	s[last] = entry{}
	s = s[:last]
	*h = s
	if last > 0 {
		s.down(0, e)
	}
}

// replace puts e in the place of the first entry; the heap must not be empty.
func (h alarmHeap) replace(e entry) { h.down(0, e) }

// down puts e where it belongs in the subtree of i, whose root is free.
func (h alarmHeap) down(i int, e entry) {
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].when < h[least].when {
				least = c
			}
		}
		if e.when <= h[least].when {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// compact drops the stale entries.
func (h *alarmHeap) compact() {
	live := (*h)[:0]
	for _, e := range *h {
		if e.live() {
			live = append(live, e)
		}
	}
	clear((*h)[len(live):])
	*h = live
	for i := (len(live) - 2) / 4; i >= 0 && len(live) > 1; i-- {
		live.down(i, live[i])
	}
}
