package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An instance whose clock jumps ahead claims no slot of the time to come, also not
// before its next beat.
func TestAClockThatJumpsAhead(t *testing.T) {
	inCluster(t, 2, func(cl *cluster) {
		var ahead atomic.Int64
		wrong := cl.join(core.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		cl.add(core.Worker{Name: "w", Schedule: core.Every(time.Second)})
		cl.start()
		time.Sleep(time.Minute)
		for i := range 10 {
			time.Sleep(time.Duration(i) * 90 * time.Millisecond)
			ahead.Store(int64(30 * time.Second))
			_, _ = wrong.m.Trigger(context.Background(), "w") // has it look
			time.Sleep(20 * time.Second)
			ahead.Store(0)
			time.Sleep(10 * time.Second)
		}
		for _, r := range cl.of("w") {
			require.False(cl.t, r.tick.Slot.After(r.began.Add(time.Second)), "%s, which began at %s", r.tick, r.began)
		}
		slots := 0
		for _, r := range cl.of("w") {
			if r.tick.Manual == "" {
				slots++
			}
		}
		require.Greater(cl.t, slots, 360)
	})
}
