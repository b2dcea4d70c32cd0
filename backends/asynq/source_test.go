package asynq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// scripted answers every script with an error, and counts.
type scripted struct {
	redis.UniversalClient
	err   error
	asked int
	at    []time.Time
}

func (s *scripted) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	s.asked++
	s.at = append(s.at, time.Now())
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(s.err)
	return cmd
}

func (s *scripted) Process(ctx context.Context, cmd redis.Cmder) error {
	cmd.SetErr(s.EvalSha(ctx, "", nil).Err())
	return cmd.Err()
}

var question = []string{"asynq:{tickwork}:pending", "asynq:{tickwork}:paused", "asynq:{tickwork}:active", "asynq:{tickwork}:lease"}

func TestSourceAsksOncePerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{err: redis.Nil}
		s := newSource(&batcher{UniversalClient: fake}, isOpen, "tickwork", time.Second, 0)
		began := time.Now()
		require.Error(t, s.EvalSha(t.Context(), "", question).Err())
		assert.Equal(t, patient, time.Since(began).Truncate(time.Second)-time.Second, "how long a question waits")
		assert.Equal(t, 11, fake.asked, "questions in 11 s")
	})
}

// What an instance took that cannot run it would have to go to another.
func TestSourceAsksForNothingWhereNothingCanBeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{err: errors.New("asked")}
		var open atomic.Bool
		s := newSource(&batcher{UniversalClient: fake}, open.Load, "tickwork", time.Second, 0)
		began := time.Now()
		require.ErrorIs(t, s.EvalSha(t.Context(), "", question).Err(), redis.Nil)
		assert.Equal(t, patient+closed, time.Since(began), "how long a question waits")
		assert.Zero(t, fake.asked)
		began = time.Now()
		time.AfterFunc(1590*time.Millisecond, func() { open.Store(true) })
		require.ErrorIs(t, s.EvalSha(t.Context(), "", question).Err(), fake.err)
		assert.Equal(t, []time.Time{began.Add(1600 * time.Millisecond)}, fake.at)

		open.Store(false)
		time.AfterFunc(time.Second, func() { s.stop(t.Context()) })
		require.ErrorIs(t, s.EvalSha(t.Context(), "", question).Err(), redis.Nil)
		require.ErrorIs(t, s.EvalSha(t.Context(), "", question).Err(), redis.Nil)
		assert.Equal(t, 1, fake.asked)
		select {
		case <-s.drained:
		default:
			t.Error("asynq may not be stopped yet")
		}
	})
}

func TestSourceAsksAtOnceForWhatWasDispatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{err: redis.Nil}
		s := newSource(&batcher{UniversalClient: fake}, isOpen, "tickwork", 5*time.Second, 0)
		go func() {
			time.Sleep(time.Second)
			for range 100 {
				s.dispatched()
			}
			time.Sleep(time.Second)
			s.stop(t.Context())
		}()
		began := time.Now()
		s.EvalSha(t.Context(), "", question)
		require.Equal(t, 2, fake.asked, "questions")
		s.EvalSha(t.Context(), "", question)
		require.Equal(t, 2, fake.asked, "questions after stop")
		assert.Less(t, fake.at[1].Sub(began), time.Second+courtesy)
		assert.Equal(t, 2*time.Second, time.Since(began), "until stop")
	})
}

// Asynq asks again at once that was answered with an error: that must not burn a
// processor while Redis is away (CLU-6).
func TestSourcePausesWhereRedisDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{err: errors.New("connection refused")}
		s := newSource(&batcher{UniversalClient: fake}, isOpen, "tickwork", time.Second, 0)
		for began := time.Now(); time.Since(began) < time.Minute; {
			s.EvalSha(t.Context(), "", question)
		}
		assert.LessOrEqual(t, fake.asked, 60, "questions in a minute")
	})
}

func TestSourcePassesOnTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{err: redis.Nil}
		s := newSource(&batcher{UniversalClient: fake}, isOpen, "tickwork", time.Second, 0)
		began := time.Now()
		for _, keys := range [][]string{nil, question[:2], {"asynq:{other}:pending", "", "", ""}} {
			s.EvalSha(t.Context(), "", keys)
		}
		fake.err = redis.ErrNoScript
		s.EvalSha(t.Context(), "", question)
		assert.Zero(t, time.Since(began))
		assert.Equal(t, 4, fake.asked)
	})
}

