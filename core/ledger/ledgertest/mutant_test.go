package ledgertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A mutant is a store that is broken in one way. The suite is judged by whether
// it notices.
type mutant struct {
	name  string
	fails []string // the cases that must, among others
	new   func(*testing.T) Broker
}

// TestMutants lets the suite find out about each mutant.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			mustFail(t, suite, m.fails, func(c kase) ([]string, string) { return judge(t, Backend{Name: m.name, New: m.new}, c) })
		})
	}
}

// TestEveryCaseHasAMutant keeps the suite honest: a case that nothing is seen to
// fail is a case that tests nothing.
func TestEveryCaseHasAMutant(t *testing.T) {
	fails := map[string][]string{}
	for _, m := range mutants {
		require.NotContains(t, fails, m.name, "two mutants of one name")
		fails[m.name] = m.fails
	}
	eachHasAMutant(t, suite, fails)
}

// mustFail wants a mutant to fail cases.
func mustFail(t *testing.T, cases []kase, fails []string, judge func(kase) (failures []string, skipped string)) {
	t.Helper()
	for _, c := range cases {
		if !slices.Contains(fails, c.String()) {
			continue
		}
		failures, skipped := judge(c)
		require.NotEmpty(t, failures, "%s found nothing wrong; skipped: %s", c, skipped)
		if testing.Verbose() {
			t.Logf("%s: %s", c, failures[0])
		}
	}
}

// eachHasAMutant wants each case to be failed by a mutant. Fails has the cases that a
// mutant fails, by the mutant's name.
func eachHasAMutant(t *testing.T, cases []kase, fails map[string][]string) {
	t.Helper()
	known, failed := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		require.False(t, known[c.String()], "two cases named %s", c)
		known[c.String()] = true
	}
	for mutant, names := range fails {
		require.NotEmpty(t, names, mutant)
		for _, name := range names {
			require.True(t, known[name], "%s: no case is named %s", mutant, name)
			failed[name] = true
		}
	}
	for name := range known {
		require.True(t, failed[name], "no mutant fails %s", name)
	}
}

// A broken store is a right one with some methods replaced.
type broken struct {
	ledger.Watcher
	open    func(context.Context) error
	load    func(context.Context, []string) ([]ledger.State, error)
	lease   func(context.Context, ledger.Write) (ledger.State, error)
	control func(context.Context, ledger.Write) (ledger.State, error)
	beat    func(context.Context, string, []byte) (ledger.Pulse, error)
	leave   func(context.Context, string) error
	list    func(context.Context) ([]ledger.Member, error)
	watch   func(context.Context, func(ledger.State), func()) error
	close   func(context.Context) error
}

func (b *broken) Open(ctx context.Context, h core.Host) error {
	if b.open != nil {
		return b.open(ctx)
	}
	return b.Watcher.Open(ctx, h)
}

func (b *broken) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	if b.load != nil {
		return b.load(ctx, workers)
	}
	return b.Watcher.Load(ctx, workers)
}

func (b *broken) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if b.lease != nil {
		return b.lease(ctx, w)
	}
	return b.Watcher.WriteLease(ctx, w)
}

func (b *broken) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	if b.control != nil {
		return b.control(ctx, w)
	}
	return b.Watcher.WriteControl(ctx, w)
}

func (b *broken) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	if b.beat != nil {
		return b.beat(ctx, instance, roster)
	}
	return b.Watcher.Beat(ctx, instance, roster)
}

func (b *broken) Leave(ctx context.Context, instance string) error {
	if b.leave != nil {
		return b.leave(ctx, instance)
	}
	return b.Watcher.Leave(ctx, instance)
}

func (b *broken) Instances(ctx context.Context) ([]ledger.Member, error) {
	if b.list != nil {
		return b.list(ctx)
	}
	return b.Watcher.Instances(ctx)
}

func (b *broken) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	if b.watch != nil {
		return b.watch(ctx, changed, ready)
	}
	return b.Watcher.Watch(ctx, changed, ready)
}

func (b *broken) Close(ctx context.Context) error {
	if b.close != nil {
		return b.close(ctx)
	}
	return b.Watcher.Close(ctx)
}

