package ledgertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// A dispatchMutant is a Dispatcher that is broken in one way. The suite is judged by
// whether it notices.
type dispatchMutant struct {
	name  string
	fails []string // the cases that must fail, among others
	// wrong breaks the Dispatcher of an instance on a queue.
	wrong func(*brokenDispatcher)
}

// TestDispatchMutants lets the suite find out about each mutant.
func TestDispatchMutants(t *testing.T) {
	for _, m := range dispatchMutants {
		t.Run(m.name, func(t *testing.T) {
			b := DispatcherBackend{Name: m.name, New: func(*testing.T) DispatcherBroker { return brokenQueue(m.wrong) }}
			mustFail(t, dispatcherSuite, m.fails, func(c kase) ([]string, string) { return judgeDispatcher(t, b, c) })
		})
	}
}

// TestEveryDispatcherCaseHasAMutant is TestEveryCaseHasAMutant for the suite of Dispatchers.
func TestEveryDispatcherCaseHasAMutant(t *testing.T) {
	fails := map[string][]string{}
	for _, m := range dispatchMutants {
		require.NotContains(t, fails, m.name, "two mutants of one name")
		fails[m.name] = m.fails
	}
	eachHasAMutant(t, dispatcherSuite, fails)
}

// brokenDispatcher is a right Dispatcher with some methods replaced, and those of its Inbox.
type brokenDispatcher struct {
	*QueueDispatcher
	*sharedQueue
	in ledger.Inbox // the suite's

	start    func(context.Context, core.Host, ledger.Inbox) error
	dispatch func(context.Context, core.Tick) error
	stop     func(context.Context) error
	failed   func(context.Context, core.Tick, error)
	open     func() bool
	deliver  func(context.Context, core.Tick) (ledger.Delivery, error)
}

// sharedQueue is what the Dispatchers of a mutant have in common.
type sharedQueue struct {
	*Queue
	away atomic.Bool // the broker is
	mu   sync.Mutex
	seen map[string]int // how often something happened, by name
	all  []*brokenDispatcher
	quit chan struct{}
}

// count counts something that happened, from one.
func (s *sharedQueue) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
	return s.seen[what]
}

func brokenQueue(wrong func(*brokenDispatcher)) DispatcherBroker {
	s := &sharedQueue{Queue: NewQueue(), seen: map[string]int{}, quit: make(chan struct{})}
	s.courtesy = 0 // each tick goes to an instance by chance
	members := map[string]*brokenDispatcher{}
	return DispatcherBroker{
		Open: func(i Instance) (ledger.Dispatcher, ledger.Store) {
			d := &brokenDispatcher{QueueDispatcher: s.Dispatcher(i.MaxConcurrent), sharedQueue: s}
			members[i.Name] = d
			s.mu.Lock()
			s.all = append(s.all, d)
			s.mu.Unlock()
			wrong(d)
			return d, nil
		},
		Down:     func(down bool) { s.away.Store(down); s.Down(down) },
		Cut:      func(instance string) { members[instance].Cut(true) },
		Recovery: QueueRecovery,
		End:      s.End,
	}
}

func (d *brokenDispatcher) Start(ctx context.Context, host core.Host, in ledger.Inbox) error {
	d.mu.Lock() // other instances' mutants look at it
	d.in = in
	d.mu.Unlock()
	if d.start != nil {
		return d.start(ctx, host, d)
	}
	return d.QueueDispatcher.Start(ctx, host, d)
}

func (d *brokenDispatcher) Dispatch(ctx context.Context, tick core.Tick) error {
	if d.dispatch != nil {
		return d.dispatch(ctx, tick)
	}
	return d.QueueDispatcher.Dispatch(ctx, tick)
}

func (d *brokenDispatcher) Stop(ctx context.Context) error {
	if d.stop != nil {
		return d.stop(ctx)
	}
	return d.QueueDispatcher.Stop(ctx)
}

