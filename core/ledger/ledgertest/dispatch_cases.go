package ledgertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// What Dispatch does.
var dispatchCases = []kase{
	dispatching("dispatch", "delivers-a-tick-once", "a tick that several instances dispatch at once is delivered once, to one of them, with its worker and its slot", func(t *dispatchTrial) {
		consumers, tick := t.starts(3), slot("w")
		t.atOnce(consumers, func(c *consumer) { c.dispatch(tick) })
		t.once(tick)
		got := t.all()[0].tick
		assert.Equal(t, tick.Worker, got.Worker, "the worker of the tick that was delivered")
		assert.True(t, tick.Slot.Equal(got.Slot), "the slot of the tick that was delivered: %s, not %s", got.Slot, tick.Slot)
		assert.Empty(t, got.Manual, "the trigger of the tick that was delivered")
	}),
	dispatching("dispatch", "again-is-no-error-and-delivers-nothing", "a tick that is dispatched again, by any instance, is no error and is not delivered again: neither during its delivery nor after that", func(t *dispatchTrial) {
		consumers, tick := t.starts(3), slot("w")
		finish := t.hold(consumers...)
		consumers[0].dispatch(tick)
		t.by(soon, "the tick is delivered", func() bool { return t.inProgress() == 1 })
		t.atOnce(consumers, func(c *consumer) { c.dispatch(tick) })
		time.Sleep(calm)
		require.Len(t, t.all(), 1, "the deliveries, when it was dispatched again during the first")
		close(finish)
		t.by(soon, "the delivery ends", func() bool { return t.inProgress() == 0 })
		t.atOnce(consumers, func(c *consumer) { c.dispatch(tick) })
		t.once(tick)
	}),
	dispatching("dispatch", "delivers-each-trigger", "triggers of a worker are ticks of their own: each is delivered once, besides the worker's slots", func(t *dispatchTrial) {
		consumers := t.starts(2)
		ticks := []core.Tick{slot("w"), core.ManualTick("w"), core.ManualTick("w"), core.ManualTick("v")}
		for _, c := range consumers {
			c.dispatch(ticks...)
		}
		t.once(ticks...)
		for _, d := range t.all() {
			assert.Equal(t, d.tick.Manual != "", d.tick.Slot.IsZero(), "a tick has either a slot or a trigger: %+v", d.tick)
		}
	}),
	dispatching("dispatch", "delivers-a-thousand-ticks-once", "a thousand ticks that three instances dispatch at once are delivered once each", func(t *dispatchTrial) {
		consumers, ticks := t.starts(3), slots("w", 1000)
		for _, c := range consumers {
			c.does(func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
				time.Sleep(10 * time.Millisecond)
				return succeeds(ctx, tick)
			})
		}
		t.atOnce(consumers, func(c *consumer) { // as an engine's sender does
			var lanes sync.WaitGroup
			for lane := range slices.Chunk(ticks, 50) {
				lanes.Go(func() {
					for _, tick := range lane {
						ctx, cancel := briefly()
						assert.NoError(t, c.d.Dispatch(ctx, tick), "Dispatch of %s by %s", tick.ID(), c.name)
						cancel()
					}
				})
			}
			lanes.Wait()
		})
		t.once(ticks...)
	}),
	dispatching("dispatch", "delivers-ticks-of-any-worker", "a tick is delivered as it was dispatched, whatever the worker's name has in it", func(t *dispatchTrial) {
		c := t.start()
		var ticks []core.Tick
		for _, name := range []string{"a:b", "a/b", "a.b", "a_b-c", "a", "A", "a:", "worker:a", strings.Repeat("x", 128)} {
			ticks = append(ticks, slot(name), core.ManualTick(name))
		}
		c.dispatch(ticks...)
		t.once(ticks...)
	}),
	dispatching("dispatch", "delivers-a-slot-to-the-nanosecond", "slots of a worker that differ by a nanosecond are two ticks", func(t *dispatchTrial) {
		c, first, second := t.start(), slot("w"), slot("w")
		second.Slot = second.Slot.Add(1)
		c.dispatch(first, second)
		t.once(first, second)
	}),
	dispatching("dispatch", "keeps-a-tick-until-an-instance-starts", "a tick that no instance can receive is delivered to the first that starts", func(t *dispatchTrial) {
		off, tick := t.open(0), slot("w")
		off.host.Disabled = true
		off.mustStart().dispatch(tick)
		time.Sleep(calm)
		t.delivered(soon, t.start(), tick)
		t.once(tick)
	}),
	dispatching("dispatch", "is-all-that-a-disabled-instance-does", "with Host.Disabled the Dispatcher dispatches and receives nothing: it never asks the Inbox", func(t *dispatchTrial) {
		off, on := t.open(0), t.start()
		off.host.Disabled = true
		off.mustStart()
		ticks := slots("w", 20)
		off.dispatch(ticks...)
		t.delivered(5*soon, on, ticks...)
		on.closed.Store(true) // what is dispatched now waits for somebody
		off.dispatch(slot("v"))
		time.Sleep(calm)
		assert.Zero(t, t.to(off), "the deliveries to the disabled instance")
		assert.Zero(t, off.asked.Load(), "how often the disabled instance's Inbox was asked whether it is open")
	}),
}

