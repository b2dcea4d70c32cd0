package asynq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	upstream "github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// What asynq's tools show is what happened, also where a tick was run by another
// instance than the one that it was delivered to, or where its answer came late.

var errDiskFull = errors.New("disk full")

// stage is where a story plays: instances on one Redis.
type stage struct {
	*testing.T
	mini   *redistest.Mini
	client redis.UniversalClient
}

// play plays a story in virtual time.
func play(t *testing.T, story func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Second) }) // go-redis has a last look at what was cut off
		s := &stage{T: t, mini: redistest.NewMini()}
		s.mini.Age("tickwork")
		s.client = s.mini.Client("")
		t.Cleanup(func() { s.client.Close() })
		story(s)
	})
}

// node starts an instance.
func (s *stage) node(name string, workers ...core.Worker) core.Manager {
	s.Helper()
	return node(s.T, s.mini, asynq.Config{}, quiet(name), workers...)
}

// doomed starts an instance that the story stops.
func (s *stage) doomed(workers ...core.Worker) core.Manager {
	s.Helper()
	m, err := asynq.NewOver(asynq.Config{}, func() redis.UniversalClient { return s.mini.Client("a") }, quiet("a"))
	require.NoError(s, err)
	launch(s.T, m, workers...)
	return m
}

// ends waits until a task has come to its end, and wants that to be so.
func (s *stage) ends(id, state, text string) {
	s.Helper()
	var task *upstream.TaskInfo
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		task = taskOf(s.T, s.client, id)
		if task.State == upstream.TaskStateArchived || task.State == upstream.TaskStateCompleted {
			break
		}
		require.True(s, time.Now().Before(deadline), "%s is %s: %s", id, task.State, task.LastErr)
	}
	assert.Equal(s, state, task.State.String(), "%s, its result %q", id, task.Result)
	if state == "archived" {
		assert.Equal(s, text, task.LastErr, id)
	} else {
		assert.True(s, strings.HasPrefix(string(task.Result), text), "%s: the result %q, want %q", id, task.Result, text)
	}
}

// first is the tick of the slot a minute after a story begins.
const first = "w@2000-01-01T00:01:00Z"

// begin waits until that tick is being run for a second.
func (s *stage) begin() {
	time.Sleep(time.Minute + time.Second)
	require.Equal(s, []string{"worker:w"}, active(s.T, s.client))
}

// patient runs until it is cancelled.
func patient(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// crashed fails where it is the run of a tick that has begun elsewhere before, and
// runs patiently where it is that of the first slot.
func crashed(ctx context.Context) error {
	switch tick, _ := core.TickFrom(ctx); {
	case tick.Redelivered:
		return errDiskFull
	case tick.ID() == first:
		return patient(ctx)
	}
	return nil
}

// cutOff stops an instance that has a run in progress.
func (s *stage) cutOff(m core.Manager) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var stopped *core.StopError
	require.ErrorAs(s, m.Stop(ctx), &stopped)
}

func TestToolsTellOfARunThatWasHandedBack(t *testing.T) {
	play(t, func(s *stage) {
		w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: crashed}
		a := s.doomed(w)
		s.begin()
		s.node("b", w)
		s.cutOff(a)
		s.ends(first, "archived", "disk full")
	})
}

func TestToolsTellOfARunThatFailedWhileItsInstanceStopped(t *testing.T) {
	play(t, func(s *stage) {
		w := core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.ID() == first {
				time.Sleep(500 * time.Millisecond)
				return errDiskFull
			}
			return nil
		}}
		a := s.node("a", w)
		time.Sleep(time.Minute + 100*time.Millisecond)
		s.node("b", core.Worker{Name: "other", Schedule: core.Every(time.Hour), Run: patient})
		require.NoError(s, a.Stop(s.Context()))
		s.ends(first, "archived", "disk full")
	})
}

// The task of an instance that died comes to another when asynq has found that out,
// a minute later: the worker has had other runs since.
func TestToolsTellOfARunThatWasTakenOver(t *testing.T) {
	for _, period := range []time.Duration{time.Minute, 10 * time.Second} {
		t.Run(period.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				w := core.Worker{Name: "w", Schedule: core.Every(period), Run: crashed}
				s.node("a", w)
				s.begin()
				s.mini.Cut("a", true)
				s.node("b", w)
				s.ends(first, "archived", "disk full")
				s.mini.Cut("a", false)
			})
		})
	}
}

// A run that is still in progress elsewhere when its task comes to an instance.
func TestToolsTellOfARunThatIsStillInProgressElsewhere(t *testing.T) {
	play(t, func(s *stage) {
		w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Redelivered {
				time.Sleep(2*time.Minute + 59*time.Second) // and others follow at once
				return errDiskFull
			}
			return crashed(ctx)
		}}
		s.node("a", w)
		s.begin()
		s.mini.Cut("a", true)
		s.node("b", w)
		s.node("c", w)
		time.Sleep(2 * time.Minute)
		assert.Equal(s, "active", taskOf(s.T, s.client, first).State.String(), "of a run that goes on")
		s.ends(first, "archived", "disk full")
		s.mini.Cut("a", false)
	})
}

