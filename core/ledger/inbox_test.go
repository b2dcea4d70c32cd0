package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An instance that cannot run ticks is to be given none, sends away those that come
// nevertheless, and dispatches none where its clock is wrong.
func TestAnInboxIsOpenWhileTicksCanBeRun(t *testing.T) {
	dispatched(t, 0, func() *post { return &post{} }, func(cl *cluster, p *post) {
		in := func() *mailbox { p.mu.Lock(); defer p.mu.Unlock(); return p.boxes[0] }
		sent := func() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.seen) }
		away := func(why string) {
			assert.False(cl.t, in().in.Open(), why)
			began := time.Now()
			got, err := in().in.Deliver(context.Background(), core.Tick{Worker: "w", Slot: time.Now().Truncate(time.Second)})
			assert.NoError(cl.t, err, why)
			assert.True(cl.t, got.Absent, why)
			assert.Zero(cl.t, time.Since(began), why)
		}
		var ahead atomic.Int64
		n := cl.join(core.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second), OnStart: func(context.Context) error {
			time.Sleep(lease)
			away("starting")
			return nil
		}})
		cl.add(core.Worker{Name: "long", Schedule: core.Every(time.Second), Run: lasting(time.Hour)})
		cl.start()
		assert.True(cl.t, in().in.Open(), "started")
		time.Sleep(time.Minute)
		require.GreaterOrEqual(cl.t, len(cl.of("w")), 60)

		for _, wrong := range []time.Duration{time.Hour, -time.Hour} {
			ahead.Store(int64(wrong))
			before := sent()
			away("its clock is wrong")
			time.Sleep(time.Minute)
			away("its clock is wrong still")
			assert.LessOrEqual(cl.t, sent(), before+2, "ticks that were dispatched, those on their way included")
			ahead.Store(0)
			time.Sleep(2 * time.Second)
			assert.True(cl.t, in().in.Open(), "its clock is right")
		}

		box := in()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		stopped := make(chan error)
		go func() { stopped <- n.m.Stop(ctx) }()
		synctest.Wait()
		p.mu.Lock()
		p.boxes = append(p.boxes, box) // which has taken itself out
		p.mu.Unlock()
		away("stopping")
		p.mu.Lock()
		p.boxes = nil
		p.mu.Unlock()
		require.Error(cl.t, <-stopped, "it cut off a run")
		n.stopped = true
	})
}
