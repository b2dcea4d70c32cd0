package asynq

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// answering is a hook of a client, which answers each command itself.
type answering func(cmd redis.Cmder) error

func (answering) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a answering) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		err := a(cmd)
		cmd.SetErr(err)
		return err
	}
}

func (a answering) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) (first error) {
		for _, cmd := range cmds {
			err := a(cmd)
			cmd.SetErr(err)
			if first == nil {
				first = err
			}
		}
		return first
	}
}

// answered returns a client whose commands a answers.
func answered(t *testing.T, a answering) *batcher {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	client.AddHook(a)
	return &batcher{UniversalClient: client}
}

var errRefused = errors.New("ERR refused")

// with answers scripts with a value.
func with(value any) answering {
	return func(cmd redis.Cmder) error {
		if script, ok := cmd.(*redis.Cmd); ok {
			script.SetVal(value)
			return nil
		}
		return errRefused
	}
}

func TestAnUnexpectedAnswerToAWriteIsAnError(t *testing.T) {
	w := ledger.Write{Worker: "w", Rev: 1, Value: []byte("v")}
	for want, answer := range map[string]answering{
		"unexpected answer [1]":                       with([]any{int64(1)}),
		`has the revision "x", which is no number`:    with([]any{int64(1), "v", "x", nil, nil}),
		"write the lease record of w: ERR refused":    func(redis.Cmder) error { return errRefused },
		"write the lease record of w: redis: unexpec": with("text"),
	} {
		s := &store{queue: "q", client: answered(t, answer), writes: newWriteNames()}
		_, err := s.WriteLease(t.Context(), w)
		assert.ErrorContains(t, err, want)
	}
	s := &store{queue: "q", client: answered(t, with([]any{int64(1), "v", "7", "c", "8"})), writes: newWriteNames()}
	state, err := s.WriteControl(t.Context(), w)
	require.NoError(t, err)
	assert.Equal(t, ledger.State{Worker: "w", Lease: ledger.Entry{Value: []byte("v"), Rev: 7}, Control: ledger.Entry{Value: []byte("v"), Rev: 8}}, state)
	s.client = answered(t, with([]any{int64(0), "v", "7", "c", "8"}))
	_, err = s.WriteControl(t.Context(), w)
	assert.ErrorIs(t, err, ledger.ErrConflict)
}

func TestAReadThatFailsIsAnError(t *testing.T) {
	s := &store{queue: "q", client: answered(t, func(redis.Cmder) error { return errRefused })}
	_, err := s.Load(t.Context(), []string{"a", "b"})
	assert.EqualError(t, err, "read the records of 2 workers: ERR refused")
	_, err = s.Instances(t.Context())
	assert.EqualError(t, err, "list the instances: ERR refused")
	assert.Error(t, s.Leave(t.Context(), "a"))

	s.client = answered(t, func(cmd redis.Cmder) error {
		cmd.(*redis.SliceCmd).SetVal([]any{"v", "no number", nil, nil})
		return nil
	})
	_, err = s.Load(t.Context(), []string{"a"})
	assert.ErrorContains(t, err, `the record of a has the revision "no number"`)
}

func TestABeatThatFailsIsAnError(t *testing.T) {
	for want, answer := range map[string]answering{
		"ERR refused":             func(redis.Cmder) error { return errRefused },
		"unexpected answer [1]":   with([]any{"1"}),
		"x is no time in µs":      with([]any{"x", "1"}),
		"y is no time in µs":      with([]any{"1", "y"}),
		"<nil> is no time in µs":  with([]any{nil, "1"}),
		"enter the queue in asyn": with([]any{"1", "1"}), // SAdd is refused
	} {
		s := &store{queue: "q", client: answered(t, answer)}
		_, err := s.Beat(t.Context(), "a", []byte("roster"))
		assert.ErrorContains(t, err, want)
	}
}