func TestToolsTellOfARunWhoseInstanceDied(t *testing.T) {
	for _, period := range []time.Duration{time.Hour, 10 * time.Second} {
		t.Run(period.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				w := core.Worker{Name: "w", Schedule: at{time.Minute, period}, AtMostOnce: true, Run: crashed}
				s.node("a", w)
				s.begin()
				s.mini.Cut("a", true)
				s.node("b", w)
				s.ends(first, "archived", "its instance died, and it runs at most once")
				s.mini.Cut("a", false)
			})
		})
	}
}

func TestToolsTellOfARunThatCrashedTooOften(t *testing.T) {
	play(t, func(s *stage) {
		w := core.Worker{Name: "w", Schedule: at{time.Minute, time.Hour}, Run: patient}
		s.node("a", w)
		s.begin()
		for _, dies := range []string{"a", "b", "c"} {
			s.mini.Cut(dies, true)
			next := string(dies[0] + 1)
			s.node(next, w)
			time.Sleep(16 * time.Second)
		}
		s.ends(first, "completed", "skipped: refused")
		for _, dead := range []string{"a", "b", "c"} {
			s.mini.Cut(dead, false)
		}
	})
}

// at is due a time after the year 2000 began, and at each period after that.
type at struct{ first, period time.Duration }

func (s at) Next(after time.Time) time.Time {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(s.first)
	if after.Before(begin) {
		return begin
	}
	return begin.Add(after.Sub(begin).Truncate(s.period) + s.period)
}

func TestToolsTellOfARunThatWasCutOffAndRunsAtMostOnce(t *testing.T) {
	play(t, func(s *stage) {
		a := s.doomed(core.Worker{Name: "w", Schedule: core.Every(time.Minute), AtMostOnce: true, Run: patient})
		s.begin()
		s.cutOff(a)
		s.ends(first, "completed", "cancelled: run by a in")
	})
}

// A trigger that comes while the worker runs is run after that.
func TestToolsTellOfATriggerThatWaited(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		play(t, func(s *stage) {
			w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: func(ctx context.Context) error {
				if tick, _ := core.TickFrom(ctx); tick.Manual != "" {
					return errDiskFull
				}
				time.Sleep(30 * time.Second)
				return nil
			}}
			m := s.node("a", w)
			s.begin()
			if elsewhere {
				m = s.node("b", w)
			}
			require.NoError(s, errOf(m.Trigger(s.Context(), "w")))
			time.Sleep(10 * time.Second)
			tasks, err := upstream.NewInspectorFromRedisClient(s.client).ListActiveTasks("tickwork")
			require.NoError(s, err)
			for _, task := range tasks {
				if strings.Contains(task.ID, "manual") {
					s.ends(task.ID, "archived", "disk full")
					return
				}
			}
			assert.Fail(s, "no task of the trigger is in progress")
		})
	}
}

// Runs so short that the next, a trigger's, has ended before the first was answered.
func TestToolsTellOfARunThatIsFollowedByAnotherAtOnce(t *testing.T) {
	play(t, func(s *stage) {
		var m atomic.Value // of core.Manager
		m.Store(s.node("a", core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.Manual == "" {
				assert.NoError(s, errOf(m.Load().(core.Manager).Trigger(ctx, "w")))
				return errDiskFull
			}
			return nil
		}}))
		time.Sleep(2*time.Minute + time.Second)
		s.ends(first, "archived", "disk full")
	})
}

// forgetful is a client that loses the first commands in which something ends so.
type forgetful struct {
	suffix string
	times  int32
	lost   atomic.Int32
}

func (f *forgetful) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *forgetful) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if f.loses(cmd) {
			cmd.SetErr(errors.New("connection reset"))
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}

func (f *forgetful) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (f *forgetful) loses(cmd redis.Cmder) bool {
	for _, arg := range cmd.Args() {
		if strings.HasSuffix(fmt.Sprintf("%s", arg), f.suffix) {
			return f.lost.Add(1) <= f.times
		}
	}
	return false
}

// forgetting starts an instance whose client is forgetful.
func (s *stage) forgetting(f *forgetful, workers ...core.Worker) {
	s.Helper()
	m, err := asynq.NewOver(asynq.Config{}, func() redis.UniversalClient {
		client := s.mini.Client("a")
		client.AddHook(f)
		return client
	}, quiet("a"))
	require.NoError(s, err)
	start(s.T, m, workers...)
}

// Asynq tries a write again that was lost, with a context that has ended.
func TestToolsTellOfARunWhoseEndWasLostOnTheWay(t *testing.T) {
	play(t, func(s *stage) {
		f := &forgetful{suffix: "}:archived", times: 2}
		s.forgetting(f, core.Worker{Name: "w", Schedule: core.Every(time.Second), Run: func(ctx context.Context) error {
			if tick, _ := core.TickFrom(ctx); tick.ID() == first {
				return errDiskFull
			}
			return nil
		}})
		time.Sleep(time.Minute + 20*time.Second)
		require.Greater(s, f.lost.Load(), f.times)
		s.ends(first, "archived", "disk full")
	})
}

func TestToolsTellOfASkipWhoseResultWasLostOnTheWay(t *testing.T) {
	play(t, func(s *stage) {
		f := &forgetful{suffix: "skipped: paused", times: 1}
		w := core.Worker{Name: "w", Schedule: core.Every(time.Minute), Run: patient}
		m := s.node("other", w)
		require.NoError(s, m.Pause(s.Context(), "w"))
		stop(s.T, m)
		s.forgetting(f, w)
		time.Sleep(time.Minute + 10*time.Second)
		s.ends(first, "completed", "skipped: paused")
	})
}
