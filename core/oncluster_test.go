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

// A distant engine takes a second to start, or fails with its context's end while the
// broker is away.
type distant struct {
	attentive
	mu                    sync.Mutex
	away                  bool
	starts, paused, stops int
}

func (d *distant) Start(ctx context.Context, host core.Host) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.starts++
	d.host = host
	if d.away {
		<-ctx.Done()
		return errors.New("no answer from the broker")
	}
	time.Sleep(time.Second)
	return nil
}

func (d *distant) Pause(context.Context, *core.Job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused++
	return nil
}

func (d *distant) Stop(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stops++
	return nil
}

// disabledOver starts a disabled manager with a worker.
func disabledOver(t *testing.T, e core.Engine) core.Manager {
	t.Helper()
	m := core.NewManager(e, core.Options{Logger: slog.New(slog.DiscardHandler), Disabled: true, StopGrace: time.Second})
	require.NoError(t, m.Add(t.Context(), core.Worker{
		Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil },
	}))
	require.NoError(t, m.Start(t.Context()))
	return m
}

// Calls at once on a disabled manager start its engine once, and Stop stops it (CTL-4).
func TestADisabledManagerStartsItsEngineOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &distant{}
		m := disabledOver(t, e)
		assert.Zero(t, e.starts, "starts of the engine before anything was asked of the cluster")
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() { assert.NoError(t, m.Pause(context.Background(), "w")) })
		}
		calls.Wait()
		assert.Equal(t, 1, e.starts)
		assert.Equal(t, 20, e.paused)
		assert.True(t, e.host.Disabled, "Host.Disabled")
		assert.False(t, e.isReady(), "Host.Ready is closed")
		assert.Empty(t, e.ready, "calls of Schedule")
		require.NoError(t, m.Stop(t.Context()))
		assert.Equal(t, 1, e.stops)
		require.ErrorIs(t, m.Pause(t.Context(), "w"), core.ErrStopped)
	})
}

// A disabled manager of which nothing was asked does not stop an engine that it has not
// started.
func TestADisabledManagerDoesNotStopWhatItHasNotStarted(t *testing.T) {
	e := &distant{}
	m := disabledOver(t, e)
	require.NoError(t, m.Stop(t.Context()))
	assert.Zero(t, e.starts+e.stops, "calls of the engine")
}

// While the broker is away each call ends by its own context, or by the connect timeout,
// and a later one tries again (CTL-4).
func TestADisabledManagerTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &distant{away: true}
		m := disabledOver(t, e)
		begin := time.Now()
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				assert.ErrorContains(t, m.Pause(context.Background(), "w"), "reach the cluster")
				assert.Equal(t, 10*time.Second, time.Since(begin), "without a deadline it is the connect timeout")
			})
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				assert.ErrorContains(t, m.Pause(ctx, "w"), "reach the cluster")
				assert.Equal(t, 2*time.Second, time.Since(begin), "it is the call's context")
			})
		}
		calls.Wait()
		e.away = false
		tried := e.starts
		require.NoError(t, m.Pause(t.Context(), "w"))
		assert.Equal(t, tried+1, e.starts)
		assert.Equal(t, 1, e.paused)
		require.NoError(t, m.Stop(t.Context()))
	})
}

// Stop ends the calls that wait for the engine's Start, which did not succeed.
func TestStopOfADisabledManagerEndsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &distant{away: true}
		m := disabledOver(t, e)
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() { assert.ErrorIs(t, m.Pause(context.Background(), "w"), core.ErrStopped) })
		}
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, m.Stop(t.Context()))
		assert.Zero(t, time.Since(begin), "the time that Stop took")
		calls.Wait()
		assert.Zero(t, e.stops, "stops of an engine that has not started")
	})
}

// An engine whose Start succeeds after Stop was called is stopped nevertheless. If Stop
// has given up waiting for it, it has named the call (STP-6).
func TestAnEngineThatADisabledManagerStartsTooLateIsStopped(t *testing.T) {
	for name, gaveUp := range map[string]bool{"Stop waits": false, "Stop has given up": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &late{stuck: stuck{in: "start", release: make(chan struct{})}}
				m := disabledOver(t, e)
				var call sync.WaitGroup
				call.Go(func() { assert.ErrorIs(t, m.Resume(context.Background(), "w"), core.ErrStopped) })
				synctest.Wait()
				if !gaveUp {
					time.AfterFunc(time.Second, func() { close(e.release) })
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				err := m.Stop(ctx)
				if gaveUp {
					var report *core.StopError
					require.ErrorAs(t, err, &report)
					assert.Equal(t, []string{"resume worker w"}, report.Unfinished)
					close(e.release)
				} else {
					require.NoError(t, err)
				}
				call.Wait()
				assert.Equal(t, 1, e.stops, "stops of the engine")
			})
		})
	}
}

// late counts its stops.
type late struct {
	stuck
	stops int
}

func (l *late) Stop(ctx context.Context) error {
	l.stops++
	return l.stuck.Stop(ctx)
}
