package conformance

import (
	"slices"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A watcher is an observer that remembers.
type watcher struct {
	mu     sync.Mutex
	events []core.Event
}

// see is the observer.
func (w *watcher) see(e core.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// seen returns the events of a kind about a worker.
func (w *watcher) seen(kind core.EventKind, worker string) []core.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e core.Event) bool {
		return e.Kind != kind || e.Tick.Worker != worker
	})
}

// all returns the events about a worker, in order.
func (w *watcher) all(worker string) []core.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e core.Event) bool { return e.Tick.Worker != worker })
}

// count returns how many events of a kind there were about a worker; of skips
// it counts the slots.
func (w *watcher) count(kind core.EventKind, worker string) int {
	n := 0
	for _, e := range w.seen(kind, worker) {
		if kind == core.EventSkipped {
			n += e.Count
		} else {
			n++
		}
	}
	return n
}
