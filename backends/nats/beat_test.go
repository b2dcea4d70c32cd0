package nats

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
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

// beating runs a test in a bubble, on a server whose files are in a directory, with
// what opens stores on it.
func beating(t *testing.T, f func(t *testing.T, server *natstest.Server, dir string, open func(instance string, dial natsgo.Option, now func() time.Time) *store)) {
	natstest.Bubble(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		server, err := natstest.New(natstest.InProcess, natstest.Dir(dir))
		require.NoError(t, err)
		defer func() { assert.NoError(t, server.Stop()) }()
		f(t, server, dir, func(instance string, dial natsgo.Option, now func() time.Time) *store {
			s := newStore(Config{Namespace: "test", Storage: "file", Options: []natsgo.Option{dial}, Lease: 10 * time.Second})
			host := core.Host{Logger: slog.New(slog.DiscardHandler), Instance: instance, Now: now, Broker: func(error) {}}
			require.NoError(t, s.Open(t.Context(), host))
			t.Cleanup(func() { assert.NoError(t, s.Close(context.Background())) })
			return s
		})
	})
}

func mustBeat(t *testing.T, s *store) ledger.Pulse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	p, err := s.Beat(ctx, s.host.Instance, nil)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), p.Now, time.Millisecond, "the server's time")
	return p
}

// An instance beats each second, and has the server's time from that where it watches.
// Where it does not, it asks for the stream's description each half lease; and when its
// own clock has gone another way.
func TestABeatAsksForTheStreamNowAndThen(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		nc, err := server.Connect(natsgo.PingInterval(time.Hour))
		require.NoError(t, err)
		defer nc.Close()
		var beats, asked atomic.Int64
		counts := func(subject string, n *atomic.Int64) {
			_, err := nc.Subscribe(subject, func(*natsgo.Msg) { n.Add(1) })
			require.NoError(t, err)
		}
		counts("$KV.tickwork_test.i.>", &beats)
		counts("$JS.API.STREAM.INFO.KV_tickwork_test", &asked)
		require.NoError(t, nc.Flush())
		slept := time.Duration(0)
		s := open("a", server.Dial(), func() time.Time { return time.Now().Round(0).Add(slept) })
		mustBeat(t, s)
		synctest.Wait()
		assert.EqualValues(t, 3, asked.Load(), "requests for the stream: whether there is one, for its bucket, and of the first beat")
		beats.Store(0)
		asked.Store(0)
		minute := func() {
			for range 60 {
				time.Sleep(time.Second)
				mustBeat(t, s)
			}
			synctest.Wait()
		}
		minute()
		assert.EqualValues(t, 60, beats.Load(), "beats")
		assert.EqualValues(t, 12, asked.Load(), "requests for the stream")
		slept = 30 * time.Second
		time.Sleep(time.Second)
		mustBeat(t, s)
		synctest.Wait()
		assert.EqualValues(t, 13, asked.Load(), "requests for the stream, after the machine slept")

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Watch(ctx, func(ledger.State) {}, func() {}) }()
		minute()
		assert.EqualValues(t, 121, beats.Load(), "beats")
		assert.EqualValues(t, 13, asked.Load(), "requests for the stream, of one that watches")
		slept = 60 * time.Second
		minute()
		assert.EqualValues(t, 14, asked.Load(), "requests for the stream, after the machine slept again")
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		minute()
		assert.EqualValues(t, 26, asked.Load(), "requests for the stream, when the watch has ended")
	})
}

// Who comes takes the dead out of the registry, and no one who lives.
func TestTheDeadAreTakenOutOfTheRegistry(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		dead, alive := open("dead", server.Dial(), time.Now), open("alive", server.Dial(), time.Now)
		mustBeat(t, dead)
		mustBeat(t, alive)
		registered := func(watching *store) []string {
			members, err := watching.members(t.Context())
			require.NoError(t, err)
			return slices.Sorted(maps.Keys(members))
		}
		time.Sleep(dead.silence() - time.Second)
		mustBeat(t, alive)
		open("early", server.Dial(), time.Now)
		assert.Equal(t, []string{"alive", "dead"}, registered(alive), "who is in the registry, a second before an instance is taken for dead")
		time.Sleep(2 * time.Second)
		open("late", server.Dial(), time.Now)
		assert.Equal(t, []string{"alive"}, registered(alive), "who is in the registry, when another has come")
	})
}

