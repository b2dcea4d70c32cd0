package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

var watchCases = []kase{
	{"watch", "what-there-is-then-ready-then-changes", "Watch tells the state of each worker there is, then that it is ready, and then what changes", func(t *trial) {
		a, b := t.open(), t.open()
		want := map[string]ledger.State{}
		for i := range 20 {
			name := fmt.Sprint("w", i)
			s := ledger.State{Worker: name}
			if i%3 != 0 {
				s.Lease = a.wroteLease(ledger.Write{Worker: name, Value: value("lease %d", i)}).Lease
			}
			if i%2 == 0 || i%3 == 0 {
				s.Control = a.wroteControl(ledger.Write{Worker: name, Value: value("control %d", i)}).Control
			}
			want[name] = s
		}
		w := t.watch(b)
		first := map[string]ledger.State{}
		for _, s := range w.initial() {
			first[s.Worker] = s
		}
		require.Len(t, first, len(want), "the workers that were told before ready")
		for name, s := range want {
			t.present(s, first[name], "what was told before ready")
		}
		s := a.wroteLease(ledger.Write{Worker: "w1", Value: value("changed"), Rev: want["w1"].Lease.Rev})
		w.await("w1", func(x ledger.State) bool {
			return x.Lease.Rev == s.Lease.Rev && string(x.Lease.Value) == string(value("changed"))
		})
		c := a.wroteControl(ledger.Write{Worker: "w1", Value: value("pause")})
		got := w.await("w1", func(x ledger.State) bool { return x.Control.Rev == c.Control.Rev })
		require.Equal(t, s.Lease, got.Lease, "the lease record, as told with a change of the control record")
		a.wroteLease(ledger.Write{Worker: "new", Value: value("made")})
		w.await("new", func(x ledger.State) bool { return string(x.Lease.Value) == string(value("made")) })
		require.Equal(t, 1, w.readies(), "the calls of ready")
	}},
	{"watch", "of-nothing", "Watch is ready also where there is nothing yet", func(t *trial) {
		a, b := t.open(), t.open()
		w := t.watch(b)
		require.Empty(t, w.initial(), "what was told of an empty namespace")
		a.beat("a", value("roster"))
		a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		w.await("w", func(s ledger.State) bool { return s.Lease.Rev != 0 })
		w.only("w")
	}},
	{"watch", "in-order", "a record's changes are told in order, and the last one is told", func(t *trial) {
		conns := []conn{t.open(), t.open(), t.open()}
		watches := []*watch{t.watch(conns[0]), t.watch(conns[1]), t.watch(t.open())}
		var wg sync.WaitGroup
		last := make([]ledger.State, 4)
		for i := range last {
			wg.Go(func() {
				name := fmt.Sprint("w", i)
				var s, c ledger.State
				for n := range 40 {
					var err error
					s, err = conns[i%3].lease(ledger.Write{Worker: name, Value: value("%d", n), Rev: s.Lease.Rev})
					if !assert.NoError(t, err) {
						return
					}
					if n%4 == 0 {
						time.Sleep(time.Millisecond) // for a Watch to tell of this one
						c, err = conns[(i+1)%3].control(ledger.Write{Worker: name, Value: value("%d", n), Rev: c.Control.Rev})
						if !assert.NoError(t, err) {
							return
						}
					}
				}
				last[i] = ledger.State{Worker: name, Lease: s.Lease, Control: c.Control}
			})
		}
		wg.Wait()
		for _, w := range watches {
			for _, s := range last {
				w.await(s.Worker, func(x ledger.State) bool { return text(x) == text(s) })
			}
			at := map[string]ledger.State{}
			for _, s := range w.told() {
				before := at[s.Worker]
				require.GreaterOrEqual(t, s.Lease.Rev, before.Lease.Rev, "the lease record of %s, told after revision %d", s.Worker, before.Lease.Rev)
				require.GreaterOrEqual(t, s.Control.Rev, before.Control.Rev, "the control record of %s, told after revision %d", s.Worker, before.Control.Rev)
				at[s.Worker] = s
			}
		}
	}},
	{"watch", "nothing-is-missed-at-the-beginning", "what is written while a Watch begins is told", func(t *trial) {
		a := t.open()
		if _, ok := a.Store.(ledger.Watcher); !ok {
			t.skip("the store is no Watcher") // before anything goes on beside this goroutine
		}
		for i := range 10 {
			name := fmt.Sprint("w", i)
			rev := a.wroteLease(ledger.Write{Worker: name, Value: value("before")}).Lease.Rev
			b := t.open()
			written := make(chan struct{})
			go func() {
				defer close(written)
				_, err := a.lease(ledger.Write{Worker: name, Value: value("after"), Rev: rev})
				assert.NoError(t, err)
			}()
			w := t.watch(b)
			<-written
			w.await(name, func(s ledger.State) bool { return string(s.Lease.Value) == string(value("after")) })
		}
	}},
	{"watch", "a-slow-listener-holds-up-nobody", "nobody waits for an instance that is slow to listen, which is told the last state at least", func(t *trial) {
		a, b := t.open(), t.open()
		w := t.watch(b)
		w.block()
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("first")})
		t.eventually("the slow instance is told of the first write", func() bool { return w.inside.Load() > 0 })
		began := time.Now()
		for i := range 300 {
			s = a.wroteLease(ledger.Write{Worker: "w", Value: value("%d", i), Rev: s.Lease.Rev})
		}
		require.Less(t, time.Since(began), 10*soon, "300 writes, while an instance does not listen")
		require.Equal(t, s.Lease, b.read("w").Lease, "what the slow instance reads")
		w.unblock()
		w.await("w", func(x ledger.State) bool { return x.Lease.Rev == s.Lease.Rev })
	}},
	{"watch", "until-its-context-ends", "Watch returns when its context ends, and tells nothing more", func(t *trial) {
		a, b := t.open(), t.open()
		w := t.watch(b)
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("1")})
		w.await("w", func(x ledger.State) bool { return x.Lease.Rev == s.Lease.Rev })
		w.end()
		told := len(w.told())
		a.wroteLease(ledger.Write{Worker: "w", Value: value("2"), Rev: s.Lease.Rev})
		time.Sleep(50 * time.Millisecond)
		t.settle()
		require.Len(t, w.told(), told, "what a Watch has told that has returned")
		t.present(b.read("w"), a.read("w"), "the store whose Watch has ended goes on")
	}},
	{"watch", "begins-anew-after-a-disconnection", "Watch goes on by itself after a disconnection, and tells what has changed meanwhile", func(t *trial) {
		if t.broker.Down == nil {
			t.skip("the Broker has no Down")
		}
		a, b := t.open(), t.open()
		w := t.watch(b)
		s := a.wroteLease(ledger.Write{Worker: "w", Value: value("before")})
		w.await("w", func(x ledger.State) bool { return x.Lease.Rev == s.Lease.Rev })
		t.broker.Down(true)
		time.Sleep(500 * time.Millisecond)
		t.broker.Down(false)
		rev := s.Lease.Rev
		t.eventually("a write after the broker is back", func() bool {
			x, err := a.lease(ledger.Write{Worker: "w", Value: value("after"), Rev: rev})
			if err != nil && string(x.Lease.Value) == string(value("after")) {
				return true // one before, whose answer was lost
			}
			return err == nil
		})
		w.await("w", func(x ledger.State) bool { return string(x.Lease.Value) == string(value("after")) })
	}},
}

