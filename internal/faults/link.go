package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A Link is one node's way to its store. Net.Link makes one.
type Link struct {
	// Pulse, if it is not nil, changes what the broker answers to a heartbeat.
	Pulse func(*ledger.Pulse)
	// Closed, if it is not nil, is called when the store was closed.
	Closed func()

	store ledger.Store
	net   *Net

	cut, away state // nothing arrives: the node is cut off, the broker is down
	deaf      state // what is sent arrives, and no answers do
	deafens   state // the next write of a record makes it deaf
	suspended state

	mu    sync.Mutex
	hold  bool
	held  []func() // the writes that were kept back
	opens int      // calls of Open that are to fail
	beats int      // heartbeats that are to fail
}

// Store returns the link as the store to give to an engine: a ledger.Watcher if the one
// behind the link is.
func (l *Link) Store() ledger.Store {
	if w, ok := l.store.(ledger.Watcher); ok {
		return watcher{l, w}
	}
	return l
}

var (
	errNoAnswer = errors.New("the test's link has lost the answer")
	errRefused  = errors.New("the test's link refuses")
)

// late is how long a write may take that was kept back.
const late = 2 * time.Second

// do does an operation on the store, with the faults that there are.
func (l *Link) do(ctx context.Context, op func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	_ = l.suspended.wait(context.Background())
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if l.cut.lasts() || l.away.lasts() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", errNoAnswer, context.Cause(ctx))
	}
	err := op(ctx)
	_ = l.suspended.wait(context.Background()) // it was stopped before the answer came
	if l.cut.lasts() || l.away.lasts() || l.deaf.lasts() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", errNoAnswer, context.Cause(ctx))
	}
	return err
}

type writeFunc func(context.Context, ledger.Write) (ledger.State, error)

// write writes a record, now or late.
func (l *Link) write(ctx context.Context, w ledger.Write, write writeFunc) (state ledger.State, err error) {
	l.net.wrote(w.Worker)
	err = l.do(ctx, func(ctx context.Context) (err error) {
		if l.deafens.lasts() {
			l.deaf.set(true)
		}
		if l.keep(w, write) {
			<-ctx.Done()
			return fmt.Errorf("%w: %w", errNoAnswer, context.Cause(ctx))
		}
		state, err = write(ctx, w)
		return err
	})
	if err != nil && !errors.Is(err, ledger.ErrConflict) {
		state = ledger.State{}
	}
	return state, err
}

// keep keeps a write back, if that is wanted.
func (l *Link) keep(w ledger.Write, write writeFunc) bool {
	w.Value = slices.Clone(w.Value)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hold {
		l.held = append(l.held, func() {
			ctx, cancel := context.WithTimeout(context.Background(), late)
			defer cancel()
			_, _ = write(ctx, w) // nobody waits for the answer any more
		})
	}
	return l.hold
}

func (l *Link) holdWrites(hold bool) {
	l.mu.Lock()
	l.hold = hold
	held := l.held
	if !hold {
		l.held = nil
	}
	l.mu.Unlock()
	if hold {
		return
	}
	for _, write := range held {
		write()
	}
}

// fails returns whether a call is one of those that are to fail, and counts it.
func (l *Link) fails(left *int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// Open implements ledger.Store.
func (l *Link) Open(ctx context.Context, host core.Host) error {
	_ = l.suspended.wait(context.Background())
	if l.fails(&l.opens) {
		return fmt.Errorf("open the store: %w", errRefused)
	}
	for _, s := range []*state{&l.cut, &l.away, &l.deaf} {
		if err := s.wait(ctx); err != nil {
			return fmt.Errorf("open the store: %w: %w", errNoAnswer, err)
		}
	}
	return l.store.Open(ctx, host)
}

// Load implements ledger.Store.
func (l *Link) Load(ctx context.Context, workers []string) (states []ledger.State, err error) {
	err = l.do(ctx, func(ctx context.Context) (err error) {
		states, err = l.store.Load(ctx, workers)
		return err
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

// WriteLease implements ledger.Store.
func (l *Link) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return l.write(ctx, w, l.store.WriteLease)
}

// WriteControl implements ledger.Store.
func (l *Link) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return l.write(ctx, w, l.store.WriteControl)
}

// Beat implements ledger.Store.
func (l *Link) Beat(ctx context.Context, instance string, roster []byte) (pulse ledger.Pulse, err error) {
	if l.fails(&l.beats) {
		return ledger.Pulse{}, fmt.Errorf("beat: %w", errRefused)
	}
	err = l.do(ctx, func(ctx context.Context) (err error) {
		pulse, err = l.store.Beat(ctx, instance, roster)
		return err
	})
	if err != nil {
		return ledger.Pulse{}, err
	}
	if l.Pulse != nil {
		l.Pulse(&pulse)
	}
	return pulse, nil
}

// Leave implements ledger.Store.
func (l *Link) Leave(ctx context.Context, instance string) error {
	return l.do(ctx, func(ctx context.Context) error { return l.store.Leave(ctx, instance) })
}

// Instances implements ledger.Store.
func (l *Link) Instances(ctx context.Context) (members []ledger.Member, err error) {
	err = l.do(ctx, func(ctx context.Context) (err error) {
		members, err = l.store.Instances(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// Close implements ledger.Store.
func (l *Link) Close(ctx context.Context) error {
	_ = l.suspended.wait(context.Background())
	l.mu.Lock()
	l.held = nil
	l.mu.Unlock()
	if l.Closed != nil {
		defer l.Closed()
	}
	return l.store.Close(ctx)
}

// A watcher is a link whose store is a ledger.Watcher.
type watcher struct {
	*Link
	watched ledger.Watcher
}

// Watch implements ledger.Watcher. During a fault it keeps changes back, and reports them
// when the fault is over.
func (w watcher) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	pass := func() bool {
		for _, s := range []*state{&w.suspended, &w.cut, &w.away, &w.deaf} {
			if s.wait(ctx) != nil {
				return false
			}
		}
		return true
	}
	if !pass() {
		return context.Cause(ctx)
	}
	return w.watched.Watch(ctx, func(s ledger.State) {
		if pass() {
			changed(s)
		}
	}, func() {
		if pass() {
			ready()
		}
	})
}
