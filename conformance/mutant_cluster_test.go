package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

func init() { mutants = append(mutants, clusterMutants) }

// Clusters that are broken in one way: the ledger's engine on a store that lies, or
// told the wrong thing.
var clusterMutants = []mutant{
	{name: "cluster-start-does-not-wait", breaks: []string{"STA-6"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return impatient{e} },
	}},
	{name: "cluster-at-most-once-is-as-usual", breaks: []string{"CLU-1"}, world: wrongWorld{
		worker: func(w *core.Worker) { w.AtMostOnce = false },
	}},
	{name: "cluster-nobody-shares-a-ledger", breaks: []string{"CLU-1"}, world: wrongWorld{
		node: func(n *Node, _ *core.Options) { n.Namespace += n.Name },
	}},
	{name: "cluster-nobody-sees-the-others-run", breaks: []string{"CLU-2"}, world: wrongWorld{
		read: func(l *liar, lease *ledger.Lease) { lease.Running = lease.Running && lease.Owner == l.instance },
	}},
	{name: "cluster-a-lease-is-not-renewed", breaks: []string{"CLU-2"}, world: wrongWorld{
		lease: func(l *liar, before, next *ledger.Lease) verdictOnWrite {
			if before.Running && next.Running && before.Fence == next.Fence {
				return pretended
			}
			return written
		},
	}},
	{name: "cluster-takes-over-too-early", breaks: []string{"CLU-2"}, world: wrongWorld{
		config: func(n Node, cfg *ledger.Config) {
			if n.Name != "a" && n.Name != "probe" {
				cfg.Lease = ledger.DefaultLease / 2
			}
		},
		lease: func(_ *liar, _, next *ledger.Lease) verdictOnWrite { next.For = 0; return written }, // else the longer is waited for
	}},
	{name: "cluster-takes-over-too-late", breaks: []string{"CLU-3"}, world: wrongWorld{
		config: func(_ Node, cfg *ledger.Config) { cfg.Lease = 4 * ledger.DefaultLease },
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return boasting{e} },
	}},
	{name: "cluster-a-crash-is-not-counted", breaks: []string{"CLU-4"}, world: wrongWorld{
		lease: func(_ *liar, _, next *ledger.Lease) verdictOnWrite { next.Crashes = 0; return written },
	}},
	{name: "cluster-a-leader-runs-all", breaks: []string{"CLU-5"}, world: wrongWorld{
		lease: func(l *liar, before, next *ledger.Lease) verdictOnWrite {
			if next.Running && !before.Running && !l.leads() {
				return rejected
			}
			return written
		},
	}},
	{name: "cluster-a-node-that-is-starting-takes-ticks", breaks: []string{"CLU-5"}, world: wrongWorld{
		engine: func(w *memoryWorld, e core.ClusterEngine) core.ClusterEngine {
			return starting{e, w, make(chan struct{})}
		},
		lease: func(l *liar, before, next *ledger.Lease) verdictOnWrite {
			if next.Running && !before.Running && l.world.starting.Load() > 0 {
				return rejected
			}
			return written
		},
	}},
	{name: "cluster-a-node-at-its-limit-takes-ticks", breaks: []string{"CLU-5"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return neverFull{e} },
	}},
	{name: "cluster-an-outage-leaks", breaks: []string{"CLU-6"}, world: wrongWorld{
		failed: func(l *liar) { go func() { <-l.closed }() },
	}},
	{name: "cluster-there-is-one-namespace", breaks: []string{"CLU-7"}, world: wrongWorld{
		node: func(n *Node, _ *core.Options) { n.Namespace = "" },
	}},
	{name: "cluster-clocks-are-not-compared", breaks: []string{"CLU-8"}, world: wrongWorld{
		beat: func(l *liar, p *ledger.Pulse) { p.Now = l.now() },
	}},
	{name: "cluster-fences-are-counted", breaks: []string{"CLU-9"}, world: wrongWorld{
		runs: func(w *memoryWorld, ctx context.Context, run func(context.Context) error) error {
			tick, _ := core.TickFrom(ctx)
			tick.Fence = w.count(tick.Fence)
			return run(core.WithRun(ctx, tick, core.Logger(ctx), core.Stopping(ctx)))
		},
	}},
	{name: "cluster-a-run-is-not-told-that-its-lease-is-lost", breaks: []string{"CLU-10"}, world: wrongWorld{
		runs: func(_ *memoryWorld, ctx context.Context, run func(context.Context) error) error {
			inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
			defer cancel(nil)
			defer context.AfterFunc(ctx, func() {
				if cause := context.Cause(ctx); !errors.Is(cause, core.ErrLeaseLost) {
					cancel(cause)
				}
			})()
			return run(inner)
		},
	}},
	{name: "cluster-a-late-release-is-accepted", breaks: []string{"CLU-10"}, world: wrongWorld{
		runs: func(w *memoryWorld, ctx context.Context, run func(context.Context) error) error {
			err := run(ctx)
			if tick, _ := core.TickFrom(ctx); errors.Is(context.Cause(ctx), core.ErrLeaseLost) {
				time.Sleep(time.Second) // others have run meanwhile
				w.record(tick)
			}
			return err
		},
	}},
	{name: "cluster-a-lease-ends-when-the-clock-is-set", breaks: []string{"CLU-10"}, world: wrongWorld{
		node: func(_ *Node, opts *core.Options) {
			now, ahead := opts.Now, time.Until(opts.Now())
			opts.Middleware = append(opts.Middleware, func(ctx context.Context, next func(context.Context) error) error {
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				go func() {
					for ctx.Err() == nil {
						time.Sleep(time.Second)
						if time.Until(now()) > ahead+ledger.DefaultLease {
							cancel(core.ErrLeaseLost)
						}
					}
				}()
				return next(ctx)
			})
		},
	}},
	{name: "cluster-nothing-is-handed-back", breaks: []string{"CLU-11"}, world: wrongWorld{
		lease: func(_ *liar, _, next *ledger.Lease) verdictOnWrite {
			next.Again, next.Cut = false, false
			return written
		},
	}},
	{name: "cluster-what-is-handed-back-is-a-crash", breaks: []string{"CLU-11"}, world: wrongWorld{
		lease: func(_ *liar, before, next *ledger.Lease) verdictOnWrite {
			if next.Again && !before.Again {
				next.Crashes++
			}
			return written
		},
	}},
	{name: "cluster-a-hand-back-is-run-by-nobody", breaks: []string{"STP-9"}, world: wrongWorld{
		lease: func(_ *liar, before, next *ledger.Lease) verdictOnWrite {
			if next.Again && !before.Again {
				next.Again, next.Cut = false, false
			}
			return written
		},
	}},
	{name: "cluster-a-hand-back-is-a-crash", breaks: []string{"STP-9"}, world: wrongWorld{
		lease: func(_ *liar, before, next *ledger.Lease) verdictOnWrite {
			if next.Again && !before.Again {
				next.Crashes++
			}
			return written
		},
	}},
	{name: "cluster-a-stop-takes-the-others-leases", breaks: []string{"CLU-12"}, world: wrongWorld{
		leave: func(l *liar) {
			l.all(func(name string, lease *ledger.Lease) bool {
				taken := lease.Running && lease.Owner != l.instance
				lease.Owner = "nobody"
				return taken
			})
		},
	}},
	{name: "cluster-what-is-written-back-is-old", breaks: []string{"CLU-13"}, world: wrongWorld{
		lease: func(_ *liar, before, next *ledger.Lease) verdictOnWrite {
			if before.Slot.IsZero() && next.Fence > 0 && !next.Running {
				next.Slot = next.Slot.Add(-time.Hour)
			}
			return written
		},
	}},

	{name: "cluster-each-start-runs-on-start", breaks: []string{"PER-6"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return eager{e} },
	}},
	{name: "cluster-no-start-runs-on-start", breaks: []string{"PER-6"}, world: wrongWorld{
		worker: func(w *core.Worker) { w.RunOnStart = false },
	}},
	{name: "cluster-a-trigger-is-for-every-instance", breaks: []string{"CTL-3"}, world: wrongWorld{
		engine: func(w *memoryWorld, e core.ClusterEngine) core.ClusterEngine {
			return &broadcasting{ClusterEngine: e, world: w}
		},
	}},
	{name: "cluster-each-trigger-returns-a-tick-of-its-own", breaks: []string{"CTL-3"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return forgetsTicks{e} },
	}},
	{name: "cluster-a-pause-is-not-shared", breaks: []string{"CTL-4"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return keepsPauses{e} },
	}},
	{name: "cluster-the-last-to-leave-forgets", breaks: []string{"PER-7"}, world: wrongWorld{
		leave: func(l *liar) {
			members, _ := l.Store.Instances(context.Background())
			if len(members) <= 1 {
				l.world.memory.Lose()
			}
		},
	}},
	{name: "cluster-a-delay-of-another-counts-late", breaks: []string{"PER-10"}, world: wrongWorld{
		read: func(l *liar, lease *ledger.Lease) {
			if lease.Owner != "" && lease.Owner != l.instance {
				lease.Base = lease.Base.Add(10 * time.Second)
			}
		},
	}},
	{name: "cluster-done-is-not-for-all", breaks: []string{"LNG-3"}, world: wrongWorld{
		lease: func(_ *liar, _, next *ledger.Lease) verdictOnWrite { next.Done = time.Time{}; return written },
	}},
	{name: "cluster-an-instance-that-joins-runs-what-is-done", breaks: []string{"LNG-3"}, world: wrongWorld{
		read: func(l *liar, lease *ledger.Lease) {
			if lease.Done.Before(l.opened) {
				lease.Done = time.Time{}
			}
		},
	}},
	{name: "cluster-a-long-running-worker-that-runs-elsewhere-shows-as-done", breaks: []string{"OBS-1"}, world: wrongWorld{
		read: func(l *liar, lease *ledger.Lease) {
			if lease.Running && lease.Manual != "" && lease.Owner != l.instance {
				lease.Done = l.now()
			}
		},
	}},
	{name: "cluster-a-long-running-worker-that-gave-up-shows-as-done", breaks: []string{"OBS-1"}, world: wrongWorld{
		read: func(_ *liar, lease *ledger.Lease) {
			if !lease.Done.IsZero() {
				lease.Last.Outcome = core.Succeeded.String()
			}
		},
	}},
	{name: "cluster-an-error-with-a-quote-makes-the-record-unreadable", breaks: []string{"OBS-1"}, world: wrongWorld{
		config: func(_ Node, cfg *ledger.Config) { cfg.Store = unescaped{cfg.Store} },
	}},
	{name: "cluster-stop-waits-for-a-start-that-is-connecting", breaks: []string{"STP-4"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return stubborn{e} },
	}},
	{name: "cluster-start-panics-when-it-ends-while-the-data-are-new", breaks: []string{"STA-6"}, world: wrongWorld{
		engine: func(_ *memoryWorld, e core.ClusterEngine) core.ClusterEngine { return panicky{e} },
	}},
	{name: "cluster-the-last-run-is-ones-own", breaks: []string{"OBS-1"}, world: wrongWorld{
		lease: func(_ *liar, _, next *ledger.Lease) verdictOnWrite { next.Last = nil; return written },
	}},
	{name: "cluster-reports-give-the-last-slot-as-the-first", breaks: []string{"OBS-2"}, world: wrongWorld{
		node: func(_ *Node, opts *core.Options) {
			for i, observer := range opts.Observers {
				opts.Observers[i] = func(e core.Event) {
					if e.Kind == core.EventSkipped {
						e.Tick.Slot = e.Last
					}
					observer(e)
				}
			}
		},
	}},
	{name: "cluster-skips-are-nobodys", breaks: []string{"OBS-2"}, world: wrongWorld{
		lease: func(_ *liar, before, next *ledger.Lease) verdictOnWrite {
			// After slots that overlapped two more are passed over, in silence.
			if before.Running && !next.Running && next.Slot.After(before.Slot) {
				next.Slot = next.Slot.Add(2 * time.Second)
			}
			return written
		},
	}},
}