// atOnce calls f for each consumer, all at once.
func (t *dispatchTrial) atOnce(consumers []*consumer, f func(*consumer)) {
	var calls sync.WaitGroup
	for _, c := range consumers {
		calls.Go(func() { f(c) })
	}
	calls.Wait()
}

// When an instance takes ticks.
var inboxCases = []kase{
	dispatching("inbox", "takes-nothing-while-closed", "an instance whose Inbox is closed takes nothing out of the queue, and gets what waits there soon after the Inbox is open", func(t *dispatchTrial) {
		c, ticks := t.open(0), slots("w", 5)
		c.closed.Store(true)
		c.mustStart().dispatch(ticks...)
		time.Sleep(calm)
		require.Empty(t, t.all(), "the deliveries to an Inbox that is closed")
		c.closed.Store(false)
		t.delivered(soon, c, ticks...)
		c.closed.Store(true)
		more := slots("v", 5)
		c.dispatch(more...)
		time.Sleep(calm)
		require.Len(t, t.all(), len(ticks), "the deliveries, when the Inbox was closed again")
		c.closed.Store(false)
		t.delivered(soon, c, more...)
		t.once(append(ticks, more...)...)
	}),
	dispatching("inbox", "closed-holds-up-no-tick", "a tick is delivered promptly to an instance whose Inbox is open, though those of others are closed", func(t *dispatchTrial) {
		consumers := t.starts(3)
		closed := consumers[:2]
		for _, c := range closed {
			c.closed.Store(true)
		}
		for _, tick := range slots("w", 20) {
			t.settle()
			t.atOnce(consumers, func(c *consumer) { c.dispatch(tick) })
			t.delivered(soon/4, consumers[2], tick)
		}
		assert.Len(t, t.all(), 20, "the deliveries of twenty ticks")
	}),
}