// breaking makes brokers whose stores are broken each by a call of f.
func breaking(f func(b *broken)) func(*testing.T) Broker {
	return func(*testing.T) Broker { return brokerOf(ledger.NewMemory(), f) }
}

func brokerOf(m *ledger.Memory, f func(b *broken)) Broker {
	open := func(namespace string) func() ledger.Store {
		return func() ledger.Store {
			b := &broken{Watcher: m.Store(namespace)}
			f(b)
			return b
		}
	}
	return Broker{Open: open("test"), Other: open("test2"), Lose: m.Lose, Down: m.Down}
}

// renaming has every method use another name for a worker.
func renaming(rename func(string) string) func(*testing.T) Broker {
	return breaking(func(b *broken) {
		s := b.Watcher
		back := func(st ledger.State, err error, name string) (ledger.State, error) {
			st.Worker = name
			return st, err
		}
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			var renamed []string
			for _, name := range names {
				renamed = append(renamed, rename(name))
			}
			states, err := s.Load(ctx, renamed)
			for i := range states {
				states[i].Worker = names[i]
			}
			return states, err
		}
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			name := w.Worker
			w.Worker = rename(name)
			st, err := s.WriteLease(ctx, w)
			return back(st, err, name)
		}
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			name := w.Worker
			w.Worker = rename(name)
			st, err := s.WriteControl(ctx, w)
			return back(st, err, name)
		}
	})
}

// present loads one state.
func present(ctx context.Context, s ledger.Store, worker string) ledger.State {
	states, err := s.Load(ctx, []string{worker})
	if err != nil {
		return ledger.State{Worker: worker}
	}
	return states[0]
}

// shared is what the stores of a mutant have in common.
type shared struct {
	mu   sync.Mutex
	n    int
	base uint64
	born time.Time
	seen map[string]ledger.State
}

var mutants = slices.Concat(writeMutants, loadMutants, registryMutants, watchMutants, contextMutants, engineMutants)

// swallowing has the writes of a running lease's record that are chosen say that
// they have happened, when they have not.
func swallowing(chosen func(w ledger.Write) bool) func(*testing.T) Broker {
	return breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			if now := present(ctx, s, w.Worker); isRunning(now.Lease.Value) && chosen(w) {
				now.Lease.Value = w.Value
				return now, nil
			}
			return s.WriteLease(ctx, w)
		}
	})
}

func isRunning(record []byte) bool { return bytes.Contains(record, []byte(`"running":true`)) }

var engineMutants = []mutant{
	{"swallows renewals", []string{"engine/a-lease-holds-while-it-is-renewed-and-is-taken-over-when-it-expires"}, swallowing(func(w ledger.Write) bool { return isRunning(w.Value) })},
	{"swallows ends", []string{"engine/an-outcome-is-replayed"}, swallowing(func(w ledger.Write) bool { return !isRunning(w.Value) })},
	{"loses triggers", []string{"engine/a-trigger-outlives-the-instance-that-took-it"}, breaking(func(b *broken) {
		s := b.Watcher
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			now := present(ctx, s, w.Worker)
			if !isRunning(now.Lease.Value) || !bytes.Contains(w.Value, []byte(`"trigger":`)) {
				return s.WriteControl(ctx, w)
			}
			now.Control = ledger.Entry{Value: w.Value, Rev: now.Control.Rev + 1}
			return now, nil
		}
	})},
}