// canned answers scripts with what it was given, in order; empty is nothing.
type canned struct{ answers []string }

func (c *canned) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *canned) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error { return c.answer(cmd.(*redis.Cmd)) }
}

func (c *canned) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			_ = c.answer(cmd.(*redis.Cmd))
		}
		return nil
	}
}

func (c *canned) answer(cmd *redis.Cmd) error {
	answer := ""
	if len(c.answers) > 0 {
		answer, c.answers = c.answers[0], c.answers[1:]
	}
	if answer == "" {
		cmd.SetErr(redis.Nil)
	} else {
		cmd.SetVal(answer)
	}
	return cmd.Err()
}

// Of several tasks that are taken at a time none is lost, also where another
// instance puts one in after this one was told that there is nothing.
func TestSourceLosesNoTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		defer client.Close()
		c := &canned{answers: []string{"1", "2", "3", "4", "", "5", "6", "", "", "7"}}
		client.AddHook(c)
		s := newSource(&batcher{UniversalClient: client}, isOpen, "tickwork", time.Second, 0)
		var got []string
		for len(got) < 7 {
			text, err := s.EvalSha(t.Context(), "", question).Text()
			require.NoError(t, err)
			got = append(got, text)
		}
		assert.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7"}, got)

		c.answers = []string{"8", "9", "10", "11", "12"} // and none that was taken when it stops
		s.next = 4
		first, err := s.EvalSha(t.Context(), "", question).Text()
		require.NoError(t, err)
		assert.Equal(t, "8", first)
		stopped := make(chan struct{})
		go func() { s.stop(t.Context()); close(stopped) }()
		synctest.Wait()
		for _, want := range []string{"9", "10", "11"} {
			text, err := s.EvalSha(t.Context(), "", question).Text()
			require.NoError(t, err)
			assert.Equal(t, want, text)
		}
		require.ErrorIs(t, s.EvalSha(t.Context(), "", question).Err(), redis.Nil)
		<-stopped
		assert.Equal(t, []string{"12"}, c.answers, "what was left in the queue")
	})
}

func TestServerLogRepeatsNothing(t *testing.T) {
	var b bytes.Buffer
	l := newServerLog(slog.New(slog.NewTextHandler(&b, nil)), nil)
	for range 100 {
		l.Error("Failed to forward scheduled tasks: connection refused")
		l.Error("Failed to write server state data: connection refused")
	}
	l.Debug("x")
	l.Info("x")
	l.Warn("Retry exhausted for task id=x")
	assert.Equal(t, 2, strings.Count(b.String(), "level=WARN"), b.String())
	assert.Equal(t, 2, strings.Count(b.String(), "\n"), b.String())
}

func TestRetention(t *testing.T) {
	for period, want := range map[time.Duration]time.Duration{
		0:                      time.Minute,
		100 * time.Millisecond: time.Minute,
		time.Minute:            20 * time.Minute,
		24 * time.Hour:         time.Hour,
	} {
		assert.Equal(t, want, retention(period), period)
	}
}

// A tick of which the period is not known is shown for longest: the first after a
// start, and a manual one.
func TestThePeriodsOfTicks(t *testing.T) {
	s, now := newSent(), time.Now()
	period := func(tick core.Tick, after time.Duration) time.Duration {
		if now = now.Add(after); tick.Manual == "" {
			tick.Slot = now
		}
		period, again := s.note(tick, now)
		require.False(t, again)
		return period
	}
	assert.Equal(t, time.Hour, retention(period(core.Tick{Worker: "w"}, 0)), "the first")
	assert.Equal(t, time.Minute, period(core.Tick{Worker: "w"}, time.Minute))
	assert.Equal(t, time.Hour, retention(period(core.Tick{Worker: "w", Manual: "x"}, 0)))
	assert.Equal(t, 2*time.Minute, period(core.Tick{Worker: "w"}, 2*time.Minute))
	assert.Equal(t, time.Hour, retention(period(core.Tick{Worker: "w"}, 4*time.Minute)))
}

// Of workers that were removed nothing stays, and those there are keep their
// periods.
func TestRemovedWorkersAreForgotten(t *testing.T) {
	s, now := newSent(), time.Now()
	for i := range 10_000 {
		now = now.Add(time.Second)
		s.note(core.Tick{Worker: fmt.Sprint("gone-", i), Slot: now}, now)
		period, _ := s.note(core.Tick{Worker: "kept", Slot: now}, now)
		if i > 0 {
			require.Equal(t, time.Second, period)
		}
		require.LessOrEqual(t, len(s.last), 2*int(longest/time.Second)+2)
	}
}

