package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A post is a queue in memory, which delivers each tick that is dispatched, once
// for its id, to the boxes in turn, until one has taken it.
type post struct {
	twice, never bool
	late         time.Duration
	failed       func(core.Tick, error) // as a Witness

	mu     sync.Mutex
	shut   bool // nothing can be dispatched
	tries  int  // to dispatch, while it was
	boxes  []*mailbox
	turn   int
	seen   map[string]bool
	absent int
	ends   []ledger.Delivery
	last   map[string]ledger.Delivery // by tick
}

// A mailbox is one instance's Dispatcher.
type mailbox struct {
	post *post
	in   ledger.Inbox
	ctx  context.Context
	end  context.CancelFunc
	open sync.WaitGroup
}

func (b *mailbox) Start(_ context.Context, _ core.Host, in ledger.Inbox) error {
	b.in = in
	b.ctx, b.end = context.WithCancel(context.Background())
	b.post.mu.Lock()
	defer b.post.mu.Unlock()
	b.post.boxes = append(b.post.boxes, b)
	return nil
}

func (b *mailbox) Dispatch(_ context.Context, tick core.Tick) error {
	p := b.post
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		p.tries++
		return errors.New("the post is shut")
	}
	if p.never || p.seen[tick.ID()] {
		return nil
	}
	if p.seen == nil {
		p.seen, p.last = map[string]bool{}, map[string]ledger.Delivery{}
	}
	p.seen[tick.ID()] = true
	p.send(tick, p.late)
	if p.twice {
		p.send(tick, p.late)
		p.send(tick, p.late+300*time.Millisecond)
	}
	return nil
}

// send delivers a tick to the next box. p.mu is held.
func (p *post) send(tick core.Tick, after time.Duration) {
	if len(p.boxes) == 0 {
		return
	}
	p.turn++
	b := p.boxes[p.turn%len(p.boxes)]
	b.open.Go(func() {
		select {
		case <-time.After(after):
		case <-b.ctx.Done():
			p.mu.Lock()
			defer p.mu.Unlock()
			p.send(tick, after)
			return
		}
		if !b.in.Open() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.send(tick, 50*time.Millisecond)
			return
		}
		d, err := b.in.Deliver(context.WithoutCancel(b.ctx), tick)
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case d.Absent || err != nil:
			p.absent++
			p.send(tick, time.Second)
		default:
			p.ends = append(p.ends, d)
			p.last[tick.ID()] = d
		}
	})
}

func (b *mailbox) Failed(_ context.Context, tick core.Tick, err error) {
	if b.post.failed != nil {
		b.post.failed(tick, err)
	}
}

func (b *mailbox) Stop(ctx context.Context) error {
	p := b.post
	p.mu.Lock()
	for i, other := range p.boxes {
		if other == b {
			p.boxes = append(p.boxes[:i:i], p.boxes[i+1:]...)
		}
	}
	p.mu.Unlock()
	b.end()
	done := make(chan struct{})
	go func() { defer close(done); b.open.Wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outcomes counts how deliveries ended.
func (p *post) outcomes() map[core.Outcome]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := map[core.Outcome]int{}
	for _, d := range p.ends {
		n[d.Outcome]++
	}
	return n
}

// dispatched runs a test over a post, watched and polled.
func dispatched(t *testing.T, n int, p func() *post, f func(*cluster, *post)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			k.post = p()
			inClusterOf(t, k, n, func(cl *cluster) { f(cl, k.post) })
		})
	}
}