var writeMutants = []mutant{
	{"forgets the guard", []string{"guard/a-guarded-write-loses-to-a-control-write"}, func(*testing.T) Broker {
		m := ledger.NewMemory()
		return Broker{Open: func() ledger.Store { return forgetful{m.Store("test").Polled()} }}
	}},
	{"guards always", []string{"guard/what-is-not-guarded-is-not-compared"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			w.Guarded = true
			return s.WriteLease(ctx, w)
		}
	})},
	{"guards a control write", []string{"guard/what-is-not-guarded-is-not-compared"}, breaking(func(b *broken) {
		s := b.Watcher
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			if now := present(ctx, s, w.Worker); w.Guarded && now.Control.Rev != w.Control {
				return now, ledger.ErrConflict
			}
			return s.WriteControl(ctx, w)
		}
	})},
	{"compares the guard alone", []string{"guard/the-lease-is-compared-first-and-always"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			if w.Guarded {
				w.Rev = present(ctx, s, w.Worker).Lease.Rev
			}
			return s.WriteLease(ctx, w)
		}
	})},
	{"guards with zero as a revision that is never there", []string{"guard/a-guarded-write-goes-through"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			if w.Guarded && w.Control == 0 {
				return present(ctx, s, w.Worker), ledger.ErrConflict
			}
			return s.WriteLease(ctx, w)
		}
	})},
	{"tells nothing with a conflict", []string{"write/a-conflict-tells-the-present"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteLease(ctx, w)
			if errors.Is(err, ledger.ErrConflict) {
				st = ledger.State{Worker: w.Worker}
			}
			return st, err
		}
	})},
	{"tells the old state with a conflict", []string{"write/a-conflict-tells-the-present", "write/compare-and-set"}, breaking(func(b *broken) {
		s, old := b.Watcher, shared{seen: map[string]ledger.State{}}
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			old.mu.Lock()
			defer old.mu.Unlock()
			before, known := old.seen[w.Worker]
			st, err := s.WriteLease(ctx, w)
			old.seen[w.Worker] = st
			if known && errors.Is(err, ledger.ErrConflict) {
				return before, err
			}
			return st, err
		}
	})},
	{"tells one record with a conflict", []string{"write/a-conflict-tells-the-present", "guard/a-guarded-write-loses-to-a-control-write"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteLease(ctx, w)
			st.Control = ledger.Entry{}
			return st, err
		}
	})},
	{"tells an old control record with a write", []string{"write/the-records-of-a-worker-are-apart"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteLease(ctx, w)
			if err == nil && st.Control.Rev != 0 {
				st.Control.Value = value("old")
			}
			return st, err
		}
	})},
	{"overwrites", []string{
		"write/compare-and-set", "write/revision-zero-is-a-record-that-is-not-there",
		"engine/each-slot-runs-once", "engine/what-a-zombie-writes-late-does-not-count",
	}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			w.Rev = present(ctx, s, w.Worker).Lease.Rev
			return s.WriteLease(ctx, w)
		}
	})},
	{"overwrites a control record", []string{"write/compare-and-set-of-the-control-record"}, breaking(func(b *broken) {
		s := b.Watcher
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			w.Rev = present(ctx, s, w.Worker).Control.Rev
			return s.WriteControl(ctx, w)
		}
	})},
	{"makes a record at any revision", []string{"write/a-revision-without-a-record", "loss/a-loss-shows"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			if present(ctx, s, w.Worker).Lease.Rev == 0 {
				w.Rev = 0
			}
			return s.WriteLease(ctx, w)
		}
	})},
	{"has one revision for both records", []string{"write/the-records-of-a-worker-are-apart"}, breaking(func(b *broken) {
		s := b.Watcher
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteControl(ctx, w)
			if err == nil && st.Lease.Rev != 0 {
				return s.WriteLease(ctx, ledger.Write{Worker: w.Worker, Value: st.Lease.Value, Rev: st.Lease.Rev})
			}
			return st, err
		}
	})},
	{"has revisions that fall", []string{"write/revisions-rise", "contention/no-update-is-lost"}, breaking(func(b *broken) {
		s := b.Watcher
		turn := func(rev uint64) uint64 {
			if rev == 0 {
				return 0
			}
			return math.MaxUint64 - rev
		}
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			w.Rev = turn(w.Rev)
			st, err := s.WriteLease(ctx, w)
			st.Lease.Rev = turn(st.Lease.Rev)
			return st, err
		}
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			states, err := s.Load(ctx, names)
			for i := range states {
				states[i].Lease.Rev = turn(states[i].Lease.Rev)
			}
			return states, err
		}
	})},
	{"compares, and then sets", []string{"contention/no-update-is-lost", "contention/one-claim-wins"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			now := present(ctx, s, w.Worker)
			if now.Lease.Rev != w.Rev {
				return now, ledger.ErrConflict
			}
			time.Sleep(time.Millisecond)
			w.Rev = present(ctx, s, w.Worker).Lease.Rev
			return s.WriteLease(ctx, w)
		}
	})},
	{"compares, and then sets a control record", []string{"contention/no-update-of-the-control-record-is-lost"}, breaking(func(b *broken) {
		s := b.Watcher
		b.control = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			now := present(ctx, s, w.Worker)
			if now.Control.Rev != w.Rev {
				return now, ledger.ErrConflict
			}
			time.Sleep(time.Millisecond)
			w.Rev = present(ctx, s, w.Worker).Control.Rev
			return s.WriteControl(ctx, w)
		}
	})},
	{"has one revision for all workers", []string{"contention/workers-do-not-contend"}, func(*testing.T) Broker {
		var one shared
		return brokerOf(ledger.NewMemory(), func(b *broken) {
			s := b.Watcher
			b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
				one.mu.Lock()
				seen := one.base
				one.mu.Unlock()
				time.Sleep(time.Millisecond)
				one.mu.Lock()
				defer one.mu.Unlock()
				if one.base != seen {
					return present(ctx, s, w.Worker), ledger.ErrConflict
				}
				st, err := s.WriteLease(ctx, w)
				one.base = max(one.base, st.Lease.Rev)
				return st, err
			}
		})
	}},
	{"keeps the slice that it was given", []string{"write/the-value-is-the-callers-again"}, func(*testing.T) Broker {
		kept := shared{seen: map[string]ledger.State{}}
		return brokerOf(ledger.NewMemory(), func(b *broken) {
			s := b.Watcher
			b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
				st, err := s.WriteLease(ctx, w)
				kept.mu.Lock()
				defer kept.mu.Unlock()
				kept.seen[w.Worker] = ledger.State{Lease: ledger.Entry{Value: w.Value}}
				return st, err
			}
			b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
				states, err := s.Load(ctx, names)
				kept.mu.Lock()
				defer kept.mu.Unlock()
				for i, name := range names {
					states[i].Lease.Value = kept.seen[name].Lease.Value
				}
				return states, err
			}
		})
	}},
	{"tidies the JSON", []string{"write/values-are-kept-as-they-are"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			var tidy bytes.Buffer
			if json.Compact(&tidy, w.Value) == nil {
				w.Value = tidy.Bytes()
			}
			return s.WriteLease(ctx, w)
		}
	})},
	{"lets revisions begin anew, unnoticed", []string{"loss/a-stale-write-does-not-happen"}, losing(true, false)},
	{"has data that were always there", []string{"loss/a-loss-shows", "loss/twice"}, losing(false, false)},
	{"has data that began at one of two times", []string{"loss/twice"}, losing(true, true)},
	{"takes data for those that were lost, once there are some", []string{"loss/whatever-was-written-since"}, func(*testing.T) Broker {
		m := ledger.NewMemory()
		open := func() ledger.Store {
			s := m.Store("test")
			b := &broken{Watcher: s}
			var born time.Time
			b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
				p, err := s.Beat(ctx, instance, roster)
				if err != nil {
					return p, err
				}
				if states, err := s.Load(ctx, []string{"w"}); err != nil || born.IsZero() || states[0].Lease.Rev == 0 {
					born = p.Born
				}
				p.Born = born
				return p, nil
			}
			return b
		}
		return Broker{Open: open, Lose: m.Lose}
	}},
}

