package ledger

import "maps"

// Snapshot returns the state of a worker as the broker has it.
func (m *Memory) Snapshot(namespace, worker string) State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.space(namespace).states[worker]
}

// Rewind has the broker hold a state of a worker that it had before, or none, as
// after a crash that has lost the last writes, or after an operator's doing.
func (m *Memory) Rewind(namespace string, s State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.space(namespace).states[s.Worker] = s
}

// Checkpoint returns a function that has the broker go back to its present records, with
// the revisions that they have, and its data begin when they did. Watchers are not told.
func (m *Memory) Checkpoint() (rewind func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := map[string]map[string]State{}
	for namespace, s := range m.spaces {
		before[namespace] = maps.Clone(s.states)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for namespace, states := range before {
			m.space(namespace).states = maps.Clone(states)
		}
	}
}

// EncodeLease returns the record as it is written.
func EncodeLease(l Lease) []byte { return l.encode() }

// Format is the format of the records.
const Format = format