func TestDispatchedOnce(t *testing.T) {
	for name, p := range map[string]*post{
		"once":         {},
		"twice":        {twice: true},
		"late":         {late: 200 * time.Millisecond},
		"twice, late":  {twice: true, late: 200 * time.Millisecond},
		"half as late": {late: 400 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			dispatched(t, 3, func() *post { return &post{twice: p.twice, late: p.late} }, func(cl *cluster, p *post) {
				for i := range 10 {
					cl.add(core.Worker{Name: fmt.Sprint("w", i), Schedule: core.Every(time.Second), Run: lasting(10 * time.Millisecond)})
				}
				cl.start()
				time.Sleep(2 * time.Minute)
				for i := range 10 {
					name := fmt.Sprint("w", i)
					cl.oncePerSlot(name, time.Second, 120)
					cl.fencesRise(name)
				}
				require.GreaterOrEqual(cl.t, p.outcomes()[core.Succeeded], 1200, "deliveries that ended with the run")
				require.Zero(cl.t, p.outcomes()[core.Skipped], "deliveries whose slot was said to be skipped, and was run")
				require.NoError(cl.t, errOf(cl.nodes[1].m.Trigger(context.Background(), "w3")))
				time.Sleep(time.Second)
				runs, manual := cl.of("w3"), 0
				for _, r := range runs {
					if r.tick.Manual != "" {
						manual++
					}
				}
				require.Equal(cl.t, 1, manual, "the runs of a trigger")
			})
		})
	}
}

// What is never delivered is claimed by the instances themselves, later.
func TestNeverDelivered(t *testing.T) {
	dispatched(t, 3, func() *post { return &post{never: true} }, func(cl *cluster, _ *post) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Minute)})
		cl.start()
		require.NoError(cl.t, errOf(cl.nodes[0].m.Trigger(context.Background(), "w")))
		time.Sleep(10*time.Minute + 5*time.Second)
		runs := cl.of("w")
		require.Len(cl.t, runs, 11, "ten slots and a trigger")
		for _, r := range runs[1:] {
			require.Less(cl.t, r.began.Sub(r.tick.Slot), lease/2, "%s", r.tick)
		}
	})
}

// Also where each slot falls due before the one before it was given up on.
func TestNeverDeliveredOfAShortPeriod(t *testing.T) {
	dispatched(t, 3, func() *post { return &post{never: true} }, func(cl *cluster, _ *post) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(500 * time.Millisecond)})
		cl.start()
		time.Sleep(time.Minute)
		runs := cl.of("w")
		require.Greater(cl.t, len(runs), 15)
		for i, r := range runs[1:] {
			require.LessOrEqual(cl.t, r.began.Sub(runs[i].began), 4*time.Second, "%s", r.tick)
		}
	})
}

// What cannot be dispatched is tried again, ever more seldom, and is dispatched soon
// after it can be.
func TestUndispatched(t *testing.T) {
	dispatched(t, 3, func() *post { return &post{} }, func(cl *cluster, p *post) {
		shut := func(shut bool) (tries int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.shut = shut
			return p.tries
		}
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Minute)})
		cl.start()
		cl.align(time.Minute)
		shut(true)
		time.Sleep(10 * time.Minute)
		tries := shut(false)
		require.Greater(cl.t, tries, 10*3, "tries, in ten minutes, on three instances")
		require.Less(cl.t, tries, 10*3*20, "tries, in ten minutes, on three instances")
		ended := p.outcomes()[core.Succeeded]
		time.Sleep(lease)
		require.Greater(cl.t, p.outcomes()[core.Succeeded], ended, "the latest of them came to its end")
		time.Sleep(10 * time.Minute)
		cl.oncePerSlot("w", time.Minute, 20)
	})
}

// An instance that was cut off for so long that it claims nothing until it has beaten
// again, and is delivered a tick as soon as it is back, does not keep the tick
// waiting until its next beat.
func TestDeliveredToOneThatIsBack(t *testing.T) {
	for _, back := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond} {
		t.Run(back.String(), func(t *testing.T) {
			dispatched(t, 2, func() *post { return &post{} }, func(cl *cluster, p *post) {
				const period = 30 * time.Second
				cl.add(core.Worker{Name: "w", Schedule: core.Every(period)})
				cl.start()
				cl.align(period)
				time.Sleep(lease / 2) // all know of its run
				slot := time.Now().Truncate(period).Add(period)
				cl.nodes[0].store.Cut(true)
				time.Sleep(time.Until(slot) - back)
				cl.nodes[0].store.Cut(false)
				p.mu.Lock()
				p.turn = 1 // so that the next goes to the first box
				p.mu.Unlock()
				time.Sleep(back + 100*time.Millisecond)
				runs := cl.of("w")
				require.NotEmpty(cl.t, runs)
				last := runs[len(runs)-1]
				require.Equal(cl.t, slot.UTC(), last.tick.Slot.UTC(), "the slot that was run last, a tenth of a second after one")
				require.Equal(cl.t, "n1", last.node)
			})
		})
	}
}