// forgetful is a store without a guard.
type forgetful struct{ ledger.Store }

func (f forgetful) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	w.Guarded = false
	return f.Store.WriteLease(ctx, w)
}

// losing is a broker whose loss does not show in Born, or only the first; and
// whose revisions begin anew after it.
func losing(anew, once bool) func(*testing.T) Broker {
	return func(*testing.T) Broker {
		m := ledger.NewMemory()
		var one shared
		down := func(rev uint64) uint64 {
			if rev == 0 || !anew {
				return rev
			}
			return rev - one.base
		}
		broker := brokerOf(m, func(b *broken) {
			s := b.Watcher
			b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
				one.mu.Lock()
				defer one.mu.Unlock()
				if anew && w.Rev != 0 {
					w.Rev += one.base
				}
				st, err := s.WriteLease(ctx, w)
				one.n = int(max(uint64(one.n), st.Lease.Rev)) //nolint:gosec // few
				st.Lease.Rev = down(st.Lease.Rev)
				return st, err
			}
			b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
				one.mu.Lock()
				defer one.mu.Unlock()
				states, err := s.Load(ctx, names)
				for i := range states {
					states[i].Lease.Rev = down(states[i].Lease.Rev)
				}
				return states, err
			}
			b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
				one.mu.Lock()
				defer one.mu.Unlock()
				p, err := s.Beat(ctx, instance, roster)
				switch {
				case err != nil:
				case one.born.IsZero():
					one.born = p.Born
				case once && !p.Born.Equal(one.born):
					p.Born = one.born.Add(time.Hour)
				default:
					p.Born = one.born
				}
				return p, err
			}
		})
		broker.Lose = func() {
			one.mu.Lock()
			defer one.mu.Unlock()
			one.base = uint64(one.n) //nolint:gosec // few
			m.Lose()
		}
		return broker
	}
}

