package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

var errRefused = errors.New("refused")

// altered is a stream whose answers a test alters.
type altered struct {
	jetstream.Stream
	info  func(*jetstream.StreamInfo) error
	purge error
}

func (a altered) Info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	info, err := a.Stream.Info(ctx, opts...)
	if err == nil && a.info != nil {
		err = a.info(info)
	}
	return info, err
}

func (a altered) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	if a.purge != nil {
		return a.purge
	}
	return a.Stream.Purge(ctx, opts...)
}

// refusing is a bucket that cannot be read.
type refusing struct{ jetstream.KeyValue }

func (refusing) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	return nil, errRefused
}

// mute is a bucket whose watchers report nothing.
type mute struct{ jetstream.KeyValue }

func (m mute) WatchFiltered(ctx context.Context, _ []string, _ ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return m.KeyValue.Watch(ctx, "none", jetstream.UpdatesOnly())
}

func TestABeatThatCannotAskForTheStreamIsAnError(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		born := mustBeat(t, s).Born
		stream := s.stream
		s.stream = altered{Stream: stream, info: func(*jetstream.StreamInfo) error { return errRefused }}
		time.Sleep(s.cfg.Lease)
		_, err := s.Beat(t.Context(), "a", nil)
		require.ErrorIs(t, err, errRefused)
		_, err = s.Instances(t.Context())
		require.ErrorIs(t, err, errRefused)
		s.stream = altered{Stream: stream, info: func(info *jetstream.StreamInfo) error { info.TimeStamp = time.Time{}; return nil }}
		_, err = s.Beat(t.Context(), "a", nil)
		require.ErrorContains(t, err, "the server is older than 2.10")
		s.stream = stream
		assert.Equal(t, born, mustBeat(t, s).Born)
	})
}

// A new leader may be behind for a moment. Only one that stays behind has lost data.
func TestAStreamThatIsBehindOnceHasLostNothing(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		born := mustBeat(t, s).Born
		_, err := s.WriteLease(t.Context(), ledger.Write{Worker: "w", Value: []byte("{}")})
		require.NoError(t, err)
		s.stream = altered{Stream: s.stream, info: func(info *jetstream.StreamInfo) error { info.State.LastSeq = 0; return nil }}
		for range 3 { // a beat between two answers clears the doubt
			time.Sleep(s.cfg.Lease)
			assert.Equal(t, born, mustBeat(t, s).Born)
		}
		require.NoError(t, s.ask(t.Context(), false))
		assert.Equal(t, born, s.pulses.born)
		require.NoError(t, s.ask(t.Context(), false))
		assert.NotEqual(t, born, s.pulses.born)
	})
}

func TestABeatWaitsForAnotherOnlyAsLongAsItsContext(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		require.NoError(t, s.pulses.take(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Beat(ctx, "a", nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "wait for another beat")
		_, err = s.Instances(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "wait for a beat")
		s.pulses.give()
		mustBeat(t, s)
	})
}

// After a silence that long, another may have taken the instance out of the registry.
func TestTheRosterIsWrittenAgainAfterASilence(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		_, err := s.Beat(t.Context(), "a", []byte("roster"))
		require.NoError(t, err)
		roster := func() string {
			members, err := s.members(t.Context())
			require.NoError(t, err)
			return string(members["a"].Roster)
		}
		require.NoError(t, s.takeOut(t.Context(), "a"))
		time.Sleep(s.silence() - time.Second)
		s.pulses.sure = false // it is known that it was taken out
		s.pulses.doubt.Store(false)
		mustBeat(t, s)
		assert.Empty(t, roster())
		time.Sleep(s.silence() + time.Second)
		mustBeat(t, s)
		assert.Equal(t, "roster", roster())
	})
}

func TestARegistryThatCannotBeReadIsAnError(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s, other := open("a", server.Dial(), time.Now), open("other", server.Dial(), time.Now)
		mustBeat(t, s)
		mustBeat(t, other) // neither has a roster, which is looked for
		bucket, stream := s.kv, s.stream
		s.kv = refusing{bucket}
		_, err := s.Instances(t.Context())
		assert.ErrorIs(t, err, errRefused)
		assert.ErrorContains(t, err, "list the registry")

		s.kv = mute{bucket}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Instances(ctx)
		assert.Error(t, err)

		s.kv = bucket
		list, err := s.Instances(t.Context())
		require.NoError(t, err)
		assert.Len(t, list, 2)
		time.Sleep(s.silence() + time.Second)
		mustBeat(t, s)
		s.stream = altered{Stream: stream, purge: errRefused}
		_, err = s.Instances(t.Context())
		assert.ErrorIs(t, err, errRefused, "the other is dead, and cannot be taken out")
		assert.ErrorIs(t, s.Leave(t.Context(), "a"), errRefused)
		s.stream = stream
		list, err = s.Instances(t.Context())
		require.NoError(t, err)
		assert.Len(t, list, 1)
	})
}

// hasBegunAnew returns whether the watch of a store was told to begin again since the last call.
func hasBegunAnew(s *store) bool {
	select {
	case <-s.anew:
		return true
	default:
		return false
	}
}