// A tick goes on from an instance that does not have the worker.
func TestDeliveredToOneWithoutTheWorker(t *testing.T) {
	dispatched(t, 3, func() *post { return &post{} }, func(cl *cluster, p *post) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(10 * time.Second)}, cl.nodes[0])
		cl.add(core.Worker{Name: "other", Schedule: core.Every(10 * time.Second)}, cl.nodes[1])
		cl.start()
		time.Sleep(5*time.Minute + 5*time.Second)
		cl.oncePerSlot("w", 10*time.Second, 30)
		cl.oncePerSlot("other", 10*time.Second, 30)
		require.Greater(cl.t, p.absent, 10)
	})
}

// A slot that falls due while the worker runs is answered as an overlap, and an
// instance that stops, patiently or not, answers all that it was delivered.
func TestDeliveriesAreAnswered(t *testing.T) {
	dispatched(t, 3, func() *post { return &post{twice: true} }, func(cl *cluster, p *post) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: lasting(2500 * time.Millisecond)})
		cl.start()
		time.Sleep(30 * time.Second)
		require.NotZero(cl.t, p.outcomes()[core.Skipped])
		require.NotZero(cl.t, p.outcomes()[core.Succeeded])
		cl.nodes[0].stop()
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = cl.nodes[1].m.Stop(ctx)
		cl.nodes[1].stopped = true
		time.Sleep(10 * time.Second)
		cl.broker.Down(true)
		began := time.Now()
		_ = cl.nodes[2].m.Stop(context.Background())
		cl.nodes[2].stopped = true
		require.Less(cl.t, time.Since(began), lease*3/2, "a Stop without a limit, while the broker is away")
		cl.fencesRise("w")
	})
}

// A slot that is due by this instance's clock, while another runs the worker by whose
// clock it is not, may be run still: it is not said to be skipped.
func TestADeliveryThatIsEarlyElsewhere(t *testing.T) {
	dispatched(t, 1, func() *post { return &post{} }, func(cl *cluster, p *post) {
		cl.join(core.Options{Now: func() time.Time { return time.Now().Add(2 * time.Second) }})
		cl.add(core.Worker{Name: "w", Schedule: core.Every(5 * time.Second), Run: lasting(4 * time.Second)})
		cl.start()
		time.Sleep(5 * time.Minute)
		shares := map[string]int{}
		for _, r := range cl.of("w") {
			if !r.ended.IsZero() && time.Since(r.ended) > lease/2 { // where it is polled, the other node is told late
				shares[r.node]++
				require.Equal(cl.t, core.Succeeded, p.last[r.tick.ID()].Outcome, "%s, which was run", r.tick)
			}
		}
		require.Len(cl.t, shares, 2, "nodes that ran it")
	})
}

// A Witness is told of a run that has failed and was not delivered to the instance
// that ran it, and of no other, before another begins and before Stop returns.
func TestAWitnessIsToldBeforeAnythingElse(t *testing.T) {
	fails := func(context.Context) error { time.Sleep(100 * time.Millisecond); return errors.New("disk full") }
	for _, never := range []bool{true, false} {
		dispatched(t, 1, func() *post { return &post{never: never} }, func(cl *cluster, p *post) {
			var told []core.Tick
			p.failed = func(tick core.Tick, err error) {
				require.EqualError(cl.t, err, "disk full")
				time.Sleep(1500 * time.Millisecond)
				told = append(told, tick)
			}
			cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: fails})
			cl.add(core.Worker{Name: "good", Schedule: core.Every(time.Second)})
			cl.start()
			time.Sleep(20*time.Second + 550*time.Millisecond)
			cl.nodes[0].stop()
			runs := cl.of("w")
			if !never {
				require.Empty(cl.t, told)
				return
			}
			require.Len(cl.t, told, len(runs))
			for i, r := range runs {
				require.Equal(cl.t, r.tick.ID(), told[i].ID())
				if i > 0 {
					require.GreaterOrEqual(cl.t, r.began.Sub(runs[i-1].ended), 1500*time.Millisecond)
				}
			}
		})
	}
}