func (d *brokenDispatcher) Failed(ctx context.Context, tick core.Tick, err error) {
	if d.failed != nil {
		d.failed(ctx, tick, err)
		return
	}
	d.QueueDispatcher.Failed(ctx, tick, err)
}

func (d *brokenDispatcher) Open() bool {
	if d.open != nil {
		return d.open()
	}
	return d.in.Open()
}

func (d *brokenDispatcher) Deliver(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
	if d.deliver != nil {
		return d.deliver(ctx, tick)
	}
	return d.in.Deliver(ctx, tick)
}

var dispatchMutants = []dispatchMutant{
	{"delivers each tick twice", []string{"dispatch/delivers-a-tick-once"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			_, _ = d.in.Deliver(ctx, tick)
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"forgets a tick when it is taken", []string{"dispatch/again-is-no-error-and-delivers-nothing"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			d.Queue.mu.Lock()
			delete(d.known, tick.ID())
			d.Queue.mu.Unlock()
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"refuses a tick that it knows", []string{"dispatch/again-is-no-error-and-delivers-nothing"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			if d.count(tick.ID()) > 1 {
				return errors.New("known")
			}
			return d.QueueDispatcher.Dispatch(ctx, tick)
		}
	}},
	{"joins triggers", []string{"dispatch/delivers-each-trigger"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			if tick.Manual != "" {
				tick.Manual = "the same for all"
			}
			return d.QueueDispatcher.Dispatch(ctx, tick)
		}
	}},
	{"loses a tick in a crowd", []string{"dispatch/delivers-a-thousand-ticks-once"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			if tick.Worker == "w-0777" {
				return nil
			}
			return d.QueueDispatcher.Dispatch(ctx, tick)
		}
	}},
	{"cuts names at a colon", []string{"dispatch/delivers-ticks-of-any-worker"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			for i, c := range tick.Worker {
				if c == ':' {
					tick.Worker = tick.Worker[:i]
					break
				}
			}
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"rounds slots to microseconds", []string{"dispatch/delivers-a-slot-to-the-nanosecond"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			tick.Slot = tick.Slot.Truncate(time.Microsecond)
			return d.QueueDispatcher.Dispatch(ctx, tick)
		}
	}},
	{"drops what nobody can receive", []string{"dispatch/keeps-a-tick-until-an-instance-starts"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			d.Queue.mu.Lock()
			nobody := len(d.members) == 0
			d.Queue.mu.Unlock()
			if nobody {
				return nil
			}
			return d.QueueDispatcher.Dispatch(ctx, tick)
		}
	}},
	{"receives on a disabled manager", []string{"dispatch/is-all-that-a-disabled-instance-does", "dispatch/keeps-a-tick-until-an-instance-starts"}, func(d *brokenDispatcher) {
		d.start = func(ctx context.Context, host core.Host, in ledger.Inbox) error {
			host.Disabled = false
			return d.QueueDispatcher.Start(ctx, host, in)
		}
	}},
	{"does not ask whether the Inbox is open", []string{"inbox/takes-nothing-while-closed", "inbox/closed-holds-up-no-tick"}, func(d *brokenDispatcher) {
		d.open = func() bool { return true }
	}},
	{"does not look again after the Inbox was closed", []string{"inbox/takes-nothing-while-closed"}, func(d *brokenDispatcher) {
		var was atomic.Bool
		d.open = func() bool {
			if !d.in.Open() {
				was.Store(true)
			}
			return !was.Load()
		}
	}},
	{"gives each tick to an instance at random, and waits until it is open", []string{"inbox/closed-holds-up-no-tick"}, func(d *brokenDispatcher) {
		d.open = func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, other := range d.all {
				if other.in != nil && !other.in.Open() {
					return false
				}
			}
			return true
		}
	}},
	{"takes a tick that an instance cannot run for ended", []string{"delivery/that-an-instance-cannot-run-goes-to-another"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			got, err := d.in.Deliver(ctx, tick)
			got.Absent = false
			return got, err
		}
	}},
	{"gives what an instance cannot run to the same again", []string{"delivery/that-an-instance-cannot-run-goes-to-another", "delivery/that-failed-with-an-error-goes-to-another"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			for {
				got, err := d.in.Deliver(ctx, tick)
				if err == nil && !got.Absent || ctx.Err() != nil {
					return got, err
				}
				time.Sleep(time.Second)
			}
		}
	}},
	{"takes an error for an end", []string{"delivery/that-failed-with-an-error-goes-to-another"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			got, err := d.in.Deliver(ctx, tick)
			if err != nil {
				got.Outcome, got.Err = core.Failed, err
			}
			return got, nil
		}
	}},
	{"tries a failure again", []string{"delivery/that-has-ended-is-the-last"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			got, err := d.in.Deliver(ctx, tick)
			return got, errors.Join(err, got.Err)
		}
	}},
	{"ends a delivery after half a minute", []string{"delivery/may-take-long"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"delivers ten at a time", []string{"delivery/holds-up-no-other"}, func(d *brokenDispatcher) { d.limit = 10; d.open = func() bool { return d.in.Open() && d.isFree(10) } }},
	{"recovers nothing", []string{"delivery/to-an-instance-that-dies-goes-to-another"}, func(d *brokenDispatcher) { d.recovery = time.Hour }},
	{"shows all as succeeded", []string{"delivery/is-shown-with-its-end", "witness/shows-a-failure-that-was-not-delivered"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			got, err := d.in.Deliver(ctx, tick)
			got.Outcome, got.Err, got.Past = core.Succeeded, nil, false
			return got, err
		}
	}},
	{"shows a tick as ended before it has", []string{"delivery/is-shown-with-its-end"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			go func() { _, _ = d.in.Deliver(ctx, tick) }()
			return ledger.Delivery{Outcome: core.Succeeded}, nil
		}
	}},
	{"is no use as a witness", []string{"witness/shows-a-failure-that-was-not-delivered"}, func(d *brokenDispatcher) {
		d.failed = func(context.Context, core.Tick, error) {}
	}},
	{"takes what a witness says for all ticks", []string{"witness/shows-a-failure-that-was-not-delivered"}, func(d *brokenDispatcher) {
		d.failed = func(_ context.Context, _ core.Tick, err error) {
			d.Queue.mu.Lock()
			defer d.Queue.mu.Unlock()
			for id := range d.known {
				d.failures[id] = err
			}
		}
	}},
	{"knows no limit", []string{"room/a-full-instance-leaves-ticks-to-others", "room/a-full-instance-leaves-what-only-it-knows-of"}, func(d *brokenDispatcher) {
		d.limit = 0
		d.mu.Lock()
		defer d.mu.Unlock()
		if d != d.all[0] { // the first, which the cases fill, is quicker than the others, and not by chance
			d.open = func() bool {
				time.Sleep(time.Millisecond)
				return d.in.Open()
			}
		}
	}},
	{"drops what nobody has room for", []string{"room/what-nobody-has-room-for-is-delivered-in-the-end"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			if !d.isFree(d.limit + 1) {
				return ledger.Delivery{Outcome: core.Skipped}, nil
			}
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"says that a tick is dispatched while the broker is away", []string{"outage/dispatch-fails-when-its-context-ends"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			_ = d.QueueDispatcher.Dispatch(ctx, tick)
			return nil
		}
	}},
	{"dispatches for as long as it takes", []string{"outage/dispatch-fails-when-its-context-ends"}, func(d *brokenDispatcher) {
		d.dispatch = func(ctx context.Context, tick core.Tick) error {
			return d.QueueDispatcher.Dispatch(context.WithoutCancel(ctx), tick)
		}
	}},
	{"loses what waits when the broker goes away", []string{"outage/what-was-dispatched-is-kept"}, func(d *brokenDispatcher) {
		d.open = func() bool {
			if d.away.Load() {
				d.Queue.mu.Lock()
				d.waiting = nil
				d.Queue.mu.Unlock()
			}
			return d.in.Open()
		}
	}},
	{"ends deliveries when the broker goes away", []string{"outage/a-delivery-goes-on"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() {
				for ctx.Err() == nil && !d.away.Load() {
					time.Sleep(100 * time.Millisecond)
				}
				cancel()
			}()
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"loses an end while the broker is away", []string{"outage/a-delivery-goes-on"}, func(d *brokenDispatcher) {
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			got, err := d.in.Deliver(ctx, tick)
			if d.away.Load() {
				err = errors.New("the end could not be recorded")
			}
			return got, err
		}
	}},
	{"starts for as long as it takes", []string{"outage/start-fails-or-the-dispatcher-waits"}, func(d *brokenDispatcher) {
		d.start = func(ctx context.Context, host core.Host, in ledger.Inbox) error {
			err := d.QueueDispatcher.Start(context.WithoutCancel(ctx), host, in)
			if ctx.Err() != nil { // nobody waits for it any more
				_ = d.QueueDispatcher.Stop(context.Background())
				return context.Cause(ctx)
			}
			return err
		}
	}},
	{"says that it has started while the broker is away", []string{"outage/start-fails-or-the-dispatcher-waits"}, func(d *brokenDispatcher) {
		d.start = func(ctx context.Context, host core.Host, in ledger.Inbox) error {
			if err := d.QueueDispatcher.Start(ctx, host, in); err != nil {
				d.stop = func(context.Context) error { return nil }
			}
			return nil
		}
	}},
	{"stops without waiting for deliveries", []string{"stop/waits-for-deliveries"}, func(d *brokenDispatcher) {
		d.stop = func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_ = d.QueueDispatcher.Stop(ctx)
			return nil
		}
	}},
	{"waits for deliveries however long they take", []string{"stop/waits-until-its-context-ends", "stop/returns-while-the-broker-is-away"}, func(d *brokenDispatcher) {
		d.stop = func(ctx context.Context) error { return d.QueueDispatcher.Stop(context.WithoutCancel(ctx)) }
	}},
	{"receives while it stops", []string{"stop/receives-nothing-more"}, func(d *brokenDispatcher) {
		d.stop = func(ctx context.Context) error {
			for ctx.Err() == nil && !d.isFree(1) {
				time.Sleep(10 * time.Millisecond)
			}
			return d.QueueDispatcher.Stop(ctx)
		}
	}},
	{"takes all that waits when it stops", []string{"stop/without-deliveries-returns-at-once"}, func(d *brokenDispatcher) {
		d.stop = func(ctx context.Context) error {
			for ctx.Err() == nil {
				d.Queue.mu.Lock()
				left := len(d.waiting)
				d.Queue.mu.Unlock()
				if left == 0 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			return d.QueueDispatcher.Stop(ctx)
		}
	}},
	{"stops the deliveries of all", []string{"stop/disturbs-no-other"}, func(d *brokenDispatcher) {
		d.stop = func(ctx context.Context) error {
			if d.count("stop") == 1 {
				close(d.quit)
			}
			return d.QueueDispatcher.Stop(ctx)
		}
		d.deliver = func(ctx context.Context, tick core.Tick) (ledger.Delivery, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() {
				defer cancel()
				select {
				case <-d.quit:
				case <-ctx.Done():
				}
			}()
			return d.in.Deliver(ctx, tick)
		}
	}},
	{"leaves a goroutine behind", []string{"stop/lets-go-of-everything"}, func(d *brokenDispatcher) {
		d.start = func(ctx context.Context, host core.Host, in ledger.Inbox) error {
			go time.Sleep(time.Minute)
			return d.QueueDispatcher.Start(ctx, host, in)
		}
	}},
}

// isFree returns whether an instance has fewer ticks in its hands.
func (d *brokenDispatcher) isFree(n int) bool {
	d.Queue.mu.Lock()
	defer d.Queue.mu.Unlock()
	return d.held < n
}