// After a loss the roster is sent again, and an error of that is the beat's.
func TestABeatAfterALossSendsTheRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		born, fails := "1", false
		var rosters []any
		s := &store{queue: "q", client: answered(t, func(cmd redis.Cmder) error {
			script, ok := cmd.(*redis.Cmd)
			if !ok {
				return nil
			}
			args := script.Args()
			roster := args[len(args)-2]
			rosters = append(rosters, roster)
			if fails && len(roster.([]byte)) > 0 {
				return errRefused
			}
			script.SetVal([]any{"5", born})
			return nil
		})}
		beat := func(roster []byte) error {
			rosters = nil
			_, err := s.Beat(t.Context(), "a", roster)
			return err
		}
		time.Sleep(time.Second)
		require.NoError(t, beat([]byte("one")))
		assert.Equal(t, []any{[]byte("one")}, rosters)
		require.NoError(t, beat(nil))
		assert.Equal(t, []any{[]byte(nil)}, rosters, "it has not changed")
		born = "2"
		require.NoError(t, beat(nil))
		assert.Equal(t, []any{[]byte(nil), []byte("one")}, rosters)
		born, fails = "3", true
		require.ErrorIs(t, beat(nil), errRefused)
		fails = false
		require.NoError(t, beat(nil))
		assert.Equal(t, []any{[]byte(nil), []byte("one")}, rosters, "the loss is not forgotten")
		time.Sleep(resend + time.Second)
		require.NoError(t, beat(nil))
		assert.Equal(t, []any{[]byte("one")}, rosters)
	})
}

// An instance that was not heard of for a lease is dead, by Redis's clock.
func TestADeadInstanceHasNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mini := redistest.NewMini()
		defer mini.Close()
		s := &store{queue: "q", client: &batcher{UniversalClient: mini.Client("a")}}
		defer func() { require.NoError(t, s.client.Close()) }()
		r := &registry{store: s, lease: 10 * time.Second}
		roster := func(worker string) []byte {
			return []byte(`{"workers":["` + worker + `"],"count":1}`)
		}
		beat := func(instance, worker string) {
			_, err := s.Beat(t.Context(), instance, roster(worker))
			require.NoError(t, err)
		}
		beat("dead", "old")
		time.Sleep(9 * time.Second)
		beat("alive", "new")
		rosters, err := r.load(t.Context())
		require.NoError(t, err)
		assert.Len(t, rosters, 2)
		time.Sleep(5 * time.Second)
		beat("alive", "new")
		rosters, err = r.load(t.Context())
		require.NoError(t, err)
		assert.Len(t, rosters, 1)
	})
}

func TestTheEvictionPolicyIsAskedForInTwoWays(t *testing.T) {
	config := func(cmd redis.Cmder) bool { return cmd.Name() == "config" }
	for _, c := range []struct {
		answer answering
		want   string
		fails  bool
	}{
		{func(cmd redis.Cmder) error {
			if !config(cmd) {
				return errRefused
			}
			cmd.(*redis.MapStringStringCmd).SetVal(map[string]string{"maxmemory-policy": "allkeys-lru"})
			return nil
		}, "allkeys-lru", false},
		{func(cmd redis.Cmder) error {
			if config(cmd) {
				return errRefused
			}
			cmd.(*redis.StringCmd).SetVal("# Memory\r\nmaxmemory_policy:volatile-ttl\r\nx:1\r\n")
			return nil
		}, "volatile-ttl", false},
		{func(redis.Cmder) error { return errRefused }, "", true},
	} {
		client := answered(t, c.answer)
		got, err := evictionPolicy(t.Context(), client)
		assert.Equal(t, c.want, got)
		assert.Equal(t, c.fails, err != nil)
		var log bytes.Buffer
		warnOfEviction(t.Context(), client, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		assert.Equal(t, !c.fails, strings.Contains(log.String(), "level=WARN"), log.String())
		assert.Equal(t, c.fails, strings.Contains(log.String(), "level=DEBUG"), log.String())
	}
}

// What is not known must not archive the task: it is tried again.
func TestATickWhoseFailureIsNotKnownIsTriedAgain(t *testing.T) {
	tick := core.Tick{Worker: "w", Slot: time.Unix(60, 0)}
	var log bytes.Buffer
	d := &dispatcher{
		store: &store{queue: "q", client: answered(t, func(redis.Cmder) error { return errRefused })},
		host:  core.Host{Logger: slog.New(slog.NewTextHandler(&log, nil))},
	}
	err := d.failed(t.Context(), tick)
	assert.ErrorIs(t, err, errRefused)
	assert.NotErrorIs(t, err, asynq.SkipRetry)
	d.Failed(t.Context(), tick, errors.New("no"))
	assert.Contains(t, log.String(), "level=WARN")

	d.store.client = answered(t, func(redis.Cmder) error { return redis.Nil })
	assert.NoError(t, d.failed(t.Context(), tick))
	d.store.client = answered(t, with("no"))
	err = d.failed(t.Context(), tick)
	assert.EqualError(t, err, "no")
	assert.ErrorIs(t, err, asynq.SkipRetry)
	assert.EqualError(t, failure{}, "failed")
}

func TestServerLogShowsNoPassword(t *testing.T) {
	var text bytes.Buffer
	log := newServerLog(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})), []string{"s3cret", ""})
	log.Debug("not recorded")
	for level, write := range map[string]func(...any){"DEBUG": log.Info, "WARN": log.Error, "ERROR": log.Fatal} {
		text.Reset()
		write("unknown command ", "s3cret")
		assert.Contains(t, text.String(), "level="+level)
		assert.Contains(t, text.String(), "asynq: unknown command")
		assert.NotContains(t, text.String(), "s3cret")
	}
	text.Reset()
	log.Warn("lease expired")
	assert.Contains(t, text.String(), "level=DEBUG")
	text.Reset()
	log.Error("subscribe: " + notListening)
	assert.Empty(t, text.String())
}