// A watch is a Watch in progress, and what it told.
type watch struct {
	t      *trial
	cancel context.CancelFunc
	done   chan struct{}
	ready  chan struct{}
	gate   chan struct{} // full: changed blocks
	inside atomic.Int32

	mu    sync.Mutex
	list  []ledger.State
	first int // of list, told before ready
	calls int // of ready
	err   error
}

// watch begins a Watch, and waits until it is ready. A store that is no Watcher
// ends the case.
func (t *trial) watch(c conn) *watch {
	t.Helper()
	w := t.watchIfAble(c)
	if w == nil {
		t.skip("the store is no Watcher")
	}
	return w
}

func (t *trial) watchIfAble(c conn) *watch {
	t.Helper()
	store, ok := c.Store.(ledger.Watcher)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{t: t, cancel: cancel, done: make(chan struct{}), ready: make(chan struct{}), gate: make(chan struct{}, 1)}
	t.watches = append(t.watches, w)
	go func() {
		defer close(w.done)
		w.err = store.Watch(ctx, w.changed, w.isReady)
	}()
	select {
	case <-w.ready:
	case <-w.done:
		t.Errorf("Watch has returned: %v", w.err)
		t.FailNow()
	case <-time.After(5 * soon):
		t.Errorf("Watch was not ready within %s", 5*soon)
		t.FailNow()
	}
	return w
}

func (w *watch) changed(s ledger.State) {
	if w.inside.Add(1) > 1 {
		w.t.Errorf("Watch calls from two goroutines at a time")
	}
	defer w.inside.Add(-1)
	w.gate <- struct{}{}
	<-w.gate
	time.Sleep(10 * time.Microsecond) // for two at a time to meet
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Lease.Value, s.Control.Value = slices.Clone(s.Lease.Value), slices.Clone(s.Control.Value)
	w.list = append(w.list, s)
}

func (w *watch) isReady() {
	if w.inside.Add(1) > 1 {
		w.t.Errorf("Watch calls from two goroutines at a time")
	}
	defer w.inside.Add(-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls++; w.calls == 1 {
		w.first = len(w.list)
		close(w.ready)
	}
}

// block has changed not return, unblock ends that.
func (w *watch) block()   { w.gate <- struct{}{} }
func (w *watch) unblock() { <-w.gate }

func (w *watch) told() []ledger.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// initial is what was told before ready.
func (w *watch) initial() []ledger.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list[:w.first])
}

func (w *watch) readies() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// await waits until the state that was told last of a worker is as wanted.
func (w *watch) await(worker string, wanted func(ledger.State) bool) (s ledger.State) {
	w.t.Helper()
	deadline := time.Now().Add(5 * soon)
	for {
		w.t.settle()
		told := "nothing"
		for _, x := range slices.Backward(w.told()) {
			if x.Worker == worker {
				if wanted(x) {
					return x
				}
				told = text(x)
				break
			}
		}
		if time.Now().After(deadline) {
			w.t.Errorf("a Watch has not told of a change of %s within %s; the last that it told is: %s", worker, 5*soon, told)
			w.t.FailNow()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// only wants no other workers to have been told of.
func (w *watch) only(workers ...string) {
	w.t.Helper()
	for _, s := range w.told() {
		require.Contains(w.t, workers, s.Worker, "a Watch told of a worker that there is not")
	}
}

// end ends the Watch, which must return soon.
func (w *watch) end() {
	w.cancel()
	select {
	case <-w.gate: // a case that has failed may have left it shut
	default:
	}
	select {
	case <-w.done:
	case <-time.After(soon):
		w.t.Errorf("Watch has not returned within %s of its context's end", soon)
	}
}
