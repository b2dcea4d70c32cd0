package asynq_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
)

// crowd counts the runs in progress on an instance.
type crowd struct {
	mu        sync.Mutex
	now, most int
	late      []time.Duration
}

func (c *crowd) enter(ctx context.Context) {
	tick, _ := core.TickFrom(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
	c.late = append(c.late, time.Since(tick.Slot))
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

// seen returns the most runs that were in progress at a time, and how late each began.
func (c *crowd) seen() (most int, late []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most, slices.Clone(c.late)
}

// An instance runs no more at a time than it is to, and leaves the rest to those that
// have room: six that are due at once begin at once on three instances of two each.
func TestTicksGoWhereThereIsRoom(t *testing.T) {
	for _, cfg := range []struct {
		name    string
		asynq   int
		options int
	}{{"Concurrency", 2, 0}, {"MaxConcurrent", 0, 2}} {
		t.Run(cfg.name, func(t *testing.T) {
			play(t, func(s *stage) {
				crowds := map[string]*crowd{}
				for _, name := range []string{"a", "b", "c"} {
					c := &crowd{}
					crowds[name] = c
					opts := quiet(name)
					opts.MaxConcurrent = cfg.options
					node(s.T, s.mini, asynq.Config{Concurrency: cfg.asynq}, opts, every(6, time.Minute, func(ctx context.Context) error {
						c.enter(ctx)
						defer c.leave()
						time.Sleep(10 * time.Second)
						return nil
					})...)
				}
				time.Sleep(20*time.Minute + 30*time.Second)
				n := 0
				for name, c := range crowds {
					most, late := c.seen()
					assert.Equal(s, 2, most, "the most runs in progress at a time on %s", name)
					assert.Less(s, slices.Max(late), 100*time.Millisecond, "how late a run began on %s", name)
					n += len(late)
				}
				assert.Equal(s, 6*20, n, "runs")
			})
		})
	}
}

// What nobody has room for waits its turn: no slot is missed for that, and none waits
// for the time after which instances claim what asynq has brought to nobody.
func TestWhatNobodyHasRoomForWaitsItsTurn(t *testing.T) {
	play(t, func(s *stage) {
		c := &crowd{}
		m := node(s.T, s.mini, asynq.Config{Concurrency: 1}, quiet("a"), every(50, time.Minute, func(ctx context.Context) error {
			c.enter(ctx)
			defer c.leave()
			time.Sleep(time.Second)
			return nil
		})...)
		time.Sleep(time.Minute + 1900*time.Millisecond)
		waiting := 0
		for _, w := range m.Workers() {
			if w.State == core.StateWaiting {
				waiting++
			}
		}
		assert.Equal(s, 48, waiting, "runs that wait their turn before two seconds have passed")
		time.Sleep(10 * time.Minute)
		for _, w := range m.Workers() {
			require.GreaterOrEqual(s, w.Runs, uint64(10), w.Name)
			require.Zero(s, w.Skips.Total(), fmt.Sprint(w.Name, ": ", w.Skips))
		}
		most, _ := c.seen()
		assert.Equal(s, 1, most, "the most runs in progress at a time")
	})
}