// The server that had the watch's consumer may have ended: then not even a beat is reported.
func TestAWatchThatReportsNoBeatBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(synced bool, last, mine, before uint64, since time.Duration) *store {
			s := newStore(Config{Lease: 10 * time.Second})
			s.watched = watched{synced: synced, last: last}
			s.pulses.mine, s.pulses.before, s.pulses.answered.at = mine, before, time.Now()
			time.Sleep(since)
			s.checkWatch()
			return s
		}
		assert.True(t, hasBegunAnew(at(true, 7, 9, 7, time.Second)))
		assert.False(t, hasBegunAnew(at(false, 7, 9, 7, time.Second)), "it is reading what there is")
		assert.False(t, hasBegunAnew(at(true, 9, 9, 7, time.Second)), "the beat was reported")
		assert.False(t, hasBegunAnew(at(true, 8, 9, 7, time.Second)), "something was reported since")
		assert.False(t, hasBegunAnew(at(true, 7, 9, 7, 500*time.Millisecond)), "it has had no time for it")
	})
}

func TestAReconnectBringsDoubtAndAnotherWatch(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		mustBeat(t, s)
		require.False(t, hasBegunAnew(s))
		require.False(t, s.pulses.doubt.Load())
		s.link.back()
		assert.True(t, hasBegunAnew(s))
		assert.True(t, s.pulses.doubt.Load())
		mustBeat(t, s)
		assert.False(t, s.pulses.doubt.Load())
	})
}

func TestOnlyARefusalOfWhoWeAreIsOne(t *testing.T) {
	for _, err := range []error{natsgo.ErrAuthorization, natsgo.ErrAuthExpired, natsgo.ErrAuthRevoked, natsgo.ErrAccountAuthExpired} {
		assert.True(t, refused(fmt.Errorf("wrapped: %w", err)), err)
	}
	for _, err := range []error{nil, natsgo.ErrNoServers, errRefused} {
		assert.False(t, refused(err), err)
	}
}

func TestTheLogOfAConnectionShowsNoPassword(t *testing.T) {
	var log bytes.Buffer
	l := &link{password: "s3cret"}
	o := natsgo.GetDefaultOptions()
	for _, option := range l.options(Config{}, nil, core.Host{Instance: "a", Logger: slog.New(slog.NewTextHandler(&log, nil))}) {
		require.NoError(t, option(&o))
	}
	assert.Equal(t, "tickwork a", o.Name)
	assert.Equal(t, -1, o.MaxReconnect, "it is never given up")
	assert.Equal(t, -1, o.ReconnectBufSize, "nothing is kept to be sent later")
	assert.True(t, o.IgnoreAuthErrorAbort)
	assert.True(t, o.RetryOnFailedConnect)
	assert.Equal(t, pingInterval, o.PingInterval)
	o.AsyncErrorCB(nil, nil, errors.New("unknown command s3cret"))
	assert.Contains(t, log.String(), "level=WARN")
	assert.NotContains(t, log.String(), "s3cret")
	assert.NoError(t, l.denied())
	o.AsyncErrorCB(nil, nil, fmt.Errorf("%w: s3cret", natsgo.ErrPermissionViolation))
	require.ErrorIs(t, l.denied(), natsgo.ErrPermissionViolation)
	assert.NotContains(t, l.denied().Error(), "s3cret")
	assert.NotContains(t, log.String(), "s3cret")
}

func TestTheBoundsOfAConfig(t *testing.T) {
	for _, good := range []Config{{Lease: minLease}, {Replicas: 1}, {Replicas: 3}, {Replicas: 5}, {Storage: "file"}, {Storage: "memory"}, {Namespace: strings.Repeat("n", 64)}, {Namespace: "a.b_c-D9"}} {
		assert.NoError(t, good.check(), "%+v", good.Lease)
	}
	for _, bad := range []Config{{Lease: minLease - 1}, {Replicas: 4}, {Replicas: 6}, {Replicas: -1}} {
		assert.Error(t, bad.check())
	}
	assert.Equal(t, 1, Config{}.bucket().replicas)
	assert.Equal(t, 3, Config{Replicas: 3}.bucket().replicas)
	assert.Equal(t, jetstream.MemoryStorage, Config{Storage: "memory"}.bucket().storage)
	assert.Equal(t, jetstream.FileStorage, Config{}.bucket().storage)
	for want, cfg := range map[string]Config{
		`nats: the default URL, namespace "", lease 1s`:                  {Lease: time.Second},
		`nats: a URL, namespace "a", lease 0s`:                           {URL: "nats://host", Namespace: "a"},
		`nats: the URL in a file, namespace "", lease 0s`:                {URLFile: "/run/url"},
		`nats: a connection of the program's, namespace "", lease 0s`:    {Conn: &natsgo.Conn{}},
		`nats: the default URL, namespace "(not a namespace)", lease 0s`: {Namespace: "nats://me:s3cret@host"},
	} {
		assert.Equal(t, want, cfg.String())
	}
}

// Whoever asked in vain leaves a doubt, which the next beat resolves.
func TestABeatAsksAgainForWhatWasNotAnswered(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		mustBeat(t, s)
		stream, asked := s.stream, 0
		counting := altered{Stream: stream, info: func(*jetstream.StreamInfo) error { asked++; return nil }}
		for name, fails := range map[string]jetstream.Stream{
			"an error":  altered{Stream: stream, info: func(*jetstream.StreamInfo) error { return errRefused }},
			"no leader": leaderless{stream},
		} {
			s.stream, asked = counting, 0
			mustBeat(t, s)
			assert.Zero(t, asked, "before")
			s.stream = fails
			_, err := s.Instances(t.Context())
			assert.Error(t, err)
			s.stream = counting
			mustBeat(t, s)
			assert.Equal(t, 1, asked, name)
		}
	})
}