// What becomes of a tick that an instance took.
var deliveryCases = []kase{
	dispatching("delivery", "that-an-instance-cannot-run-goes-to-another", "a tick for which an instance answers Absent, as one without the worker does, is delivered to another that can run it", func(t *dispatchTrial) {
		t.goesElsewhere(answers(ledger.Delivery{Absent: true}))
	}),
	dispatching("delivery", "that-failed-with-an-error-goes-to-another", "a tick for which Deliver returns an error is delivered again", func(t *dispatchTrial) {
		t.goesElsewhere(func(context.Context, core.Tick) (ledger.Delivery, error) {
			return ledger.Delivery{}, errors.New("the instance is stopping")
		})
	}),
	dispatching("delivery", "that-has-ended-is-the-last", "a tick that came to its end, however that was, is not delivered again", func(t *dispatchTrial) {
		c := t.start()
		var ticks []core.Tick
		for i, end := range ends {
			tick := slot(slots("w", len(ends))[i].Worker)
			ticks = append(ticks, tick)
			c.does(answers(end))
			c.dispatch(tick)
			t.delivered(soon, c, tick)
		}
		time.Sleep(elsewhere)
		t.once(ticks...)
	}),
	dispatching("delivery", "may-take-long", "a delivery that takes minutes goes on: its context does not end, and the tick is delivered to nobody else", func(t *dispatchTrial) {
		consumers, tick := t.starts(2), slot("w")
		finish := t.hold(consumers...)
		consumers[0].dispatch(tick)
		long := limit * 3 / 4
		if t.wall {
			long = calm
		}
		time.Sleep(long)
		close(finish)
		t.by(soon, "the delivery ends", func() bool { return t.inProgress() == 0 })
		require.Len(t, t.all(), 1, "the deliveries")
		require.NoError(t, t.all()[0].cause, "why its context had ended")
	}),
	dispatching("delivery", "holds-up-no-other", "a hundred deliveries to one instance are in progress at once", func(t *dispatchTrial) {
		c := t.start()
		c.does(t.holds(nil))
		c.dispatch(slots("w", 100)...)
		t.by(soon, "a hundred deliveries are in progress", func() bool { return t.inProgress() == 100 })
		c.does(succeeds)
		tick := slot("v")
		c.dispatch(tick)
		t.delivered(soon, c, tick)
	}),
	dispatching("delivery", "to-an-instance-that-dies-goes-to-another", "what an instance has in its hands when it dies is delivered to another within the declared time", func(t *dispatchTrial) {
		if t.queue.Cut == nil || t.queue.Recovery == 0 {
			t.skip("the DispatcherBroker has no Cut, or no Recovery")
		}
		dies, ticks := t.start(), slots("w", 3)
		dies.does(t.holds(nil))
		dies.dispatch(ticks...)
		t.delivered(soon, dies, ticks...)
		dies.dead = true
		t.queue.Cut(dies.name)
		other := t.start()
		t.delivered(t.queue.Recovery, other, ticks...)
	}),
	dispatching("delivery", "is-shown-with-its-end", "the queue's tools show how a tick ended, and the error of one that failed", func(t *dispatchTrial) {
		if t.queue.End == nil {
			t.skip("the DispatcherBroker has no End")
		}
		c := t.start()
		for i, end := range ends {
			tick := slot(slots("w", len(ends))[i].Worker)
			finish := make(chan struct{})
			c.does(func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
				if _, err := t.holds(finish)(ctx, tick); err != nil {
					return ledger.Delivery{}, err
				}
				return end, nil
			})
			c.dispatch(tick)
			t.delivered(soon, c, tick)
			_, ended := t.queue.End(tick)
			assert.False(t, ended, "whether the tick is shown as ended while it is being delivered")
			close(finish)
			t.by(soon, "the end is shown", func() bool { _, ended := t.queue.End(tick); return ended })
			got, _ := t.queue.End(tick)
			if end.Outcome == core.Succeeded || end.Outcome == core.Failed || end.Outcome == core.Skipped {
				assert.Equal(t, end.Outcome.String(), got.Outcome.String(), "the outcome shown of %+v", end)
			}
			if end.Err != nil {
				assert.ErrorContains(t, got.Err, end.Err.Error(), "the error shown of %+v", end)
			}
		}
	}),
	dispatching("witness", "shows-a-failure-that-was-not-delivered", "after Failed, a tick whose delivery is answered as past is shown as failed, with the error; without Failed it is not", func(t *dispatchTrial) {
		consumers := t.starts(2)
		witness, ok := consumers[1].d.(ledger.Witness)
		if !ok || t.queue.End == nil {
			t.skip("the Dispatcher is no Witness, or the DispatcherBroker has no End")
		}
		finish := make(chan struct{})
		for _, c := range consumers {
			c.does(func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
				_, err := t.holds(finish)(ctx, tick)
				return ledger.Delivery{Past: true, Note: "was run elsewhere"}, err
			})
		}
		failed, other := slot("failed"), slot("other")
		consumers[0].dispatch(failed, other)
		t.by(soon, "both are delivered", func() bool { return t.inProgress() == 2 })
		ctx, cancel := briefly()
		defer cancel()
		witness.Failed(ctx, failed, errors.New("no more paper"))
		close(finish)
		t.by(soon, "both ends are shown", func() bool {
			_, one := t.queue.End(failed)
			_, two := t.queue.End(other)
			return one && two
		})
		got, _ := t.queue.End(failed)
		assert.Equal(t, core.Failed.String(), got.Outcome.String(), "the outcome shown of the tick that has failed")
		assert.ErrorContains(t, got.Err, "no more paper", "the error shown of the tick that has failed")
		got, _ = t.queue.End(other)
		assert.NotEqual(t, core.Failed.String(), got.Outcome.String(), "the outcome shown of the other tick")
	}),
}

// ends are Deliveries of ticks that came to their end.
var ends = []ledger.Delivery{
	{Outcome: core.Succeeded},
	{Outcome: core.Failed, Err: errors.New("no more paper")},
	{Outcome: core.Skipped, Note: "skipped: overlap"},
	{Outcome: core.Cancelled, Note: "was cut off"},
	{Past: true, Note: "was run elsewhere"},
}

// goesElsewhere has one of two instances answer what it gets with a, and wants the other to
// get all.
func (t *dispatchTrial) goesElsewhere(a answer) {
	without, with, ticks := t.start(), t.open(0), slots("w", 10)
	without.does(a)
	without.dispatch(ticks...)
	t.delivered(5*soon, without, ticks...)
	with.mustStart()
	t.delivered(elsewhere, with, ticks...)
	for _, tick := range ticks {
		n := 0
		for _, d := range t.of(tick) {
			if d.to == with.name {
				n++
			}
		}
		assert.Equal(t, 1, n, "the deliveries of %s to the instance that can run it", tick.ID())
	}
}
