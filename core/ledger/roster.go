package ledger

import (
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
	// Undecided lists the workers with RunOnStart about which the instance has not
	// decided yet.
	Undecided []string `json:"undecided,omitempty"`
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
	switch r.Count {
	case len(r.Workers):
		return slices.Contains(r.Workers, worker), true
	case len(r.Sums) / sumSize:
		sum := sumOf(worker)
		for one := range slices.Chunk(r.Sums, sumSize) {
			if slices.Equal(one, sum) { // it, or one in some ten thousand that it has not
				return true, true
			}
		}
		return false, true
	}
	return false, false
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
	}
	r.Started, r.Engine = e.host.Now().UTC(), e.cfg.Name
	r.Process, r.Undecided = e.processID, e.undecided()
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