var loadMutants = []mutant{
	{"loads in the order of its own", []string{"load/in-the-order-of-the-names"}, breaking(func(b *broken) {
		s := b.Watcher
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			return s.Load(ctx, slices.Sorted(slices.Values(names)))
		}
	})},
	{"loads backwards", []string{"load/in-the-order-of-the-names"}, breaking(func(b *broken) {
		s := b.Watcher
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			states, err := s.Load(ctx, names)
			slices.Reverse(states)
			return states, err
		}
	})},
	{"leaves out the absent", []string{"load/in-the-order-of-the-names", "write/revision-zero-is-a-record-that-is-not-there"}, breaking(func(b *broken) {
		s := b.Watcher
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			states, err := s.Load(ctx, names)
			return slices.DeleteFunc(states, func(s ledger.State) bool { return s.Lease.Rev == 0 && s.Control.Rev == 0 }), err
		}
	})},
	{"cannot load nothing", []string{"load/of-nothing"}, breaking(func(b *broken) {
		s := b.Watcher
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			if len(names) == 0 {
				return nil, errors.New("wrong number of arguments")
			}
			return s.Load(ctx, names)
		}
	})},
	{"reads from a replica that lags", []string{"load/sees-what-was-written"}, breaking(func(b *broken) {
		s := b.Watcher
		old := shared{seen: map[string]ledger.State{}}
		b.load = func(ctx context.Context, names []string) ([]ledger.State, error) {
			states, err := s.Load(ctx, names)
			old.mu.Lock()
			defer old.mu.Unlock()
			for i, name := range names {
				now := states[i]
				if before, known := old.seen[name]; known {
					states[i] = before
				}
				old.seen[name] = now
			}
			return states, err
		}
	})},
	{"forgets the records of an instance that leaves", []string{"load/outlives-the-instance", "registry/workers-and-instances-are-apart"}, func(*testing.T) Broker {
		m := ledger.NewMemory()
		return brokerOf(m, func(b *broken) {
			b.leave = func(context.Context, string) error {
				m.Lose()
				return nil
			}
		})
	}},
	{"ignores case", []string{"names/every-name-has-its-own-records"}, renaming(strings.ToLower)},
	{"encodes a dot as an underscore", []string{"names/every-name-has-its-own-records"}, renaming(func(name string) string { return strings.ReplaceAll(name, ".", "_") })},
	{"encodes a dot as an underscore and its number", []string{"names/every-name-has-its-own-records"}, renaming(func(name string) string { return strings.ReplaceAll(name, ".", "_2E") })},
	{"trims slashes", []string{"names/every-name-has-its-own-records"}, renaming(func(name string) string { return strings.Trim(name, "/") })},
	{"cuts long names", []string{"names/every-name-has-its-own-records"}, renaming(func(name string) string { return name[:min(len(name), 127)] })},
	{"tells encoded names", []string{"names/watched"}, breaking(func(b *broken) {
		s := b.Watcher
		b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
			return s.Watch(ctx, func(st ledger.State) {
				st.Worker = strings.ReplaceAll(st.Worker, "/", "_")
				changed(st)
			}, ready)
		}
	})},
	{"has one namespace", []string{"names/namespaces-share-nothing"}, func(*testing.T) Broker {
		m := ledger.NewMemory()
		open := func() ledger.Store { return m.Store("test") }
		return Broker{Open: open, Other: open}
	}},
}

