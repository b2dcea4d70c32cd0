package core

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clockTest is a clock whose wall clock can be set, and what it called back.
type clockTest struct {
	clock *Clock
	m     *manager

	mu     sync.Mutex
	offset time.Duration
	calls  []string
}

func newClockTest(t *testing.T) *clockTest {
	c := &clockTest{}
	c.m = NewManager(noEngine{}, Options{Now: c.now, Logger: slog.New(slog.DiscardHandler)}).(*manager)
	c.clock = NewClock(c.now, func(job *Job, slot time.Time, missed Slots) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls = append(c.calls, fmt.Sprintf("%s %s %d", job.Name(), slot.Format("15:04:05"), missed.N))
	})
	t.Cleanup(c.clock.Stop)
	return c
}

func (c *clockTest) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clockTest) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// job makes a live job.
func (c *clockTest) job(name string, s Schedule) *Job {
	j := newJob(c.m, Worker{Name: name, Schedule: s, Run: func(context.Context) error { return nil }}, 1)
	j.phase, j.base = live, c.now().UnixNano()
	return j
}

// after lets time pass and returns the calls since the last time.
func (c *clockTest) after(d time.Duration) []string {
	time.Sleep(d)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// noEngine does nothing.
type noEngine struct{}

func (noEngine) Features() Features                     { return Features{} }
func (noEngine) Start(context.Context, Host) error      { return nil }
func (noEngine) Schedule(context.Context, *Job) error   { return nil }
func (noEngine) Unschedule(context.Context, *Job) error { return nil }
func (noEngine) Stop(context.Context) error             { return nil }

func inBubble(t *testing.T, f func(t *testing.T, c *clockTest)) {
	synctest.Test(t, func(t *testing.T) { f(t, newClockTest(t)) })
}

func TestClockCallsAtEachSlot(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(20*time.Second)))
		c.clock.Set(c.job("b", Every(30*time.Second)))
		assert.Empty(t, c.after(19*time.Second))
		assert.Equal(t, []string{"a 00:00:20 0"}, c.after(time.Second))
		assert.Equal(t, []string{"b 00:00:30 0", "a 00:00:40 0"}, c.after(20*time.Second))
	})
}

func TestClockSetReplacesAndUnsetEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		j := c.job("a", Every(20*time.Second))
		c.clock.Set(j)
		j.worker.Schedule = Every(50 * time.Second)
		c.clock.Set(j)
		assert.Equal(t, []string{"a 00:00:50 0"}, c.after(time.Minute))
		c.clock.Unset(j)
		c.clock.Unset(j)
		assert.Empty(t, c.after(time.Hour))
	})
}

func TestClockSetAnewManyTimesKeepsNoStaleEntries(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		jobs := []*Job{c.job("a", Every(time.Hour)), c.job("b", Every(time.Minute))}
		for range 100_000 {
			c.clock.Set(jobs[0])
		}
		c.clock.Set(jobs[1])
		c.clock.mu.Lock()
		assert.Less(t, len(c.clock.heap), 3000)
		c.clock.mu.Unlock()
		assert.Len(t, c.after(time.Hour), 61)
	})
}

func TestClockCatchesUpAfterAJumpAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(time.Minute)))
		assert.Len(t, c.after(90*time.Second), 1)
		c.jump(10*time.Minute - 10*time.Second) // to 00:11:20
		assert.Equal(t, []string{"a 00:11:00 9"}, c.after(ClockCheck))
		assert.Equal(t, []string{"a 00:12:00 0"}, c.after(10*time.Second), "aligned again")
	})
}

func TestClockWaitsAfterASmallJumpBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(10*time.Second)))
		assert.Len(t, c.after(65*time.Second), 6)
		c.jump(-50 * time.Second) // to 00:00:15
		assert.Empty(t, c.after(54*time.Second))
		assert.Equal(t, []string{"a 00:01:10 0"}, c.after(time.Second))
	})
}

func TestClockGoesOnFromNowAfterALargeJumpBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(10*time.Minute)))
		assert.Len(t, c.after(3*time.Hour+time.Second), 18)
		c.jump(-2 * time.Hour) // to 01:00:01
		assert.Empty(t, c.after(9*time.Minute))
		assert.Equal(t, []string{"a 01:10:00 0"}, c.after(time.Minute))
	})
}

// TestClockSmallJumpsBackAddUp: ten jumps of fifty seconds are no way to make a
// slot run twice.
func TestClockSmallJumpsBackAddUp(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(10*time.Second)))
		seen := map[string]int{}
		for range 10 {
			for _, call := range c.after(55 * time.Second) {
				seen[call]++
			}
			c.jump(-50 * time.Second)
		}
		for call, n := range seen {
			assert.Equal(t, 1, n, call)
		}
	})
}

func TestClockEndsASchedule(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		last := c.now().Add(30 * time.Second)
		over := c.job("over", scheduleFunc(func(at time.Time) time.Time {
			if at.Before(last) {
				return last
			}
			return time.Time{}
		}))
		bad := c.job("bad", scheduleFunc(func(at time.Time) time.Time {
			if at.Before(last) {
				return last
			}
			return at
		}))
		c.clock.Set(over)
		c.clock.Set(bad)
		assert.ElementsMatch(t, []string{"over 00:00:30 0", "bad 00:00:30 0"}, c.after(time.Hour), "the last slot is called back")
		assert.Equal(t, StateDone, over.status(c.now()).State)
		assert.Equal(t, StateBroken, bad.status(c.now()).State)
		assert.ErrorIs(t, bad.status(c.now()).Err, errNotAdvancing)
	})
}

// TestClockMany: many are due at once, more than a batch, none twice.
func TestClockMany(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		const n = 10_000
		for i := range n {
			c.clock.Set(c.job(fmt.Sprint("w", i), Every(time.Second)))
		}
		calls := c.after(3*time.Second + time.Millisecond)
		require.Len(t, calls, 3*n)
		seen := map[string]bool{}
		for _, call := range calls {
			require.False(t, seen[call], call)
			seen[call] = true
		}
	})
}

func TestClockStopIsFinal(t *testing.T) {
	inBubble(t, func(t *testing.T, c *clockTest) {
		c.clock.Set(c.job("a", Every(time.Second)))
		c.clock.Stop()
		c.clock.Stop()
		c.clock.Set(c.job("b", Every(time.Second)))
		assert.Empty(t, c.after(time.Minute))
	})
}

// Two Reschedules at once leave the slot of the schedule that the status shows: the
// one that is asked first for its slot, and answers last, is not it (CTL-2).
func TestClockSetTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t)
		asked, answer := make(chan struct{}), make(chan struct{})
		old := slowSchedule{Every(time.Minute), asked, answer}
		j := c.job("w", old)
		first := make(chan struct{})
		go func() {
			defer close(first)
			c.clock.Set(j)
		}()
		<-asked
		j.mu.Lock()
		j.worker.Schedule = Every(time.Hour)
		j.mu.Unlock()
		c.clock.Set(j)
		close(answer)
		<-first
		require.Empty(t, c.after(59*time.Minute), "slots of the schedule that was replaced")
		require.Len(t, c.after(time.Minute+time.Second), 1, "slots of the schedule")
		require.False(t, j.finished)
	})
}

// slowSchedule says that it is asked, and waits before it answers.
type slowSchedule struct {
	Interval
	asked, answer chan struct{}
}

func (s slowSchedule) Next(after time.Time) time.Time {
	select {
	case s.asked <- struct{}{}:
		<-s.answer
	case <-s.answer:
	}
	return s.Interval.Next(after)
}
