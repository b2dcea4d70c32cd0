package faults

import (
	"context"
	"sync"
)

// A state is a fault that lasts for a while.
type state struct {
	mu    sync.Mutex
	ended chan struct{} // closed when it ends; nil if it does not last
}

func (s *state) set(lasts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case lasts && s.ended == nil:
		s.ended = make(chan struct{})
	case !lasts && s.ended != nil:
		close(s.ended)
		s.ended = nil
	}
}

// end returns what is closed when the fault ends, or nil if there is none.
func (s *state) end() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *state) lasts() bool { return s.end() != nil }

// wait waits until the fault is over. It returns an error if the context ends first.
func (s *state) wait(ctx context.Context) error {
	for end := s.end(); end != nil; end = s.end() {
		select {
		case <-end:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
