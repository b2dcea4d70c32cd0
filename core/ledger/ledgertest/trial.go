package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/watchdog"
)

// A trial is one case being tried on one store. It is the TestingT of the
// assertions.
type trial struct {
	kase   kase
	broker Broker
	queue  DispatcherBroker // in the cases of a Dispatcher
	wall   bool
	limit  time.Duration // how long the case may take; zero is limit

	conns   []conn
	watches []*watch
	nodes   []*node

	mu       sync.Mutex
	runs     []*run
	failures []string
	skipped  string
}

// limit is how long a case may take, and soon how long anything that is to
// happen at once.
const (
	limit = time.Minute
	soon  = 2 * time.Second
)

// play runs the case to its end, and closes what it has opened.
func (t *trial) play() {
	limit := cmp.Or(t.limit, limit)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	done := make(chan struct{})
	go func() { // FailNow ends this goroutine
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("the case panicked: %v", p)
			}
		}()
		defer t.closeAll()
		t.kase.run(t)
	}()
	select {
	case <-done:
	case <-timer.C:
		t.Errorf("the case did not end within %s:%s", limit, watchdog.Stacks(thisPackage))
	}
	if failures, _ := t.verdict(); len(failures) > 0 && !t.wall {
		time.Sleep(limit) // what is late comes to its end, for the bubble to do so
	}
}

func (t *trial) verdict() (failures []string, skipped string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failures, t.skipped
}

// Errorf records a failure and goes on.
func (t *trial) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// FailNow ends the case. It is for the case's own goroutine only.
func (t *trial) FailNow() { runtime.Goexit() }

// Helper lets the assertions call it.
func (t *trial) Helper() {}

// skip ends the case, which cannot be tried.
func (t *trial) skip(why string) {
	t.mu.Lock()
	t.skipped = why
	t.mu.Unlock()
	runtime.Goexit()
}

// settle waits for what happens now to have happened, where that can be known.
func (t *trial) settle() {
	if !t.wall {
		synctest.Wait()
	}
}

// eventually waits for a condition.
func (t *trial) eventually(what string, condition func() bool) {
	for deadline := time.Now().Add(5 * soon); ; time.Sleep(5 * time.Millisecond) {
		t.settle()
		if condition() {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("waited %s for this, in vain: %s", 5*soon, what)
			t.FailNow()
		}
	}
}

// A conn is an instance's store, whose operations must not fail.
type conn struct {
	ledger.Store
	t *trial
}

// open returns an instance's store on the namespace, opened.
func (t *trial) open() conn { return t.opened(t.broker.Open()) }

func (t *trial) opened(s ledger.Store) conn {
	t.Helper()
	ctx, cancel := briefly()
	defer cancel()
	require.NoError(t, s.Open(ctx, t.host()), "Open")
	c := conn{s, t}
	t.conns = append(t.conns, c)
	return c
}

func (t *trial) host() core.Host {
	return core.Host{
		Logger:   slog.New(slog.DiscardHandler),
		Instance: fmt.Sprintf("instance-%d", len(t.conns)+1),
		Now:      time.Now,
		Broker:   func(error) {},
	}
}

// closeAll stops the engines, ends the Watches, and closes what the case has opened
// and not closed.
func (t *trial) closeAll() {
	for _, n := range t.nodes {
		n.stop(t)
	}
	t.nodes = nil
	for _, w := range t.watches {
		w.end()
	}
	t.watches = nil
	for _, c := range t.conns {
		ctx, cancel := briefly()
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		cancel()
	}
	t.conns = nil
}

// briefly is the context of one operation.
func briefly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*soon)
}

// load reads the states of workers.
func (c conn) load(workers ...string) []ledger.State {
	c.t.Helper()
	ctx, cancel := briefly()
	defer cancel()
	states, err := c.Load(ctx, workers)
	require.NoError(c.t, err, "Load")
	require.Len(c.t, states, len(workers), "the states that Load returned")
	return states
}

// read reads the state of a worker.
func (c conn) read(worker string) ledger.State { return c.load(worker)[0] }

// lease writes a lease record, control a control record.
func (c conn) lease(w ledger.Write) (ledger.State, error) {
	ctx, cancel := briefly()
	defer cancel()
	return c.WriteLease(ctx, w)
}

func (c conn) control(w ledger.Write) (ledger.State, error) {
	ctx, cancel := briefly()
	defer cancel()
	return c.WriteControl(ctx, w)
}

// wroteLease and wroteControl want the write to have happened.
func (c conn) wroteLease(w ledger.Write) ledger.State {
	c.t.Helper()
	s, err := c.lease(w)
	require.NoError(c.t, err, "WriteLease at revision %d", w.Rev)
	c.t.isWritten("lease", w, s, s.Lease)
	return s
}

func (c conn) wroteControl(w ledger.Write) ledger.State {
	c.t.Helper()
	s, err := c.control(w)
	require.NoError(c.t, err, "WriteControl at revision %d", w.Rev)
	c.t.isWritten("control", w, s, s.Control)
	return s
}

func (t *trial) isWritten(record string, w ledger.Write, s ledger.State, e ledger.Entry) {
	t.Helper()
	require.Equal(t, w.Worker, s.Worker, "the worker of the state after the write")
	require.Equal(t, string(w.Value), string(e.Value), "the %s record's value after the write", record)
	require.Greater(t, e.Rev, w.Rev, "the %s record's revision after the write: it rises", record)
}

func (c conn) watches() bool {
	_, ok := c.Store.(ledger.Watcher)
	return ok
}

// beat tells that an instance is alive.
func (c conn) beat(instance string, roster []byte) ledger.Pulse {
	c.t.Helper()
	ctx, cancel := briefly()
	defer cancel()
	p, err := c.Beat(ctx, instance, roster)
	require.NoError(c.t, err, "Beat")
	return p
}

// instances returns the registry, by name.
func (c conn) instances() map[string]ledger.Member {
	c.t.Helper()
	ctx, cancel := briefly()
	defer cancel()
	list, err := c.Instances(ctx)
	require.NoError(c.t, err, "Instances")
	all := map[string]ledger.Member{}
	for _, m := range list {
		require.NotContains(c.t, all, m.Instance, "an instance is listed once")
		all[m.Instance] = m
	}
	return all
}

// present wants a state to be another: what is stored.
func (t *trial) present(want, got ledger.State, of string) {
	t.Helper()
	require.Equal(t, text(want), text(got), of)
}

// text prints a state for people.
func text(s ledger.State) string {
	return fmt.Sprintf("%s: lease %q at %d, control %q at %d", s.Worker, s.Lease.Value, s.Lease.Rev, s.Control.Value, s.Control.Rev)
}

// value is some record.
func value(format string, args ...any) []byte {
	return fmt.Appendf(nil, `{"owner":%q}`, fmt.Sprintf(format, args...))
}
