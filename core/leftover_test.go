package core_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A stuck engine is an attentive one of which a method ignores its context's end and
// returns when it is released.
type stuck struct {
	attentive
	in      string
	release chan struct{}
}

func (d *stuck) hang(in string) {
	if d.in == in {
		<-d.release
	}
}

func (d *stuck) Start(ctx context.Context, host core.Host) error {
	d.hang("start")
	return d.attentive.Start(ctx, host)
}

func (d *stuck) Schedule(_ context.Context, job *core.Job) error {
	d.hang("schedule " + job.Name())
	return nil
}

func (d *stuck) Unschedule(_ context.Context, job *core.Job) error {
	d.hang("unschedule " + job.Name())
	return nil
}

func (d *stuck) Stop(context.Context) error {
	d.hang("stop")
	return nil
}

// A Stop that leaves something behind says so (STP-6).
func TestStopNamesWhatDidNotEnd(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	worker := func(name string) core.Worker {
		return core.Worker{Name: name, Schedule: core.Every(time.Hour), Run: nothing}
	}
	for name, c := range map[string]struct {
		in         string // the method of the engine that hangs
		work       func(core.Manager)
		unfinished []string
		abandoned  []string
	}{
		"start":              {in: "start", unfinished: []string{"start"}},
		"schedule, in Start": {in: "schedule w", unfinished: []string{"start"}},
		"schedule, in Add": {in: "schedule late", unfinished: []string{"add worker late"}, work: func(m core.Manager) {
			go func() { _ = m.Add(context.Background(), worker("late")) }()
		}},
		"unschedule": {in: "unschedule w", unfinished: []string{"remove worker w"}, work: func(m core.Manager) {
			go func() { _ = m.Remove(context.Background(), "w") }()
		}},
		"stop":                            {in: "stop", unfinished: []string{"stop of engine attentive"}},
		"stop, after a Start that failed": {in: "stop", unfinished: []string{"stop of engine attentive"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &stuck{in: c.in, release: make(chan struct{})}
				m := core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler), StopGrace: time.Second})
				w := worker("w")
				if name == "stop, after a Start that failed" {
					w.OnStart = func(context.Context) error { return errors.New("no") }
				}
				require.NoError(t, m.Add(t.Context(), w))
				var started sync.WaitGroup
				started.Go(func() { _ = m.Start(context.Background()) })
				synctest.Wait()
				if c.work != nil {
					c.work(m)
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				err := m.Stop(ctx)
				var report *core.StopError
				require.ErrorAs(t, err, &report)
				assert.Equal(t, c.unfinished, report.Unfinished)
				assert.Contains(t, err.Error(), "the engine has not returned from: "+c.unfinished[0])
				close(e.release)
				started.Wait()
			})
		})
	}
}

// A hook that ignores its context is named by Stop too, also if Start has failed because
// of it, and no more once it has returned (STP-6).
func TestStopNamesAHookThatDidNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := core.NewManager(&attentive{}, core.Options{Logger: slog.New(slog.DiscardHandler), StopGrace: time.Second})
		require.NoError(t, m.Add(t.Context(), core.Worker{
			Name: "w", Schedule: core.Every(time.Hour),
			Run:     func(context.Context) error { return nil },
			OnStart: func(context.Context) error { <-release; return nil },
		}))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorContains(t, m.Start(ctx), "OnStart: did not return")
		var report *core.StopError
		require.ErrorAs(t, m.Stop(context.Background()), &report)
		assert.Equal(t, []string{"w"}, report.Abandoned)
		close(release)
	})
}

// An engine may report a skip under a lock that its Schedule takes, which a skipped
// Delay has the manager call (PER-10).
func TestASkipIsReportedUnderTheEnginesLock(t *testing.T) {
	for name, skip := range map[string]func(*core.Job){
		"skip": func(j *core.Job) {
			now := time.Now()
			j.Skip(core.Slots{First: now, Last: now, N: 1}, core.ReasonMissed)
		},
		"misfire": func(j *core.Job) { j.Misfire(time.Now().Add(-time.Hour), core.Slots{}) },
		"go": func(j *core.Job) {
			j.SetPaused(&core.Pause{})
			j.Go(context.Background(), j.Tick(time.Now()), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &locking{lock: make(chan struct{}, 1)}
				m := core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, m.Add(t.Context(), core.Worker{
					Name: "w", Schedule: core.Delay(time.Minute), MaxLate: time.Minute,
					Run: func(context.Context) error { return nil },
				}))
				require.NoError(t, m.Start(t.Context()))
				require.Equal(t, 1, e.scheduled)
				for range 3 {
					e.lock <- struct{}{}
					skip(e.job)
					<-e.lock
				}
				synctest.Wait()
				require.GreaterOrEqual(t, e.scheduled, 2, "calls of Schedule")
				next, err := e.job.Next(time.Now())
				require.NoError(t, err)
				require.Equal(t, time.Now().Add(time.Minute), next.Local(), "the Delay counts from the skip")
				require.NoError(t, m.Stop(t.Context()))
			})
		})
	}
}

// locking takes its lock in Schedule, and holds it while it reports.
type locking struct {
	attentive
	lock      chan struct{}
	job       *core.Job
	scheduled int
}

func (l *locking) Features() core.Features { return core.Features{Engine: "locking"} }

func (l *locking) Schedule(_ context.Context, job *core.Job) error {
	l.lock <- struct{}{}
	defer func() { <-l.lock }()
	l.job = job
	l.scheduled++
	return nil
}
