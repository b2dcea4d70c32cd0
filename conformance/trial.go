package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/watchdog"
)

// discard is the logger of managers whose log no case looks at.
var discard = slog.New(slog.DiscardHandler)

// A trial is one case being tried on one backend. It is the TestingT of the
// assertions, the keeper of the history, and the case's way to time.
type trial struct {
	name    string // of the subtest
	backend Backend
	kase    kase
	// features are the backend's; a case reads its figures there.
	features core.Features
	// clock is what the trial's managers read; a case may set it apart. In real
	// time it may if it says so: the managers of others have none but the real one.
	clock *wallClock
	// machine tells how busy the machine is, in real time; nil in virtual time.
	machine *sentinel

	watchdog *time.Timer // ends a case that hangs

	mu        sync.Mutex
	began     time.Time
	failures  []string
	history   []line
	forgotten int             // the lines before those
	guilty    *history.Breach // the first of what the history breaks, for its story
	runs      []*runRecord
	cleanups  []func()
	measured  map[string][]time.Duration
	over      bool
	lacking   core.Feature // that the case needs, and the manager lacks
	missing   string       // why the case cannot be tried here
}

func newTrial(name string, b Backend, c kase, f core.Features) *trial {
	t := &trial{name: name, backend: b, kase: c, features: f}
	t.clock = &wallClock{real: b.WallClock && !c.setsClock, note: func(by time.Duration, to time.Time) { t.noteClock("", by, to) }}
	t.clock.wants = func() { t.wants(core.FeatureClock) }
	return t
}

// play runs the case to its end, and what it left to clean up. What does not come to its
// end is left behind, for the bubble to find.
func (t *trial) play() {
	t.began = time.Now()
	t.watchdog = time.NewTimer(t.limit())
	defer t.watchdog.Stop()
	t.await("the case", func() { t.kase.run(t) })
	for len(t.cleanups) > 0 {
		last := t.cleanups[len(t.cleanups)-1]
		t.cleanups = t.cleanups[:len(t.cleanups)-1]
		t.watchdog.Reset(t.limit())
		t.await("the clean-up after the case", last)
	}
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// await calls f apart, and returns when it has, or when the watchdog goes off.
func (t *trial) await(what string, f func()) {
	select {
	case <-t.apart(what, f):
	case <-t.watchdog.C:
		t.Errorf("%s has not come to its end in %s:%s", what, t.limit(), watchdog.Stacks(thisPackage))
	}
}

// apart calls f on a goroutine of its own, which FailNow ends, and returns what is
// closed then.
func (t *trial) apart(what string, f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s panicked: %v", what, p)
			}
		}()
		f()
	}()
	return done
}

// limit is how long a case may take, beside what it sleeps.
func (t *trial) limit() time.Duration {
	if t.backend.WallClock {
		return 5 * time.Minute
	}
	return 2 * time.Hour
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

func (t *trial) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failures) > 0
}

// cleanup has f called after the case, the last one first.
func (t *trial) cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// period is the base of a case's schedules: long beside the engine's lateness,
// and short where the case waits for it in real time.
func (t *trial) period() time.Duration {
	if !t.backend.WallClock {
		return time.Minute
	}
	p := max(20*t.features.Lateness, t.features.MinPeriod, time.Second)
	return p.Round(time.Second)
}

// slack is how late a run may begin, and any consequence show.
func (t *trial) slack() time.Duration { return max(t.features.Lateness, 10*time.Millisecond) }

// sleep lets time pass, and everything come to rest that is due at the instant it
// wakes: surely in virtual time, and in real time as far as the machine lets it.
func (t *trial) sleep(d time.Duration) {
	t.watchdog.Reset(d + t.limit())
	time.Sleep(d)
	if t.machine != nil {
		t.machine.calm(t.slack())
	}
	t.settle()
}

// stall is the longest that this case's machine was late so far, in real time.
func (t *trial) stall() time.Duration {
	if t.machine == nil {
		return 0
	}
	return t.machine.since(t.began)
}

// lateness is how late a run may begin: what the engine declares, for an idle
// machine, and as much as this one was seen to be late.
func (t *trial) lateness() time.Duration { return t.features.Lateness + t.stall() }

// settle waits for what happens now to have happened.
func (t *trial) settle() {
	if !t.backend.WallClock {
		synctest.Wait()
	}
}

// align waits for the next multiple of d, and the slack: between two slots.
func (t *trial) align(d time.Duration) {
	now := time.Now()
	next := now.Truncate(d).Add(d)
	t.sleep(next.Sub(now) + t.slack())
}

// eventually waits for a condition, at most for a time, and as much longer as the
// machine is late meanwhile, and fails the case with what it waited for.
func (t *trial) eventually(within time.Duration, what string, condition func() bool) {
	step := within / 200
	if t.backend.WallClock {
		step = max(min(step, t.slack()/5), time.Millisecond)
	}
	for began := time.Now(); ; {
		t.settle()
		if condition() {
			return
		}
		if waited := time.Since(began); waited >= within && (t.machine == nil || waited >= within+t.machine.since(began)) {
			t.Errorf("waited %s for this, in vain: %s", within, what)
			t.FailNow()
		}
		time.Sleep(max(step, 1))
	}
}

// open makes a manager, which is stopped after the case if the case does not.
func (t *trial) open(opts core.Options) core.Manager {
	t.wants(wanted(opts)...)
	if opts.Now == nil && !t.clock.real {
		opts.Now = t.clock.Now
	}
	m, err := t.backend.Open(quiet(opts))
	if err != nil {
		t.Errorf("Open: %v", err)
		t.FailNow()
	}
	t.cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*t.period())
		defer cancel()
		_ = m.Stop(ctx)
	})
	return m
}

// wants ends the case, as unsupported, if the manager lacks a feature that it has found
// to need. It is for the case's own goroutine only.
func (t *trial) wants(features ...core.Feature) {
	for _, f := range features {
		if !t.features.Supports(f) {
			t.mu.Lock()
			t.lacking = f
			t.mu.Unlock()
			runtime.Goexit()
		}
	}
}

// running makes a manager with workers and starts it.
func (t *trial) running(opts core.Options, workers ...core.Worker) core.Manager {
	t.wants(wanted(opts, workers...)...)
	m := t.open(opts)
	for _, w := range workers {
		t.must(m.Add(context.Background(), w), "Add "+w.Name)
	}
	t.must(m.Start(context.Background()), "Start")
	t.note("started")
	return m
}

// must fails the case if err is not nil.
func (t *trial) must(err error, what string) {
	if err != nil {
		t.Errorf("%s: %v", what, err)
		t.FailNow()
	}
}

// status returns the status of one worker.
func (t *trial) status(m core.Manager, name string) core.WorkerStatus {
	for _, w := range m.Workers() {
		if w.Name == name {
			return w
		}
	}
	t.Errorf("Workers() does not list %q", name)
	t.FailNow()
	return core.WorkerStatus{}
}

// wallClock is the wall clock of a trial's managers: the runtime's, set apart.
type wallClock struct {
	real   bool                                 // it cannot be set
	note   func(by time.Duration, to time.Time) // writes it into the case's history
	wants  func()                               // ends a case whose manager has no clock to set
	mu     sync.Mutex
	offset time.Duration
}

// Now returns the time by this clock.
func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// jump sets the clock ahead, or back.
func (c *wallClock) jump(d time.Duration) {
	if c.real {
		panic("a case that sets the clock in real time must say so: setsClock")
	}
	if c.wants != nil {
		c.wants()
	}
	c.mu.Lock()
	c.offset += d
	c.mu.Unlock()
	c.note(d, c.Now())
}
