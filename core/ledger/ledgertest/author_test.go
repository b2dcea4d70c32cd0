package ledgertest_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
)

// What the author of a store writes: the store, and two calls. The store is one on a
// database that can do little: it updates a row if a column is as expected.

// The first call tests the store.
func TestAuthorsStore(t *testing.T) {
	ledgertest.Run(t, ledgertest.Backend{Name: "rows", New: func(*testing.T) ledgertest.Broker {
		db := newDatabase()
		return ledgertest.Broker{
			Open:  func() ledger.Store { return &rowStore{db: db, schema: "test"} },
			Other: func() ledger.Store { return &rowStore{db: db, schema: "other"} },
			Lose:  db.wipe,
		}
	}})
}

// The second tests engines on the store, alone and in a cluster with all its faults.
func TestAuthorsEngine(t *testing.T) {
	backend := ledgertest.Conformance("rows", func() (ledgertest.WorldConfig, error) {
		db := newDatabase()
		return ledgertest.WorldConfig{
			Store: func(namespace string) ledger.Store { return &rowStore{db: db, schema: namespace} },
			Lose:  db.wipe,
		}, nil
	})
	for _, rule := range conformance.Rules() { // the rules of one instance do not depend on the store
		if rule.ID[:3] == "CLU" || rule.ID == "STA-6" || rule.ID == "PER-7" || rule.ID == "OBS-2" {
			backend.Only = append(backend.Only, rule.ID)
		}
	}
	conformance.Run(t, backend)
}

// rowStore is the store.
type rowStore struct {
	db     *database
	schema string
}

func (s *rowStore) Open(context.Context, core.Host) error { return nil }
func (s *rowStore) Close(context.Context) error           { return nil }

func (s *rowStore) key(table, name string) key { return key{s.schema, table, name} }

func (s *rowStore) state(worker string) ledger.State {
	lease, control := s.db.read(s.key("lease", worker)), s.db.read(s.key("control", worker))
	return ledger.State{
		Worker:  worker,
		Lease:   ledger.Entry{Value: lease.value, Rev: lease.version},
		Control: ledger.Entry{Value: control.value, Rev: control.version},
	}
}

func (s *rowStore) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	states := make([]ledger.State, len(workers))
	for i, worker := range workers {
		states[i] = s.state(worker)
	}
	return states, ctx.Err()
}

func (s *rowStore) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	expected := map[key]uint64{s.key("lease", w.Worker): w.Rev}
	if w.Guarded {
		expected[s.key("control", w.Worker)] = w.Control
	}
	version, err := s.write(ctx, s.key("lease", w.Worker), w, expected)
	state := s.state(w.Worker)
	if err == nil { // somebody may have written since
		state.Lease = ledger.Entry{Value: w.Value, Rev: version}
	}
	return state, err
}

func (s *rowStore) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	k := s.key("control", w.Worker)
	version, err := s.write(ctx, k, w, map[key]uint64{k: w.Rev})
	state := s.state(w.Worker)
	if err == nil {
		state.Control = ledger.Entry{Value: w.Value, Rev: version}
	}
	return state, err
}

func (s *rowStore) write(ctx context.Context, k key, w ledger.Write, expected map[key]uint64) (version uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	version, ok := s.db.write(k, w.Value, expected)
	if !ok {
		return 0, ledger.ErrConflict
	}
	return version, nil
}

func (s *rowStore) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Pulse{}, err
	}
	k := s.key("instance", instance)
	if roster == nil {
		roster = s.db.read(k).value
	}
	s.db.write(k, roster, nil)
	born := s.db.read(s.key("born", ""))
	if born.version == 0 { // the first, or the data were lost
		s.db.write(s.key("born", ""), nil, map[key]uint64{s.key("born", ""): 0})
		born = s.db.read(s.key("born", ""))
	}
	return ledger.Pulse{Now: time.Now(), Born: born.written}, nil
}

func (s *rowStore) Leave(ctx context.Context, instance string) error {
	s.db.remove(s.key("instance", instance))
	return ctx.Err()
}

func (s *rowStore) Instances(ctx context.Context) (members []ledger.Member, _ error) {
	for name, r := range s.db.list(s.schema, "instance") {
		members = append(members, ledger.Member{Instance: name, Roster: r.value, Seen: r.written})
	}
	return members, ctx.Err()
}

// database is the database.
type database struct {
	mu   sync.Mutex
	rows map[key]row
	last uint64
}

type key struct{ schema, table, name string }

type row struct {
	value   []byte
	version uint64
	written time.Time
}

func newDatabase() *database { return &database{rows: map[key]row{}} }

func (d *database) read(k key) row {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[k]
}

// write writes a row if the versions of some rows are as expected, and returns its version.
func (d *database) write(k key, value []byte, expected map[key]uint64) (version uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for other, version := range expected {
		if d.rows[other].version != version {
			return 0, false
		}
	}
	d.last++
	d.rows[k] = row{bytes.Clone(value), d.last, time.Now()}
	return d.last, true
}

func (d *database) remove(k key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.rows, k)
}

func (d *database) list(schema, table string) map[string]row {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[string]row{}
	for k, r := range d.rows {
		if k.schema == schema && k.table == table {
			found[k.name] = r
		}
	}
	return found
}

func (d *database) wipe() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.rows)
}