// The end of the stream is lost, as by a server whose machine failed, and by the next
// beat more was written than had been: the stream is the same, and has come further.
func TestABeatFindsThatTheEndWasLost(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, dir string, open func(string, natsgo.Option, func() time.Time) *store) {
		a, b := open("a", server.Dial(), time.Now), open("b", server.Dial(), time.Now)
		born := mustBeat(t, a).Born
		require.Equal(t, born, mustBeat(t, b).Born)
		server.Shutdown()
		older := t.TempDir()
		require.NoError(t, os.CopyFS(older, os.DirFS(dir)))
		require.NoError(t, server.Start())
		time.Sleep(5 * time.Second)
		for range 5 {
			require.Equal(t, born, mustBeat(t, a).Born, "the data's begin, after a restart")
			time.Sleep(time.Second)
		}
		server.Shutdown()
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.CopyFS(dir, os.DirFS(older)))
		require.NoError(t, server.Start())
		time.Sleep(5 * time.Second)
		for i := range 20 {
			_, err := b.WriteLease(t.Context(), ledger.Write{Worker: fmt.Sprint("w", i), Value: []byte("{}")})
			require.NoError(t, err)
		}
		lost := mustBeat(t, a).Born
		assert.NotEqual(t, born, lost)
		time.Sleep(time.Second)
		assert.Equal(t, lost, mustBeat(t, a).Born, "the data's begin, with the beat after that")
	})
}

// A beat is written, and its answer is lost: that tells nothing of lost data. Nor does
// one that somebody has taken out of the registry.
func TestABeatIsInDoubt(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		link := natstest.NewLink(server)
		lost := link.LoseAnswer("$KV.tickwork_test.i.a", 3)
		a, b := open("a", link.Dial(), time.Now), open("b", server.Dial(), time.Now)
		_, err := a.Beat(t.Context(), "a", []byte("roster"))
		require.NoError(t, err)
		born := mustBeat(t, a).Born
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = a.Beat(ctx, "a", nil)
		require.Error(t, err)
		<-lost
		link.Cut(false)
		time.Sleep(20 * time.Second)
		require.Equal(t, born, mustBeat(t, a).Born, "the data's begin, after an answer was lost")
		require.NoError(t, b.Leave(t.Context(), "a"))
		require.Equal(t, born, mustBeat(t, a).Born, "the data's begin, after it was taken out of the registry")
		list, err := b.Instances(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, "roster", string(list[0].Roster))
	})
}

// The same, and the stream was asked for since, by who lists the registry; then somebody
// deletes it, and others have made it again and written more than there was.
func TestABeatAfterOneInDoubtAsks(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		link := natstest.NewLink(server)
		lost := link.LoseAnswer("$KV.tickwork_test.i.a", 2)
		a, b := open("a", link.Dial(), time.Now), open("b", server.Dial(), time.Now)
		born := mustBeat(t, a).Born
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := a.Beat(ctx, "a", nil)
		require.Error(t, err)
		<-lost
		link.Cut(false)
		time.Sleep(20 * time.Second)
		_, err = a.Instances(t.Context())
		require.NoError(t, err)
		require.NoError(t, b.js.DeleteStream(t.Context(), b.bucket.stream()))
		for i := range 20 {
			_, err := b.WriteLease(t.Context(), ledger.Write{Worker: fmt.Sprint("w", i), Value: []byte("{}")})
			require.NoError(t, err)
		}
		assert.NotEqual(t, born, mustBeat(t, a).Born)
	})
}

// While beats get no answer the watch asks for nothing: it would have their turn for
// longer than they take.
func TestABeatIsNotKeptWaitingByTheWatch(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		link := natstest.NewLink(server)
		s := open("a", link.Dial(), time.Now)
		mustBeat(t, s)
		link.Cut(true)
		time.Sleep(2 * s.lookAfter())
		looks := func() time.Duration {
			began := time.Now()
			s.look(t.Context())
			return time.Since(began)
		}
		beaten := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.lookAfter())
			defer cancel()
			_, err := s.Beat(ctx, "a", nil)
			beaten <- err
		}()
		time.Sleep(s.lookAfter() / 2)
		assert.Zero(t, looks(), "how long the watch has asked, in a beat")
		require.Error(t, <-beaten)
		assert.Zero(t, looks(), "how long it has, after a beat")
		time.Sleep(2 * s.lookAfter())
		assert.Equal(t, s.lookAfter(), looks(), "how long it has, when nobody beats")
		link.Cut(false)
	})
}

// leaderless is a stream whose servers have elected no leader: one of them that may be
// behind answers for it.
type leaderless struct{ jetstream.Stream }

func (s leaderless) Info(ctx context.Context, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	info, err := s.Stream.Info(ctx, opts...)
	if err == nil {
		info.State.LastSeq, info.Cluster = 0, &jetstream.ClusterInfo{Name: "c"}
	}
	return info, err
}

