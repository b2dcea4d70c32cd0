package conformance

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A diary is what happened in a case, in order: the hooks of its workers, and
// what else the case writes into it.
type diary struct {
	t       *trial
	mu      sync.Mutex
	entries []string
}

func (t *trial) diary() *diary { return &diary{t: t} }

func (d *diary) write(entry string) {
	d.t.note("%s", entry)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

// read returns the entries so far; never nil, so that it compares well.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.entries...)
}

// stops returns the OnStop hooks so far.
func (d *diary) stops() []string {
	return slices.DeleteFunc(d.read(), func(entry string) bool { return !strings.HasPrefix(entry, "stop ") })
}

// has tells whether an entry has been written.
func (d *diary) has(entry string) bool { return slices.Contains(d.read(), entry) }

// hooked returns the worker with hooks that write "start w" and "stop w".
func (d *diary) hooked(w core.Worker) core.Worker {
	name := w.Name
	w.OnStart = func(context.Context) error {
		d.write("start " + name)
		return nil
	}
	w.OnStop = func(context.Context) error {
		d.write("stop " + name)
		return nil
	}
	return w
}