// A wake before the wait is not lost, and room is seen at once.
func TestSourceKeepsAWakeAndSeesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := errRefused
		s := newSource(answered(t, func(cmd redis.Cmder) error {
			if ids == nil {
				cmd.(*redis.StringSliceCmd).SetVal([]string{"one", "two"})
			}
			return ids
		}), isOpen, "tickwork", time.Second, 3)
		defer s.deaf.Close()
		began := time.Now()
		s.wake()
		s.wake()
		assert.True(t, s.wait(time.Hour))
		assert.Zero(t, time.Since(began))
		s.has.Store(1)
		assert.True(t, s.hasRoom(t.Context()))
		assert.Equal(t, 2, s.room)
		assert.Zero(t, time.Since(began))

		s.has.Store(3)
		for range 2 * looks { // what is left to others is not known
			assert.False(t, s.hasRoom(t.Context()))
		}
		assert.Equal(t, 2*s.leave(), time.Since(began))
		ids, began = nil, time.Now()
		for range looks {
			assert.False(t, s.hasRoom(t.Context()))
		}
		assert.True(t, s.hasRoom(t.Context()))
		assert.Equal(t, 2, s.room, "two ticks were left to others for long enough")
		assert.Equal(t, s.leave(), time.Since(began))

		s.left, began = nil, time.Now()
		s.handled()
		assert.True(t, s.hasRoom(t.Context()))
		assert.Equal(t, 1, s.room)
		s.has.Store(3)
		assert.False(t, s.hasRoom(t.Context()), "but it was told to look again")
		assert.Zero(t, time.Since(began))
	})
}

// Of two tasks that are asked for, one is there.
func TestSourceGivesATaskOnce(t *testing.T) {
	for _, answers := range [][]string{{"", "1", "2"}, {"1", "", "2"}} {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		client.AddHook(&canned{answers: answers})
		s := newSource(&batcher{UniversalClient: client}, isOpen, "tickwork", time.Second, 0)
		s.next, s.room = 2, atOnce
		for _, want := range []string{"1", "2"} {
			text, err := s.EvalSha(t.Context(), "", question).Text()
			require.NoError(t, err)
			assert.Equal(t, want, text)
		}
		assert.Equal(t, int64(2), s.has.Load())
		_ = client.Close()
		_ = s.deaf.Close()
	}
}

func TestNamespaces(t *testing.T) {
	for _, good := range []string{"a", "z", "A", "Z", "0", "9", "a_b", "a-b", "a.b", strings.Repeat("x", 64)} {
		assert.True(t, goodNamespace(good), good)
	}
	for _, bad := range []string{"`", "{", "@", "[", "/", ":", "a b", "é", "^", ",", strings.Repeat("x", 65)} {
		assert.False(t, goodNamespace(bad), bad)
	}
}

func TestAConfigSaysWhereItsRedisIs(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for want, cfg := range map[string]Config{
		`asynq: the default URL, namespace "", lease 1s`:           {Lease: time.Second},
		`asynq: a URL, namespace "", lease 0s`:                     {URL: "redis://host"},
		`asynq: the URL in a file, namespace "", lease 0s`:         {URLFile: "/run/url"},
		`asynq: a client of the program's, namespace "", lease 0s`: {Client: client},
	} {
		assert.Equal(t, want, cfg.String())
	}
}

