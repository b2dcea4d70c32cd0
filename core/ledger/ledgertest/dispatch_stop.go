package ledgertest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Instances that can run a number of ticks at a time.
var roomCases = []kase{
	dispatching("room", "a-full-instance-leaves-ticks-to-others", "an instance with as many deliveries in progress as it may have leaves ticks to an instance with room, which gets them promptly", func(t *dispatchTrial) {
		full := t.open(2).mustStart()
		full.does(t.holds(nil))
		full.dispatch(slots("long", 2)...)
		t.by(soon, "the instance is full", func() bool { return t.to(full) == 2 })
		free := t.open(2).mustStart()
		for _, tick := range slots("w", 20) {
			t.settle()
			t.atOnce([]*consumer{full, free}, func(c *consumer) { c.dispatch(tick) })
			t.delivered(soon/4, free, tick)
		}
		assert.Equal(t, 2, t.to(full), "the deliveries to the instance that is full")
	}),
	dispatching("room", "a-full-instance-leaves-what-only-it-knows-of", "a tick that an instance without room dispatches alone, as it does that of a Trigger, is delivered to one with room", func(t *dispatchTrial) {
		full, free := t.open(1).mustStart(), t.open(1)
		full.does(t.holds(nil))
		full.dispatch(slot("long"))
		t.by(soon, "the instance is full", func() bool { return t.to(full) == 1 })
		free.mustStart()
		for range 20 { // an instance that takes them by chance does not get none of so many
			tick := core.ManualTick("w")
			full.dispatch(tick)
			t.delivered(soon, free, tick)
		}
		assert.Equal(t, 1, t.to(full), "the deliveries to the instance that is full")
	}),
	dispatching("room", "what-nobody-has-room-for-is-delivered-in-the-end", "ticks for which no instance has room are delivered once each, at the latest when there is room", func(t *dispatchTrial) {
		consumers, ticks := []*consumer{t.open(1), t.open(1)}, slots("w", 10)
		finish := make(chan struct{})
		for _, c := range consumers {
			c.does(t.holds(finish))
			c.mustStart()
		}
		consumers[0].dispatch(ticks...)
		time.Sleep(calm)
		assert.NotZero(t, t.to(consumers[0]), "the deliveries to an instance that can run one at a time")
		assert.NotZero(t, t.to(consumers[1]), "the deliveries to an instance that can run one at a time")
		close(finish)
		t.once(ticks...)
	}),
}

// The broker is away.
var outageCases = []kase{
	dispatching("outage", "dispatch-fails-when-its-context-ends", "Dispatch returns an error soon after its context has ended while the broker is away; the tick is delivered once when it is dispatched again", func(t *dispatchTrial) {
		t.needsDown()
		c, tick := t.start(), slot("w")
		t.down(true)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		err := t.within(300*time.Millisecond+soon/2, "Dispatch", func() error { return c.d.Dispatch(ctx, tick) })
		require.Error(t, err, "Dispatch while the broker is away")
		t.down(false)
		t.dispatchedAgain(c, tick)
		t.once(tick)
	}),
	dispatching("outage", "what-was-dispatched-is-kept", "a tick that was dispatched before the broker was away, and not taken, is delivered once when the broker is back", func(t *dispatchTrial) {
		t.needsDown()
		c, tick := t.open(0), slot("w")
		c.closed.Store(true)
		c.mustStart().dispatch(tick)
		t.down(true)
		c.closed.Store(false)
		time.Sleep(calm)
		require.Empty(t, t.all(), "the deliveries while the broker is away")
		t.down(false)
		t.once(tick)
	}),
	dispatching("outage", "a-delivery-goes-on", "a delivery in progress goes on while the broker is away; its end is not lost, and the tick is not delivered again", func(t *dispatchTrial) {
		t.needsDown()
		consumers, tick := t.starts(2), slot("w")
		finish := t.hold(consumers...)
		consumers[0].dispatch(tick)
		t.by(soon, "the tick is delivered", func() bool { return t.inProgress() == 1 })
		t.down(true)
		time.Sleep(calm)
		require.Equal(t, 1, t.inProgress(), "the deliveries in progress while the broker is away")
		close(finish)
		time.Sleep(calm)
		t.down(false)
		time.Sleep(elsewhere)
		t.once(tick)
		assert.NoError(t, t.all()[0].cause, "why the context of the delivery had ended")
		if t.queue.End != nil {
			t.by(5*soon, "the end is shown", func() bool { _, ended := t.queue.End(tick); return ended })
		}
	}),
	dispatching("outage", "start-fails-or-the-dispatcher-waits", "a Start while the broker is away either returns an error soon after its context has ended, and can be called again, or succeeds and receives when the broker is back", func(t *dispatchTrial) {
		t.needsDown()
		for _, disabled := range []bool{false, true} {
			c, tick := t.open(0), slot(fmt.Sprintf("w-%t", disabled))
			c.host.Disabled = disabled
			t.down(true)
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			err := t.within(300*time.Millisecond+soon/2, "Start", func() error { return c.start(ctx) })
			cancel()
			t.down(false)
			switch {
			case err != nil && disabled:
				c.mustStart()
			case err != nil:
				c = t.start()
			}
			t.dispatchedAgain(c, tick)
			t.by(5*soon, "the tick is delivered", func() bool { return len(t.of(tick)) == 1 })
		}
	}),
}

