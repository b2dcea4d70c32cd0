package ledgertest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A dispatchTrial is one case being tried on one Dispatcher.
type dispatchTrial struct {
	*trial
	consumers []*consumer
	release   chan struct{} // closed at the end of the case: ends the deliveries that are held
	isDown    bool          // the broker is

	mu         sync.Mutex
	deliveries []*delivery
}

const (
	// elsewhere is how long, at most, until a tick that an instance could not run is
	// delivered to another.
	elsewhere = 8 * time.Second
	// calm is how long a case waits for what must not happen.
	calm = 3 * time.Second
)

// dispatching makes a case of what is tried on a Dispatcher.
func dispatching(about, name, text string, run func(*dispatchTrial)) kase {
	return kase{about, name, text, func(t *trial) {
		d := &dispatchTrial{trial: t, release: make(chan struct{})}
		defer d.end()
		run(d)
	}}
}

// end stops what the case has started.
func (t *dispatchTrial) end() {
	close(t.release)
	if t.isDown {
		t.down(false)
	}
	var stops sync.WaitGroup
	for _, c := range t.consumers {
		stops.Go(func() {
			if err := c.stop(2 * soon); err != nil && !c.dead {
				t.Errorf("Stop of %s at the end of the case: %v", c.name, err)
			}
		})
	}
	stops.Wait()
}

// A delivery is a call of Deliver.
type delivery struct {
	to    string
	tick  core.Tick
	began time.Time

	// Guarded by the trial's mutex.
	ended time.Time // zero while it is in progress
	cause error     // why its context had ended by then; nil if it had not
}

// An answer is what a consumer does with the ticks that it gets.
type answer func(ctx context.Context, tick core.Tick) (ledger.Delivery, error)

// A consumer is an instance, as far as a Dispatcher sees it. It is the Inbox.
type consumer struct {
	t       *dispatchTrial
	name    string
	limit   int
	d       ledger.Dispatcher
	store   ledger.Store
	host    core.Host
	closed  atomic.Bool // the Inbox is
	asked   atomic.Int64
	answer  atomic.Pointer[answer]
	running atomic.Bool // Start has succeeded, and Stop was not called
	opened  bool        // the store is
	dead    bool        // it was cut off
}

// Answers.
func succeeds(context.Context, core.Tick) (ledger.Delivery, error) {
	return ledger.Delivery{Outcome: core.Succeeded}, nil
}

func answers(d ledger.Delivery) answer {
	return func(context.Context, core.Tick) (ledger.Delivery, error) { return d, nil }
}

// holds answers when a channel is closed, or the case ends. If its context ends first, it
// returns an error as the engine does.
func (t *dispatchTrial) holds(until <-chan struct{}) answer {
	return func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
		select {
		case <-until:
		case <-t.release:
		case <-ctx.Done():
			return ledger.Delivery{}, context.Cause(ctx)
		}
		return succeeds(ctx, tick)
	}
}

// hold has instances hold what they get until a channel is closed, which it returns.
func (t *dispatchTrial) hold(consumers ...*consumer) (finish chan struct{}) {
	finish = make(chan struct{})
	for _, c := range consumers {
		c.does(t.holds(finish))
	}
	return finish
}

// open makes an instance, not started.
func (t *dispatchTrial) open(maxConcurrent int) *consumer {
	c := &consumer{t: t, name: fmt.Sprintf("instance-%d", len(t.consumers)+1), limit: maxConcurrent}
	c.does(succeeds)
	ready := make(chan struct{})
	close(ready)
	c.host = core.Host{
		Logger: slog.New(slog.DiscardHandler), Instance: c.name, Now: time.Now, Broker: func(error) {}, Ready: ready,
	}
	c.d, c.store = t.queue.Open(Instance{Name: c.name, MaxConcurrent: maxConcurrent})
	if c.store != nil {
		ctx, cancel := briefly()
		defer cancel()
		require.NoError(t, c.store.Open(ctx, c.host), "Open of the store")
		c.opened = true
	}
	t.consumers = append(t.consumers, c)
	return c
}

// start makes an instance that receives.
func (t *dispatchTrial) start() *consumer { return t.open(0).mustStart() }

// starts makes several.
func (t *dispatchTrial) starts(n int) []*consumer {
	for range n {
		t.start()
	}
	return t.consumers[len(t.consumers)-n:]
}

func (c *consumer) start(ctx context.Context) error {
	err := c.d.Start(ctx, c.host, c)
	c.running.Store(err == nil) // a Start that hangs may return after the case has ended
	return err
}

func (c *consumer) mustStart() *consumer {
	ctx, cancel := briefly()
	defer cancel()
	require.NoError(c.t, c.start(ctx), "Start of %s", c.name)
	return c
}