var registryMutants = []mutant{
	{"has a clock that stands", []string{"registry/a-beat-tells-the-time"}, breaking(func(b *broken) {
		s, at := b.Watcher, time.Now()
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			p, err := s.Beat(ctx, instance, roster)
			p.Now = at
			return p, err
		}
	})},
	{"has a clock that runs fast", []string{"registry/a-beat-tells-the-time"}, breaking(func(b *broken) {
		s, at := b.Watcher, time.Now()
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			p, err := s.Beat(ctx, instance, roster)
			p.Now = p.Now.Add(time.Since(at))
			return p, err
		}
	})},
	{"tells each instance another beginning", []string{"registry/a-beat-tells-the-time", "load/outlives-the-instance"}, breaking(func(b *broken) {
		s, at := b.Watcher, time.Now()
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			p, err := s.Beat(ctx, instance, roster)
			if at.Equal(p.Now) {
				at = at.Add(-1)
			}
			p.Born = at
			return p, err
		}
		b.open = func(context.Context) error {
			time.Sleep(time.Millisecond)
			at = time.Now()
			return nil
		}
	})},
	{"takes a beat without a roster for an empty one", []string{"registry/no-roster-is-the-one-before"}, breaking(func(b *broken) {
		s := b.Watcher
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			if roster == nil {
				roster = []byte{}
			}
			return s.Beat(ctx, instance, roster)
		}
	})},
	{"keeps the first roster", []string{"registry/no-roster-is-the-one-before", "loss/the-registry-is-lost-too"}, breaking(func(b *broken) {
		s, told := b.Watcher, false
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			if told {
				roster = nil
			}
			told = true
			return s.Beat(ctx, instance, roster)
		}
	})},
	{"leaves nothing out of the registry", []string{"registry/an-instance-is-listed-until-it-leaves"}, breaking(func(b *broken) {
		b.leave = func(context.Context, string) error { return nil }
	})},
	{"knows no instance that has left", []string{"registry/an-instance-is-listed-until-it-leaves"}, breaking(func(b *broken) {
		s := b.Watcher
		b.leave = func(ctx context.Context, instance string) error {
			list, _ := s.Instances(ctx)
			if !slices.ContainsFunc(list, func(m ledger.Member) bool { return m.Instance == instance }) {
				return errors.New("no such instance")
			}
			return s.Leave(ctx, instance)
		}
	})},
	{"cuts long rosters", []string{"registry/a-roster-may-be-long"}, breaking(func(b *broken) {
		s := b.Watcher
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			return s.Beat(ctx, instance, roster[:min(len(roster), 1<<18)])
		}
	})},
	{"lists instances under encoded names", []string{"names/every-instance-has-its-own-entry"}, breaking(func(b *broken) {
		s := b.Watcher
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			return s.Beat(ctx, strings.Map(func(r rune) rune {
				if r > 127 || strings.ContainsRune("*> ", r) {
					return '_'
				}
				return r
			}, instance), roster)
		}
	})},
}

// watching replaces Watch by a function that is given the right one.
func watching(f func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error) func(*testing.T) Broker {
	return breaking(func(b *broken) {
		s := b.Watcher
		b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
			return f(ctx, s, changed, ready)
		}
	})
}