// down makes the broker unreachable, or reachable again.
func (t *dispatchTrial) down(down bool) {
	t.isDown = down
	t.queue.Down(down)
}

func (t *dispatchTrial) needsDown() {
	if t.queue.Down == nil {
		t.skip("the DispatcherBroker has no Down")
	}
}

// dispatchedAgain dispatches a tick until it can be.
func (t *dispatchTrial) dispatchedAgain(c *consumer, tick core.Tick) {
	t.eventually("Dispatch succeeds when the broker is back", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.d.Dispatch(ctx, tick) == nil
	})
}

// What Stop does.
var stopCases = []kase{
	dispatching("stop", "waits-for-deliveries", "Stop waits for the deliveries in progress, and returns nil soon after the last has ended", func(t *dispatchTrial) {
		c := t.start()
		finish := t.hold(c)
		c.dispatch(slots("w", 3)...)
		t.by(soon, "three ticks are delivered", func() bool { return t.inProgress() == 3 })
		stopped := t.stopping(c, limit)
		time.Sleep(calm)
		select {
		case err := <-stopped:
			require.Fail(t, "Stop has returned during deliveries", "%v", err)
		default:
		}
		close(finish)
		require.NoError(t, t.within(2*soon, "Stop", func() error { return <-stopped }), "Stop")
		for _, d := range t.all() {
			assert.NoError(t, d.cause, "why the context of a delivery had ended, for which Stop waits")
		}
		assert.Zero(t, t.inProgress(), "deliveries in progress after Stop")
	}),
	dispatching("stop", "waits-until-its-context-ends", "when Stop's context ends, the contexts of the deliveries end, Stop returns soon, and the ticks go to another instance", func(t *dispatchTrial) {
		c, ticks := t.start(), slots("w", 3)
		c.does(t.holds(nil))
		c.dispatch(ticks...)
		t.by(soon, "three ticks are delivered", func() bool { return t.inProgress() == 3 })
		stopped := t.stopping(c, time.Second)
		_ = t.within(time.Second+2*soon, "Stop", func() error { return <-stopped }) // whether that is an error is its own
		assert.Zero(t, t.inProgress(), "deliveries in progress after Stop")
		for _, d := range t.all() {
			assert.Error(t, d.cause, "why the context of a delivery had ended")
		}
		t.delivered(elsewhere, t.start(), ticks...)
	}),
	dispatching("stop", "receives-nothing-more", "an instance that is stopping takes nothing more out of the queue: what is dispatched then goes to others", func(t *dispatchTrial) {
		c, other := t.start(), t.open(0)
		other.closed.Store(true)
		other.mustStart()
		finish := t.hold(c)
		first := slot("first")
		c.dispatch(first)
		t.delivered(soon, c, first)
		stopped := t.stopping(c, limit)
		t.settle()
		time.Sleep(calm)
		ticks := slots("w", 10)
		other.dispatch(ticks...)
		time.Sleep(calm)
		require.Equal(t, 1, t.to(c), "the deliveries to the instance that is stopping")
		close(finish)
		require.NoError(t, t.within(2*soon, "Stop", func() error { return <-stopped }), "Stop")
		other.closed.Store(false)
		t.delivered(soon, other, ticks...)
		t.once(append(ticks, first)...)
	}),
	dispatching("stop", "without-deliveries-returns-at-once", "Stop returns soon if nothing is being delivered, though ticks wait in the queue", func(t *dispatchTrial) {
		c := t.open(0)
		c.closed.Store(true)
		c.mustStart().dispatch(slots("w", 10)...)
		time.Sleep(calm)
		stopped := t.stopping(c, limit)
		require.NoError(t, t.within(2*soon, "Stop", func() error { return <-stopped }), "Stop")
	}),
	dispatching("stop", "disturbs-no-other", "the deliveries of others go on when an instance stops", func(t *dispatchTrial) {
		stays := t.start()
		finish := t.hold(stays)
		first, second := slot("first"), slot("second")
		stays.dispatch(first)
		t.delivered(soon, stays, first)
		c := t.start()
		stopped := t.stopping(c, limit)
		require.NoError(t, t.within(2*soon, "Stop", func() error { return <-stopped }), "Stop")
		stays.dispatch(second)
		t.delivered(soon, stays, second)
		close(finish)
		t.once(first, second)
		for _, d := range t.all() {
			assert.NoError(t, d.cause, "why the context of a delivery had ended")
		}
	}),
	dispatching("stop", "lets-go-of-everything", "when Stop has returned no goroutine of the Dispatcher is left", func(t *dispatchTrial) {
		label := fmt.Sprintf("%p", t)
		pprof.Do(context.Background(), pprof.Labels("ledgertest", label), func(context.Context) {
			consumers := t.starts(3)
			consumers[0].dispatch(slots("w", 10)...)
			t.by(soon, "ten ticks are delivered", func() bool { return len(t.all()) == 10 })
			off := t.open(0)
			off.host.Disabled = true
			off.mustStart().dispatch(slots("v", 10)...)
			t.by(soon, "twenty ticks are delivered", func() bool { return len(t.all()) == 20 })
		})
		for _, c := range t.consumers {
			require.NoError(t, c.stop(2*soon), "Stop of %s", c.name)
		}
		t.settle()
		for deadline := time.Now().Add(soon); t.wall && marked(label) != "" && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		require.Empty(t, marked(label), "goroutines left behind")
	}),
	dispatching("stop", "returns-while-the-broker-is-away", "Stop returns soon after its context has ended, also if the broker does not answer", func(t *dispatchTrial) {
		t.needsDown()
		idle, busy, tick := t.start(), t.start(), slot("w")
		for _, c := range t.consumers {
			c.does(t.holds(nil))
		}
		busy.dispatch(tick)
		t.by(soon, "the tick is delivered", func() bool { return t.inProgress() == 1 })
		t.down(true)
		for _, c := range []*consumer{idle, busy} {
			stopped := t.stopping(c, 300*time.Millisecond)
			_ = t.within(5*soon, "Stop", func() error { return <-stopped })
		}
		assert.Zero(t, t.inProgress(), "deliveries in progress after Stop")
		t.down(false)
	}),
}

// stopping calls the Dispatcher's Stop. The channel gets what Stop returns.
func (t *dispatchTrial) stopping(c *consumer, patience time.Duration) <-chan error {
	c.running.Store(false)
	result := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		result <- c.d.Stop(ctx)
	}()
	return result
}