// impatient does not wait for the broker.
type impatient struct{ core.ClusterEngine }

func (i impatient) Start(ctx context.Context, host core.Host) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return i.ClusterEngine.Start(ctx, host)
}

// stubborn connects until its time is over, whether its manager is stopped or not.
type stubborn struct{ core.ClusterEngine }

func (s stubborn) Start(ctx context.Context, host core.Host) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
	}
	return s.ClusterEngine.Start(ctx, host)
}

// panicky panics if its Start ends while the broker's data are new.
type panicky struct{ core.ClusterEngine }

func (p panicky) Start(ctx context.Context, host core.Host) error {
	err := p.ClusterEngine.Start(ctx, host)
	if err != nil && strings.Contains(err.Error(), "new ledger") {
		panic(err)
	}
	return err
}

// unescaped writes the quotes in a lease record as they are.
type unescaped struct{ ledger.Store }

func (u unescaped) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	w.Value = bytes.ReplaceAll(w.Value, []byte(`\"`), []byte(`"`))
	return u.Store.WriteLease(ctx, w)
}

// starting counts the instances that do not have their workers yet.
type starting struct {
	core.ClusterEngine
	world   *memoryWorld
	stopped chan struct{}
}

func (s starting) Start(ctx context.Context, host core.Host) error {
	s.world.starting.Add(1)
	err := s.ClusterEngine.Start(ctx, host)
	if err != nil {
		s.world.starting.Add(-1)
		return err
	}
	go func() {
		defer s.world.starting.Add(-1)
		select {
		case <-host.Ready:
		case <-s.stopped:
		}
	}()
	return nil
}