// stop stops the Dispatcher, and closes the store.
func (c *consumer) stop(patience time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if c.running.Swap(false) {
		err = c.d.Stop(ctx)
	}
	if c.opened {
		c.opened = false
		closing, cancel := briefly()
		defer cancel()
		if err := c.store.Close(closing); err != nil && !c.dead {
			c.t.Errorf("Close of the store of %s: %v", c.name, err)
		}
	}
	return err
}

func (c *consumer) does(a answer) { c.answer.Store(&a) }

// Open implements ledger.Inbox.
func (c *consumer) Open() bool {
	c.asked.Add(1)
	return !c.closed.Load()
}

// Deliver implements ledger.Inbox.
func (c *consumer) Deliver(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
	t := c.t
	d := &delivery{to: c.name, tick: tick, began: time.Now()}
	t.mu.Lock()
	t.deliveries = append(t.deliveries, d)
	t.mu.Unlock()
	got, err := (*c.answer.Load())(ctx, tick)
	t.mu.Lock()
	defer t.mu.Unlock()
	d.ended, d.cause = time.Now(), context.Cause(ctx)
	return got, err
}

// dispatch dispatches a tick, which must succeed.
func (c *consumer) dispatch(ticks ...core.Tick) {
	for _, tick := range ticks {
		ctx, cancel := briefly()
		err := c.d.Dispatch(ctx, tick)
		cancel()
		require.NoError(c.t, err, "Dispatch of %s by %s", tick.ID(), c.name)
	}
}

// slot returns a tick of a slot that is due now.
func slot(worker string) core.Tick {
	return core.Tick{Worker: worker, Slot: time.Now().UTC().Truncate(time.Millisecond), Attempt: 1}
}

// slots returns ticks of n workers.
func slots(worker string, n int) (ticks []core.Tick) {
	for i := range n {
		ticks = append(ticks, slot(fmt.Sprintf("%s-%04d", worker, i)))
	}
	return ticks
}

// of returns the deliveries of a tick so far, the first first.
func (t *dispatchTrial) of(tick core.Tick) (list []delivery) {
	t.settle()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.deliveries {
		if d.tick.ID() == tick.ID() {
			list = append(list, *d)
		}
	}
	return list
}

// all returns all deliveries so far.
func (t *dispatchTrial) all() (list []delivery) {
	t.settle()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.deliveries {
		list = append(list, *d)
	}
	return list
}

// to counts the deliveries to an instance.
func (t *dispatchTrial) to(c *consumer) int {
	return len(slices.DeleteFunc(t.all(), func(d delivery) bool { return d.to != c.name }))
}

// inProgress counts the deliveries in progress.
func (t *dispatchTrial) inProgress() int {
	return len(slices.DeleteFunc(t.all(), func(d delivery) bool { return !d.ended.IsZero() }))
}

// by waits for a condition, no longer than given.
func (t *dispatchTrial) by(within time.Duration, what string, condition func() bool) {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		t.settle()
		if condition() {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("waited %s in vain: %s; the deliveries were:%s", within, what, t.story())
			t.FailNow()
		}
	}
}

// delivered waits until each of some ticks was delivered to an instance.
func (t *dispatchTrial) delivered(within time.Duration, to *consumer, ticks ...core.Tick) {
	t.by(within, fmt.Sprintf("%d ticks are delivered to %s", len(ticks), to.name), func() bool {
		got := map[string]bool{}
		for _, d := range t.all() {
			if d.to == to.name {
				got[d.tick.ID()] = true
			}
		}
		return !slices.ContainsFunc(ticks, func(tick core.Tick) bool { return !got[tick.ID()] })
	})
}

// once wants some ticks to have been delivered once each, to any instance, and waits for
// more deliveries.
func (t *dispatchTrial) once(ticks ...core.Tick) {
	t.by(5*soon, fmt.Sprintf("%d ticks are delivered", len(ticks)), func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return len(t.deliveries) >= len(ticks)
	})
	time.Sleep(calm)
	n := map[string]int{}
	for _, d := range t.all() {
		n[d.tick.ID()]++
	}
	wrong := 0
	for _, tick := range ticks {
		if n[tick.ID()] != 1 && wrong < 5 {
			wrong++
			assert.Equal(t, 1, n[tick.ID()], "the deliveries of %s", tick.ID())
		}
		delete(n, tick.ID())
	}
	assert.Empty(t, n, "the deliveries of other ticks")
}

// story tells the deliveries for people.
func (t *dispatchTrial) story() (story string) {
	for i, d := range t.all() {
		if i == 20 {
			return story + "\n  and more"
		}
		end := "in progress"
		if !d.ended.IsZero() {
			end = "ended " + d.ended.Format("15:04:05.000")
		}
		story += fmt.Sprintf("\n  %s to %s: %s, %s", d.began.Format("15:04:05.000"), d.to, d.tick.ID(), end)
	}
	return story
}