func TestTheAddressOfAClientThatTheProgramOwns(t *testing.T) {
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"one:1", "two:2"}, ContextTimeoutEnabled: true})
	defer cluster.Close()
	got, err := newTarget(Config{Client: cluster})
	require.NoError(t, err)
	assert.Equal(t, "one:1,two:2", got.address)
	late := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"one:1"}})
	defer late.Close()
	_, err = newTarget(Config{Client: late})
	assert.ErrorContains(t, err, "ContextTimeoutEnabled")
	replicas := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"one:1"}, ReadOnly: true, ContextTimeoutEnabled: true})
	defer replicas.Close()
	_, err = newTarget(Config{Client: replicas})
	assert.ErrorContains(t, err, "replicas")

	// It is closed only if it says so: any other error is tried again.
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1})
	defer client.Close()
	got, err = newTarget(Config{Client: client})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = got.connect(ctx, core.Host{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "reach Redis at 127.0.0.1:1")
	assert.NotContains(t, err.Error(), "is closed")
}

// The settings of TLS are refused at once if the URL is one without TLS.
func TestTLSWantsASchemeWithTLS(t *testing.T) {
	for _, url := range []string{"redis://host", "redis-cluster://host", "redis-sentinel://host?master_name=m", "unix:///run/redis.sock"} {
		_, err := newTarget(Config{URL: url, TLS: TLS{ServerName: "name"}})
		assert.ErrorContains(t, err, "asynq: TLS: is set, but the scheme of the URL is one without TLS", url)
	}
	for _, url := range []string{"rediss://host", "rediss-cluster://host", "rediss-sentinel://host?master_name=m"} {
		_, err := newTarget(Config{URL: url, TLS: TLS{ServerName: "name"}})
		assert.NoError(t, err, url)
	}
}

// net/url writes a URL without a host without slashes, which would be another URL.
func TestAURLIsTakenWithItsSlashes(t *testing.T) {
	for _, text := range []string{"redis://host:1/2?db=3", "unix:///run/redis.sock", "redis://"} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		var cfg Config
		require.NoError(t, takeURL(&cfg, u))
		assert.Equal(t, text, cfg.URL)
	}
}

// inbox answers each delivery.
type inbox struct {
	got ledger.Delivery
	err error
}

func (inbox) Open() bool { return true }

func (i inbox) Deliver(context.Context, core.Tick) (ledger.Delivery, error) { return i.got, i.err }

func TestWhatBecomesOfATask(t *testing.T) {
	tick := core.Tick{Worker: "w", Slot: time.Now().Truncate(time.Minute)}
	kind, data := encodeTick(tick, time.Now())
	noWay := errors.New("no way")
	for name, c := range map[string]struct {
		in   inbox
		want error // nil for a task that has completed
		ends bool  // it is archived
		lags int   // how many lags of the queue were measured
	}{
		"succeeded":           {inbox{got: ledger.Delivery{Outcome: core.Succeeded}}, nil, false, 1},
		"failed":              {inbox{got: ledger.Delivery{Outcome: core.Failed, Err: noWay}}, noWay, true, 1},
		"absent":              {inbox{got: ledger.Delivery{Absent: true}}, errElsewhere, false, 0},
		"an error":            {inbox{err: noWay}, noWay, false, 0},
		"an end not known":    {inbox{got: ledger.Delivery{}}, nil, false, 1},
		"past, and not known": {inbox{got: ledger.Delivery{Past: true}}, errRefused, false, 0},
	} {
		s := &store{queue: "q", client: answered(t, func(redis.Cmder) error { return errRefused })}
		d := newDispatcher(Config{Lease: time.Hour}, s)
		d.in, d.host.Now = c.in, time.Now
		d.source = newSource(s.client, isOpen, "q", time.Second, 0)
		defer d.source.deaf.Close()
		d.source.has.Store(1)
		err := d.handle(t.Context(), asynq.NewTask(kind, data))
		assert.ErrorIs(t, err, c.want, name)
		assert.Equal(t, c.ends, errors.Is(err, asynq.SkipRetry), name)
		assert.Equal(t, c.lags, d.sent.n, name)
		assert.Zero(t, d.source.has.Load(), name)
		err = d.handle(t.Context(), asynq.NewTask("email:send", data))
		assert.ErrorIs(t, err, errNoTick, name)
		assert.ErrorIs(t, err, asynq.SkipRetry, name)
		<-d.tasks.close()
		assert.ErrorIs(t, d.handle(t.Context(), asynq.NewTask(kind, data)), errElsewhere, "after Stop")
	}
}