func (s starting) Stop(ctx context.Context) error {
	close(s.stopped)
	return s.ClusterEngine.Stop(ctx)
}

// neverFull does not know of MaxConcurrent.
type neverFull struct{ core.ClusterEngine }

func (e neverFull) Start(ctx context.Context, host core.Host) error {
	host.Room = func() int { return math.MaxInt }
	return e.ClusterEngine.Start(ctx, host)
}

// boasting declares a failover time that it does not keep.
type boasting struct{ core.ClusterEngine }

func (b boasting) Features() core.Features {
	f := b.ClusterEngine.Features()
	f.Failover = ledger.DefaultLease * 3 / 2
	return f
}

// keepsPauses pauses here what is to be paused everywhere.
type keepsPauses struct{ core.ClusterEngine }

func (keepsPauses) Pause(_ context.Context, job *core.Job) error {
	job.SetPaused(&core.Pause{})
	return nil
}
func (keepsPauses) Resume(_ context.Context, job *core.Job) error { job.SetPaused(nil); return nil }

// forgetsTicks returns another tick for each trigger, also of those that coalesce.
type forgetsTicks struct{ core.ClusterEngine }

func (f forgetsTicks) Trigger(ctx context.Context, job *core.Job) (core.Tick, error) {
	_, err := f.ClusterEngine.Trigger(ctx, job)
	return core.ManualTick(job.Name()), err
}