var watchMutants = []mutant{
	{"is ready too early", []string{"watch/what-there-is-then-ready-then-changes"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		ready()
		return s.Watch(ctx, changed, func() {})
	})},
	{"is ready twice", []string{"watch/what-there-is-then-ready-then-changes"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		return s.Watch(ctx, changed, func() { ready(); ready() })
	})},
	{"is never ready where there is nothing", []string{"watch/of-nothing"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		some := false
		return s.Watch(ctx, func(st ledger.State) { some = true; changed(st) }, func() {
			if some {
				ready()
			}
		})
	})},
	{"tells of changes alone", []string{"watch/what-there-is-then-ready-then-changes"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		begun := false
		return s.Watch(ctx, func(st ledger.State) {
			if begun {
				changed(st)
			}
		}, func() { begun = true; ready() })
	})},
	{"tells of leases alone", []string{"watch/what-there-is-then-ready-then-changes"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		return s.Watch(ctx, func(st ledger.State) { st.Control = ledger.Entry{}; changed(st) }, ready)
	})},
	{"tells only of the record that has changed", []string{"watch/what-there-is-then-ready-then-changes"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		last := map[string]ledger.State{}
		return s.Watch(ctx, func(st ledger.State) {
			before := last[st.Worker]
			last[st.Worker] = st
			if before.Lease.Rev == st.Lease.Rev {
				st.Lease = ledger.Entry{}
			}
			changed(st)
		}, ready)
	})},
	{"tells out of order", []string{"watch/in-order"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		last := map[string]ledger.State{}
		return s.Watch(ctx, func(st ledger.State) {
			before := last[st.Worker]
			last[st.Worker] = st
			changed(st)
			if before.Lease.Rev != 0 {
				changed(before)
				changed(st)
			}
		}, ready)
	})},
	{"does not tell the last", []string{"watch/in-order"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		last := map[string]ledger.State{}
		return s.Watch(ctx, func(st ledger.State) {
			before := last[st.Worker]
			if text(before) == text(st) {
				return
			}
			last[st.Worker] = st
			if before.Lease.Rev != 0 {
				changed(before)
			}
		}, ready)
	})},
	{"tells of itself alone", []string{"watch/of-nothing", "watch/in-order"}, breaking(func(b *broken) {
		s, own := b.Watcher, shared{seen: map[string]ledger.State{}}
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			own.mu.Lock()
			defer own.mu.Unlock()
			st, err := s.WriteLease(ctx, w)
			own.seen[w.Worker] = st
			return st, err
		}
		b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
			return s.Watch(ctx, func(st ledger.State) {
				own.mu.Lock()
				mine := own.seen[st.Worker].Lease.Rev == st.Lease.Rev
				own.mu.Unlock()
				if mine {
					changed(st)
				}
			}, ready)
		}
	})},
	{"calls from many goroutines", []string{"watch/in-order"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		return s.Watch(ctx, func(st ledger.State) { wg.Go(func() { changed(st) }) }, ready)
	})},
	{"reads, and then listens", []string{"watch/nothing-is-missed-at-the-beginning"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		first, cancel := context.WithCancel(ctx)
		_ = s.Watch(first, changed, cancel)
		time.Sleep(time.Millisecond)
		begun := false
		return s.Watch(ctx, func(st ledger.State) {
			if begun {
				changed(st)
			}
		}, func() { begun = true; ready() })
	})},
	{"has writers wait for listeners", []string{"watch/a-slow-listener-holds-up-nobody"}, func(*testing.T) Broker {
		var slow sync.RWMutex
		return brokerOf(ledger.NewMemory(), func(b *broken) {
			s := b.Watcher
			b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
				for !slow.TryLock() {
					time.Sleep(time.Millisecond)
					if ctx.Err() != nil {
						return ledger.State{}, ctx.Err()
					}
				}
				defer slow.Unlock()
				return s.WriteLease(ctx, w)
			}
			b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
				return s.Watch(ctx, func(st ledger.State) {
					slow.RLock()
					defer slow.RUnlock()
					changed(st)
				}, ready)
			}
		})
	}},
	{"watches on after its context", []string{"watch/until-its-context-ends"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		on, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		return s.Watch(on, changed, ready)
	})},
	{"tells on when Watch has returned", []string{"watch/until-its-context-ends"}, watching(func(ctx context.Context, s ledger.Watcher, changed func(ledger.State), ready func()) error {
		on, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		go func() {
			defer cancel()
			_ = s.Watch(on, changed, ready)
		}()
		<-ctx.Done()
		return nil
	})},
	{"does not watch again after a disconnection", []string{"watch/begins-anew-after-a-disconnection"}, func(*testing.T) Broker {
		var one shared
		broker := brokerOf(ledger.NewMemory(), func(b *broken) {
			s := b.Watcher
			b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
				return s.Watch(ctx, func(st ledger.State) {
					one.mu.Lock()
					deaf := one.n > 0
					one.mu.Unlock()
					if !deaf {
						changed(st)
					}
				}, ready)
			}
		})
		down := broker.Down
		broker.Down = func(is bool) {
			one.mu.Lock()
			one.n++
			one.mu.Unlock()
			down(is)
		}
		return broker
	}},
	{"does not watch again after a loss", []string{"loss/a-watch-goes-on"}, func(*testing.T) Broker {
		var one shared
		broker := brokerOf(ledger.NewMemory(), func(b *broken) {
			s := b.Watcher
			b.watch = func(ctx context.Context, changed func(ledger.State), ready func()) error {
				return s.Watch(ctx, func(st ledger.State) {
					one.mu.Lock()
					deaf := one.n > 0
					one.mu.Unlock()
					if !deaf {
						changed(st)
					}
				}, ready)
			}
		})
		lose := broker.Lose
		broker.Lose = func() {
			one.mu.Lock()
			one.n++
			one.mu.Unlock()
			lose()
		}
		return broker
	}},
}

