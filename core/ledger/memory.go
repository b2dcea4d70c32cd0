package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Memory is a broker in this process's memory, for tests: of the rules without a
// server, and of what an application does with several instances. The instances
// whose stores are of one Memory form a cluster. NewMemory makes one.
type Memory struct {
	mu     sync.Mutex
	spaces map[string]*space
	down   bool
	last   uint64 // the latest revision; it goes on when data are lost
}

// space is what a Memory keeps of a namespace.
type space struct {
	born     time.Time
	before   time.Time // born, of what was lost last
	states   map[string]State
	members  map[string]Member
	watchers map[*MemoryStore]chan string // the names of workers whose state has changed
}

// NewMemory returns an empty broker.
func NewMemory() *Memory { return &Memory{spaces: make(map[string]*space)} }

// Store returns a store for one instance, which watches. Polled has it read.
func (m *Memory) Store(namespace string) *MemoryStore {
	return &MemoryStore{broker: m, namespace: namespace}
}

// Down makes the broker unreachable, or reachable again.
func (m *Memory) Down(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Lose has the broker lose all its data.
func (m *Memory) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.spaces {
		if !s.born.IsZero() {
			s.before, s.born = s.born, time.Time{}
		}
		clear(s.states)
		clear(s.members)
	}
}

// space returns a namespace's data. m.mu is held.
func (m *Memory) space(namespace string) *space {
	s := m.spaces[namespace]
	if s == nil {
		s = &space{states: map[string]State{}, members: map[string]Member{}, watchers: map[*MemoryStore]chan string{}}
		s.born = time.Now().Add(-age)
		m.spaces[namespace] = s
	}
	if s.born.IsZero() {
		if s.born = time.Now(); !s.born.After(s.before) { // lost twice in an instant of virtual time
			s.born = s.before.Add(1)
		}
	}
	return s
}

// age is how old the data of a new Memory are, so that nothing waits for them to
// become known: they were not lost.
const age = 24 * time.Hour

// MemoryStore is one instance's connection to a Memory. It is a Watcher.
type MemoryStore struct {
	broker    *Memory
	namespace string
	cut       bool // guarded by broker.mu
}

var _ Watcher = (*MemoryStore)(nil)

// Polled returns the store without its Watch, as of a broker that cannot tell of
// changes.
func (s *MemoryStore) Polled() Store { return polled{s} }

type polled struct{ Store }

// Cut cuts this instance off from the broker, or heals that.
func (s *MemoryStore) Cut(cut bool) {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	s.cut = cut
}

var errUnreachable = errors.New("the broker in memory is not reachable")

// reach locks the broker, or waits for its context's end where it cannot be
// reached: an instance that is cut off gets no answer.
func (s *MemoryStore) reach(ctx context.Context) (sp *space, unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, context.Cause(ctx)
	}
	s.broker.mu.Lock()
	if s.cut || s.broker.down {
		s.broker.mu.Unlock()
		<-ctx.Done()
		return nil, nil, errors.Join(errUnreachable, context.Cause(ctx))
	}
	return s.broker.space(s.namespace), s.broker.mu.Unlock, nil
}

// Open implements Store.
func (s *MemoryStore) Open(ctx context.Context, _ core.Host) error {
	for {
		try, cancel := context.WithTimeout(ctx, openEvery)
		_, unlock, err := s.reach(try)
		cancel()
		switch {
		case err == nil:
			unlock()
			return nil
		case ctx.Err() != nil:
			return err
		}
	}
}

// openEvery is how long one attempt to reach the broker may take.
const openEvery = 100 * time.Millisecond

// Load implements Store.
func (s *MemoryStore) Load(ctx context.Context, workers []string) ([]State, error) {
	sp, unlock, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	states := make([]State, len(workers))
	for i, name := range workers {
		states[i] = sp.states[name]
		states[i].Worker = name
	}
	return states, nil
}