// eager triggers what runs on start on each instance.
type eager struct{ core.ClusterEngine }

func (e eager) Schedule(ctx context.Context, job *core.Job) error {
	if w := job.Worker(); w.RunOnStart && w.Scope == core.PerCluster {
		time.AfterFunc(time.Second, func() { // when the worker is there
			_, _ = e.ClusterEngine.Trigger(context.Background(), job)
		})
	}
	return e.ClusterEngine.Schedule(ctx, job)
}

// broadcasting has a trigger run on every instance.
type broadcasting struct {
	core.ClusterEngine
	world *memoryWorld
}

func (b *broadcasting) Schedule(ctx context.Context, job *core.Job) error {
	b.world.mu.Lock()
	b.world.jobs = append(b.world.jobs, job)
	b.world.mu.Unlock()
	return b.ClusterEngine.Schedule(ctx, job)
}

func (b *broadcasting) Trigger(ctx context.Context, job *core.Job) (core.Tick, error) {
	if job.LongRunning() {
		return b.ClusterEngine.Trigger(ctx, job)
	}
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	for _, j := range b.world.jobs {
		if j.Name() == job.Name() {
			tick := core.ManualTick(job.Name())
			tick.Fence = uint64(time.Now().UnixMicro())
			j.Go(context.Background(), tick, nil)
		}
	}
	return core.ManualTick(job.Name()), nil
}

// leads tells whether the instance is the first in the registry.
func (l *liar) leads() bool {
	members, err := l.Store.Instances(context.Background())
	first := ""
	for _, m := range members {
		if time.Since(m.Seen) < 3*time.Second && (first == "" || cmp.Less(m.Instance, first)) {
			first = m.Instance
		}
	}
	return err == nil && first == l.instance
}