// patient has operations outlive their contexts.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

var contextMutants = []mutant{
	{"writes on when its context has ended", []string{"context/that-has-ended"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			return s.WriteLease(context.WithoutCancel(ctx), w)
		}
	})},
	{"has a patience of its own", []string{"context/that-ends-while-the-broker-is-away"}, breaking(func(b *broken) {
		s := b.Watcher
		b.beat = func(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
			ctx, cancel := patient(ctx)
			defer cancel()
			return s.Beat(ctx, instance, roster)
		}
	})},
	{"looks at deadlines alone", []string{"context/that-ends-while-the-broker-is-away"}, breaking(func(b *broken) {
		s := b.Watcher
		b.list = func(ctx context.Context) ([]ledger.Member, error) {
			on, cancel := patient(ctx)
			defer cancel()
			if deadline, ok := ctx.Deadline(); ok {
				on, cancel = context.WithDeadline(on, deadline)
				defer cancel()
			}
			return s.Instances(on)
		}
	})},
	{"opens at the first attempt or never", []string{"context/open-tries-until-its-context-ends"}, breaking(func(b *broken) {
		s := b.Watcher
		b.open = func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			return s.Open(ctx, core.Host{})
		}
	})},
	{"does not open after it has failed to", []string{"context/open-again-after-it-failed"}, breaking(func(b *broken) {
		s := b.Watcher
		var failed error
		b.open = func(ctx context.Context) error {
			if failed == nil {
				failed = s.Open(ctx, core.Host{})
			}
			return failed
		}
	})},
	{"takes every error for a conflict", []string{"context/an-error-is-no-conflict"}, breaking(func(b *broken) {
		s := b.Watcher
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteLease(ctx, w)
			if err != nil {
				return st, ledger.ErrConflict
			}
			return st, nil
		}
	})},
	{"leaves a goroutine", []string{"close/lets-go-of-everything"}, func(t *testing.T) Broker {
		end := make(chan struct{})
		t.Cleanup(func() { close(end) })
		return brokerOf(ledger.NewMemory(), func(b *broken) {
			go func() { <-end }()
		})
	}},
	{"closes the connection of all", []string{"close/of-one-disturbs-no-other"}, func(*testing.T) Broker {
		m := ledger.NewMemory()
		return brokerOf(m, func(b *broken) {
			b.close = func(context.Context) error {
				m.Down(true)
				return nil
			}
		})
	}},
	{"reads what it knew before it was closed", []string{"close/and-open-again"}, breaking(func(b *broken) {
		s := b.Watcher
		var known ledger.State
		var closed bool
		b.lease = func(ctx context.Context, w ledger.Write) (ledger.State, error) {
			st, err := s.WriteLease(ctx, w)
			known = st
			return st, err
		}
		b.load = func(ctx context.Context, workers []string) ([]ledger.State, error) {
			if closed {
				return []ledger.State{known}, nil
			}
			return s.Load(ctx, workers)
		}
		b.close = func(ctx context.Context) error {
			closed = true
			return s.Close(ctx)
		}
	})},
	{"closes with a patience of its own", []string{"close/while-the-broker-is-away"}, breaking(func(b *broken) {
		s := b.Watcher
		b.close = func(ctx context.Context) error {
			ctx, cancel := patient(ctx)
			defer cancel()
			_, err := s.Instances(ctx)
			return err
		}
	})},
}