// What a delivery that comes late is told of a tick whose instances have died in it,
// also where slots have passed meanwhile.
func TestADeliveryAfterCrashes(t *testing.T) {
	for _, c := range []struct {
		once bool
		want ledger.Delivery
	}{
		{false, ledger.Delivery{Outcome: core.Skipped, Note: "skipped: refused"}},
		{true, ledger.Delivery{Outcome: core.Failed, Err: errors.New("its instance died, and it runs at most once")}},
	} {
		dispatched(t, 4, func() *post { return &post{never: true} }, func(cl *cluster, p *post) {
			cl.add(core.Worker{Name: "w", Schedule: core.Every(40 * time.Second), AtMostOnce: c.once, Run: lasting(time.Hour)})
			cl.start()
			time.Sleep(50 * time.Second)
			tick := cl.of("w")[0].tick
			boxes := map[string]ledger.Inbox{}
			for i, n := range cl.nodes {
				boxes[n.name] = p.boxes[i].in
			}
			for i := range 3 {
				dies := cl.holder("w")
				dies.store.Cut(true)
				delete(boxes, dies.name)
				time.Sleep(lease * 7 / 5)
				if c.once || i == 2 {
					break
				}
			}
			for name, in := range boxes {
				got, err := in.Deliver(cl.t.Context(), tick)
				require.NoError(cl.t, err)
				require.Equal(cl.t, c.want.Outcome, got.Outcome, name)
				require.Equal(cl.t, c.want.Note, got.Note, name)
				require.Equal(cl.t, fmt.Sprint(c.want.Err), fmt.Sprint(got.Err), name)
			}
		})
	}
}

// The delivery of a trigger that comes after other runs of the worker.
func TestADeliveryOfATriggerThatIsPast(t *testing.T) {
	dispatched(t, 2, func() *post { return &post{never: true} }, func(cl *cluster, p *post) {
		cl.add(core.Worker{Name: "w", Schedule: core.Every(10 * time.Second)})
		cl.start()
		require.NoError(cl.t, errOf(cl.nodes[0].m.Trigger(cl.t.Context(), "w")))
		time.Sleep(time.Minute)
		runs := cl.of("w")
		require.NotEmpty(cl.t, runs[0].tick.Manual)
		require.Greater(cl.t, len(runs), 3)
		for _, b := range p.boxes {
			got, err := b.in.Deliver(cl.t.Context(), runs[0].tick)
			require.NoError(cl.t, err)
			require.True(cl.t, got.Past, "%+v", got)
		}
	})
}

// An instance to which the delivery of a tick has come that is run elsewhere still
// dispatches the slots that fall due.
func TestSlotsAreDispatchedByOneThatWaitsForAnother(t *testing.T) {
	dispatched(t, 2, func() *post { return &post{} }, func(cl *cluster, p *post) {
		w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: lasting(90 * time.Second)}
		cl.add(w, cl.nodes[0])
		cl.start()
		time.Sleep(time.Minute)
		tick := cl.of("w")[0].tick
		cl.add(w, cl.nodes[1])
		cl.align(time.Second)
		answer := make(chan ledger.Delivery, 1)
		go func() {
			got, err := p.boxes[1].in.Deliver(context.Background(), tick)
			assert.NoError(cl.t, err)
			answer <- got
		}()
		cl.align(time.Second)
		go func() { _ = cl.nodes[0].m.Remove(context.Background(), "w") }()
		time.Sleep(time.Minute)
		p.mu.Lock()
		dispatched := p.seen["w@"+tick.Slot.Add(time.Minute).Format(time.RFC3339)]
		p.mu.Unlock()
		require.True(cl.t, dispatched)
		require.Empty(cl.t, answer, "the delivery of a run that goes on")
		require.Equal(cl.t, core.Succeeded, (<-answer).Outcome)
	})
}