// A queue that is behind gets no second tick of a worker of which one is in it.
func TestNothingIsSentTwiceToAQueueThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSent()
		send := func(worker string) bool {
			_, again := s.note(core.Tick{Worker: worker, Slot: time.Now()}, time.Now())
			return !again
		}
		assert.True(t, send("a"))
		assert.True(t, send("a"), "a queue that is not known to be behind")
		time.Sleep(time.Second)
		arrived := func(n int, lag time.Duration) {
			for range n {
				s.arrived(lag, time.Now())
			}
		}
		arrived(100, 100*time.Millisecond)
		assert.True(t, send("a"), "a queue that is less than a period behind")
		time.Sleep(time.Second)
		arrived(7, 2*time.Second)
		assert.True(t, send("a"), "after some that were left over")
		arrived(1, 2*time.Second)
		assert.False(t, send("a"))
		assert.True(t, send("b"), "one of which nothing is in the queue")
		time.Sleep(time.Second)
		assert.False(t, send("a"))
		arrived(1, 2*time.Second)
		time.Sleep(1100 * time.Millisecond)
		assert.True(t, send("a"), "one that must have come by now")

		taken := time.Now()
		time.Sleep(time.Minute)
		for range 100 {
			s.arrived(24*time.Hour, taken)
		}
		assert.True(t, send("a"))
		assert.True(t, send("a"), "after the end of some that came long ago")
		arrived(100, 24*time.Hour)
		assert.False(t, send("a"))
		s.arrived(0, taken)
		assert.False(t, send("a"), "and of one of which the later ones tell more")
		time.Sleep(mostLag)
		assert.True(t, send("a"), "when it is not known any more")
	})
}

func TestTicksAsTasks(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)
	slot := core.Tick{Worker: "send/invoices", Slot: now.Add(-time.Second), Attempt: 1}
	manual := core.Tick{Worker: "w", Manual: "x1", Attempt: 1}
	for text, tick := range map[string]core.Tick{
		`{"worker":"send/invoices","slot":"2026-01-01T00:00:00Z","sent":"2026-01-01T00:00:01Z"}`: slot,
		`{"worker":"w","manual":"x1","sent":"2026-01-01T00:00:01Z"}`:                             manual,
	} {
		kind, data := encodeTick(tick, now)
		assert.Equal(t, "worker:"+tick.Worker, kind)
		assert.Equal(t, text, string(data))
		got, due, sent, err := decodeTick(kind, data)
		require.NoError(t, err)
		assert.Equal(t, tick, got)
		assert.Equal(t, now, sent)
		if tick.Manual == "" {
			assert.Equal(t, tick.Slot, due)
		} else {
			assert.Equal(t, now, due)
		}
	}
	_, due, sent, err := decodeTick("worker:w", []byte(`{"worker":"w","slot":"2026-01-01T00:00:00Z"}`))
	require.NoError(t, err, "of an older version")
	assert.Equal(t, slot.Slot, due)
	assert.Equal(t, slot.Slot, sent)
	for kind, text := range map[string]string{
		"email:send": `{"worker":"w","manual":"x"}`,
		"worker:w":   `{"worker":"v","manual":"x"}`,
		"worker:x":   `{"worker":"x"}`,
		"worker:y":   `nonsense`,
	} {
		_, _, _, err := decodeTick(kind, []byte(text))
		assert.ErrorIs(t, err, errNoTick, kind)
	}
}

// A roster that was lost, or that another of the same name took with it, is there
// again within a minute.
func TestARosterIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := redistest.NewMini()
		defer mini.Close()
		s := &store{queue: "q", client: &batcher{UniversalClient: mini.Client("a")}}
		defer func() { require.NoError(t, s.client.Close()) }()
		_, err := s.Beat(t.Context(), "a", []byte("roster"))
		require.NoError(t, err)
		mini.HDel(s.rostersKey(), "a")
		for range 61 {
			time.Sleep(time.Second)
			_, err := s.Beat(t.Context(), "a", nil)
			require.NoError(t, err)
		}
		require.Equal(t, "roster", mini.HGet(s.rostersKey(), "a"))
	})
}