func TestABeatDoesNotBelieveWhoDoesNotLead(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		born := mustBeat(t, s).Born
		leads := s.stream
		s.stream = leaderless{leads}
		for range 3 {
			time.Sleep(s.cfg.Lease)
			_, err := s.Beat(t.Context(), "a", nil)
			require.ErrorIs(t, err, errNoLeader)
		}
		s.stream = leads
		assert.Equal(t, born, mustBeat(t, s).Born, "the data's begin")
	})
}

// agreeing is a bucket whose servers still have to agree upon another write, for a time.
type agreeing struct {
	jetstream.KeyValue
	lasts time.Duration
}

func (a agreeing) Update(_ context.Context, key string, value []byte, rev uint64) (uint64, error) {
	time.AfterFunc(a.lasts, func() { _, _ = a.KeyValue.Update(context.Background(), key, value, rev) })
	return 0, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant}
}

// Who is refused although the record is at the revision that it has is told what it has
// become, and not that nothing has.
func TestAWriteBesideAnotherThatIsUnderWayWaitsForThat(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		was, err := s.WriteLease(t.Context(), ledger.Write{Worker: "w", Value: []byte("{}")})
		require.NoError(t, err)
		now, err := s.WriteLease(t.Context(), ledger.Write{Worker: "w", Value: []byte("{}"), Rev: was.Lease.Rev})
		require.NoError(t, err)
		bucket := s.kv
		write := func(rev uint64, lasts time.Duration) (ledger.State, error) {
			s.kv = agreeing{bucket, lasts}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return s.WriteLease(ctx, ledger.Write{Worker: "w", Value: []byte("{}"), Rev: rev})
		}
		_, err = write(was.Lease.Rev, time.Hour)
		require.ErrorIs(t, err, ledger.ErrConflict)
		_, err = write(now.Lease.Rev, time.Minute)
		require.Error(t, err)
		require.NotErrorIs(t, err, ledger.ErrConflict, "when the servers do not agree in time")
		state, err := write(now.Lease.Rev, 300*time.Millisecond)
		require.ErrorIs(t, err, ledger.ErrConflict)
		assert.Equal(t, now.Lease.Rev+1, state.Lease.Rev)
		time.Sleep(2 * time.Hour)
	})
}

// A request that was not permitted is the reason for what is not answered then, and not
// for ever.
func TestWhatWasDeniedIsNotTheReasonForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{violation: natsgo.ErrPermissionViolation, violated: time.Now()}
		time.Sleep(answer)
		require.ErrorIs(t, l.denied(), natsgo.ErrPermissionViolation)
		time.Sleep(2 * answer)
		require.NoError(t, l.denied())
	})
}

// told is what the watch tells of a beat.
type told struct {
	jetstream.KeyValueEntry
	rev uint64
	at  time.Time
}

func (told) Key() string          { return alive + "a" }
func (e told) Revision() uint64   { return e.rev }
func (e told) Created() time.Time { return e.at }

// The server's clock goes three seconds ahead of the instance's, which notices by the
// last beat, unless that tells little, or may be another.
func TestTheServersTimeIsThatOfTheLastBeat(t *testing.T) {
	const ahead = 3 * time.Second
	for name, c := range map[string]struct {
		change func(s *store)
		want   time.Duration
	}{
		"told":                               {func(*store) {}, ahead},
		"not told":                           {func(s *store) { s.pulses.mine++ }, 0},
		"perhaps not the last":               {func(s *store) { s.pulses.sure = false }, 0},
		"of data that are lost":              {(*store).forget, 0},
		"answered late":                      {func(s *store) { s.pulses.answered.took = 101 * time.Millisecond }, 0},
		"and the stream was asked for since": {func(s *store) { s.pulses.clocks.at = time.Now() }, 0},
		"while the machine slept in the beat": {func(s *store) {
			s.pulses.answered = s.answered(clocks{at: time.Now(), instance: time.Now().Add(-time.Minute)})
		}, 0},
		"answered in the time that one may be": {func(s *store) { s.pulses.answered.took = 100 * time.Millisecond }, ahead},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(Config{Lease: 10 * time.Second})
				s.host.Now = time.Now
				s.pulses.clocks = s.lookAtClocks()
				s.pulses.clocks.server = time.Now()
				time.Sleep(time.Second)
				s.pulses.mine, s.pulses.sure = 7, true
				s.pulses.answered = s.answered(s.lookAtClocks())
				s.tell(told{rev: 7, at: time.Now().Add(ahead)}, 0, nil)
				c.change(s)
				s.compareClocks()
				time.Sleep(time.Second)
				got := s.pulses.clocks.now()
				if name == "and the stream was asked for since" {
					got = got.Add(time.Second) // it would have told another
				}
				assert.Equal(t, c.want, time.Until(got))
			})
		})
	}
}
