package asynq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// dispatcher carries ticks through asynq's queue. A tick is a task whose id is
// the tick's, so that of all the instances that enqueue it Redis lets one in, and
// asynq gives it to one of them. Whether it runs there is the ledger's to say:
// asynq abandons a task while its handler still works on it, and gives it to
// another.
type dispatcher struct {
	cfg    Config
	store  *store
	host   core.Host
	client *asynq.Client
	server *asynq.Server // nil on a disabled manager, which takes no task
	source *source       // the same
	in     ledger.Inbox
	life   context.Context // of the deliveries
	end    context.CancelFunc
	tasks  gate

	sent     sent
	registry registry
}

func newDispatcher(cfg Config, s *store) *dispatcher {
	return &dispatcher{cfg: cfg, store: s, sent: newSent(), registry: registry{store: s, lease: cfg.Lease}}
}

// tokens is how many ticks asynq takes at a time. It is to be no limit: what is left
// in the queue does not wait its turn (ERR-7), but is missed. The source leaves ticks
// to others, and MaxConcurrent bounds those that run.
var tokens = 1 << 17

const (
	// forever is longer than any run: a worker's Timeout is kept by the
	// manager, asynq's would abandon the run.
	forever = 10 * 365 * 24 * time.Hour

	// tries is more than one, so that a task which has to go to another
	// instance can. None is used up: nothing that is tried again has failed.
	tries = 3

	// A task that could not be taken here is tried again after a tenth of the time
	// that has passed since its tick was due, within these bounds: where it is not
	// known whether any instance has its worker, it goes round for good.
	elsewhereAfter = time.Second
	longestAway    = witnessed / 2

	// longAgo is in the past by whatever clock asynq looks at next.
	longAgo = 24 * time.Hour

	// tidyEvery is how often, at most, what has been shown for long enough is
	// deleted: asynq's own measure.
	tidyEvery = 8 * time.Second
)

// comesBack is how often asynq looks for tasks that are to be tried again, and so how much
// later than they are to be they come back into the queue.
func comesBack(poll time.Duration) time.Duration { return max(poll, elsewhereAfter) }

// Start implements ledger.Dispatcher.
func (d *dispatcher) Start(_ context.Context, host core.Host, in ledger.Inbox) error {
	d.host, d.in = host, in
	d.life, d.end = context.WithCancel(context.Background())
	d.client = asynq.NewClientFromRedisClient(d.store.client)
	if host.Disabled {
		return nil
	}
	d.source = newSource(d.store.client, in.Open, d.store.queue, d.cfg.Poll, d.cfg.Concurrency)
	d.server = asynq.NewServerFromRedisClient(d.source, asynq.Config{
		Concurrency:              tokens,
		Queues:                   map[string]int{d.store.queue: 1},
		TaskCheckInterval:        backAt,
		DelayedTaskCheckInterval: comesBack(d.cfg.Poll),
		JanitorInterval:          max(d.cfg.Poll, tidyEvery),
		ShutdownTimeout:          time.Second,
		BaseContext:              func() context.Context { return d.life },
		RetryDelayFunc:           d.elsewhere,
		IsFailure:                func(error) bool { return false }, // one that is, is archived at once
		Logger:                   newServerLog(host.Logger, d.store.target.secrets),
	})
	if err := d.server.Start(asynq.HandlerFunc(d.handle)); err != nil {
		d.end()
		_ = d.source.deaf.Close()
		return fmt.Errorf("asynq: start the server: %w", err)
	}
	return nil
}

// Dispatch implements ledger.Dispatcher.
func (d *dispatcher) Dispatch(ctx context.Context, tick core.Tick) error {
	now := d.host.Now()
	period, again := d.sent.note(tick, now)
	if again {
		return nil
	}
	kind, data := encodeTick(tick, now)
	_, err := d.client.EnqueueContext(ctx, asynq.NewTask(kind, data),
		asynq.TaskID(tick.ID()),
		asynq.Queue(d.store.queue),
		asynq.MaxRetry(tries),
		asynq.Timeout(forever),
		asynq.Retention(cmp.Or(d.cfg.Retention, retention(period))),
	)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("asynq: enqueue %s: %w", tick, err)
	}
	if d.source != nil {
		d.source.dispatched()
	}
	return nil
}

// handle is asynq's handler of every task.
func (d *dispatcher) handle(ctx context.Context, task *asynq.Task) error {
	defer d.source.handled()
	if !d.tasks.enter() {
		return errElsewhere
	}
	defer d.tasks.leave()
	tick, due, sent, err := decodeTick(task.Type(), task.Payload())
	if err != nil {
		return failure{err}
	}
	lag, came := d.host.Now().Sub(sent), time.Now()
	got, err := d.in.Deliver(ctx, tick)
	if err == nil && !got.Absent && !got.Past { // what is past may have been left over
		d.sent.arrived(lag, came)
	}
	switch {
	case err != nil:
		return err
	case got.Absent && d.host.Now().Sub(due) > d.cfg.Lease && d.registry.nobodyHas(ctx, tick.Worker):
		got.Note = "no instance has the worker"
	case got.Absent:
		return errElsewhere
	case got.Outcome == core.Failed:
		return failure{got.Err}
	case got.Past:
		if err := d.failed(ctx, tick); err != nil {
			return err
		}
	}
	if got.Note != "" && got.Outcome != core.Succeeded {
		if _, err := task.ResultWriter().Write([]byte(got.Note)); err != nil {
			return fmt.Errorf("write the result: %w", err) // without it a skip looks like a run
		}
	}
	return nil
}

// elsewhere is asynq's RetryDelayFunc.
func (d *dispatcher) elsewhere(_ int, _ error, task *asynq.Task) time.Duration {
	_, due, _, err := decodeTick(task.Type(), task.Payload())
	switch {
	case !d.in.Open(): // another may have it at once
		return -longAgo
	case err != nil:
		return elsewhereAfter
	}
	delay := min(max(d.host.Now().Sub(due)/10, elsewhereAfter), longestAway)
	d.source.putBack(delay)
	return delay
}

// errElsewhere has a task given to another instance, or to this one again.
var errElsewhere = errors.New("to be taken by another instance")

// Stop implements ledger.Dispatcher. It waits for the deliveries until its
// context ends; those that are left then go back into the queue. What follows is
// bounded by the client's timeouts.
func (d *dispatcher) Stop(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	d.source.stop(ctx)
	d.server.Stop()
	var err error
	select {
	case <-d.tasks.close():
	case <-ctx.Done():
		err = fmt.Errorf("asynq: ticks were still being delivered: %w", context.Cause(ctx))
	}
	d.end()
	d.server.Shutdown()
	_ = d.source.deaf.Close()
	<-d.tasks.close()
	return err
}

// gate counts those who are inside, until it is closed and all have left.
type gate struct {
	mu     sync.Mutex
	inside int
	closed chan struct{} // closed when it is and nobody is inside
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed != nil {
		close(g.closed)
	}
}

// close lets nobody in any more. What it returns is closed when nobody is inside.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = make(chan struct{})
		if g.inside == 0 {
			close(g.closed)
		}
	}
	return g.closed
}
