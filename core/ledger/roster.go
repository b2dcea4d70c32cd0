package ledger

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"
)

// A Roster is what the registry says of an instance.
type Roster struct {
	Started time.Time `json:"started"`
	Engine  string    `json:"engine"`
	// Process identifies the process: it differs after each start of the instance.
	Process string `json:"process,omitempty"`
	// Count is how many workers of the cluster's it has, or -1 while it is starting.
	Count int `json:"count"`
	// Workers are their names; none where there are more than MaxRoster.
	Workers []string `json:"workers,omitempty"`
	// Sums has a hash of four bytes of each name where there are more than that, and
	// nothing where there are more than MaxSums.
	Sums []byte `json:"sums,omitempty"`
	// Undecided has a bit for each name or hash, in their order and from the lowest bit
	// of the first byte on. It is set for a worker of which the instance
	// has not decided yet whether to trigger it as it starts.
	Undecided []byte `json:"undecided,omitempty"`
}

// MaxRoster bounds the names that an instance lists in the registry, and MaxSums the
// hashes that it lists in their place: a roster is to fit into a message of a
// megabyte.
const (
	MaxRoster = 5_000
	MaxSums   = 100_000
)

// Has tells whether the instance has a worker, as far as that is known: where it
// lists neither names nor hashes it is not.
func (r Roster) Has(worker string) (has, known bool) {
	i, known := r.index(worker)
	return i >= 0, known
}

// isUndecided returns whether the instance has a worker of which it has not decided yet
// whether to trigger it as it starts.
func (r Roster) isUndecided(worker string) bool {
	i, _ := r.index(worker)
	return i >= 0 && i/8 < len(r.Undecided) && r.Undecided[i/8]>>(i%8)&1 == 1
}

// index returns which of the names or hashes is a worker's, or -1.
func (r Roster) index(worker string) (i int, known bool) {
	switch r.Count {
	case len(r.Workers):
		return slices.Index(r.Workers, worker), true
	case len(r.Sums) / sumSize:
		sum := sumOf(worker)
		for i := range r.Count {
			if bytes.Equal(r.Sums[i*sumSize:(i+1)*sumSize], sum) { // it, or one in some ten thousand that it has not
				return i, true
			}
		}
		return -1, true
	}
	return -1, false
}

const sumSize = 4

func sumOf(worker string) []byte {
	h := fnv.New32a()
	h.Write([]byte(worker))
	return binary.BigEndian.AppendUint32(nil, h.Sum32())
}

// roster returns the list of workers if it is to be sent, or nil.
func (e *engine) roster() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.changed && !e.pulse.unborn() {
		return nil
	}
	e.changed = false
	r := Roster{Count: -1} // not known yet
	if e.ready {
		var names []string
		for name, c := range e.candidates {
			if !c.local {
				names = append(names, name)
			}
		}
		r = RosterOf(names)
		r.Undecided = e.undecided(names)
	}
	r.Started, r.Engine, r.Process = e.host.Now().UTC(), e.cfg.Name, e.processID
	return encode(r)
}

// RosterOf lists workers.
func RosterOf(names []string) Roster {
	r := Roster{Count: len(names)}
	switch {
	case len(names) <= MaxRoster:
		r.Workers = names
	case len(names) <= MaxSums:
		for _, name := range names {
			r.Sums = append(r.Sums, sumOf(name)...)
		}
	}
	return r
}

func (e *engine) rosterUnsent(roster []byte) {
	if roster == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed = true
}