// WriteLease implements Store.
func (s *MemoryStore) WriteLease(ctx context.Context, w Write) (State, error) {
	return s.write(ctx, w, func(st *State) *Entry {
		if w.Guarded && st.Control.Rev != w.Control {
			return nil
		}
		return &st.Lease
	})
}

// WriteControl implements Store.
func (s *MemoryStore) WriteControl(ctx context.Context, w Write) (State, error) {
	return s.write(ctx, w, func(st *State) *Entry { return &st.Control })
}

func (s *MemoryStore) write(ctx context.Context, w Write, entry func(*State) *Entry) (State, error) {
	sp, unlock, err := s.reach(ctx)
	if err != nil {
		return State{}, err
	}
	defer unlock()
	state := sp.states[w.Worker]
	state.Worker = w.Worker
	e := entry(&state)
	if e == nil || e.Rev != w.Rev {
		return state, ErrConflict
	}
	s.broker.last++
	*e = Entry{Value: slices.Clone(w.Value), Rev: s.broker.last}
	sp.states[w.Worker] = state
	for _, changed := range sp.watchers {
		changed <- w.Worker
	}
	return state, nil
}

// Beat implements Store.
func (s *MemoryStore) Beat(ctx context.Context, instance string, roster []byte) (Pulse, error) {
	sp, unlock, err := s.reach(ctx)
	if err != nil {
		return Pulse{}, err
	}
	defer unlock()
	m := sp.members[instance]
	m.Instance, m.Seen = instance, time.Now()
	if roster != nil {
		m.Roster = slices.Clone(roster)
	}
	sp.members[instance] = m
	return Pulse{Now: m.Seen, Born: sp.born}, nil
}

// Leave implements Store.
func (s *MemoryStore) Leave(ctx context.Context, instance string) error {
	sp, unlock, err := s.reach(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	delete(sp.members, instance)
	return nil
}

// Instances implements Store.
func (s *MemoryStore) Instances(ctx context.Context) ([]Member, error) {
	sp, unlock, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Collect(maps.Values(sp.members)), nil
}

// Close implements Store.
func (s *MemoryStore) Close(context.Context) error { return nil }

// Watch implements Watcher.
func (s *MemoryStore) Watch(ctx context.Context, changed func(State), ready func()) error {
	// The broker must not wait for an instance that is slow to listen.
	in, out := make(chan string), make(chan string)
	s.broker.mu.Lock()
	sp := s.broker.space(s.namespace)
	sp.watchers[s] = in
	first := slices.Collect(maps.Values(sp.states))
	s.broker.mu.Unlock()
	go forward(ctx, in, out)
	defer func() {
		s.broker.mu.Lock()
		delete(sp.watchers, s)
		s.broker.mu.Unlock()
		close(in)
	}()
	for _, state := range first {
		changed(state)
	}
	ready()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case name := <-out:
			op, cancel := context.WithTimeout(ctx, time.Second)
			states, err := s.Load(op, []string{name})
			cancel()
			for err != nil && ctx.Err() == nil { // told when the connection is back
				op, cancel := context.WithTimeout(ctx, time.Second)
				states, err = s.Load(op, []string{name})
				cancel()
			}
			if err == nil {
				changed(states[0])
			}
		}
	}
}

// forward passes names on, and keeps those that are not taken yet, until in is
// closed.
func forward(ctx context.Context, in <-chan string, out chan<- string) {
	var waiting []string
	among := make(map[string]bool)
	for {
		var to chan<- string
		var next string
		if len(waiting) > 0 && ctx.Err() == nil {
			to, next = out, waiting[0]
		}
		select {
		case name, ok := <-in:
			if !ok {
				return
			}
			if !among[name] { // who is slow is told the last state
				among[name] = true
				waiting = append(waiting, name)
			}
		case to <- next:
			delete(among, next)
			waiting = waiting[1:]
		}
	}
}
