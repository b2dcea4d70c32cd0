package nats

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// The bucket is one as nats.go makes it, but for the reads from replicas.
func TestABucketIsMadeAsNatsDoes(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		_, err := s.js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "other", History: 1})
		require.NoError(t, err)
		stream, err := s.js.Stream(t.Context(), "KV_other")
		require.NoError(t, err)
		want := stream.CachedInfo().Config
		ours, err := s.js.Stream(t.Context(), s.bucket.stream())
		require.NoError(t, err)
		got := ours.CachedInfo().Config
		assert.True(t, want.AllowDirect)
		assert.False(t, got.AllowDirect)
		assert.Equal(t, "1", got.Metadata[versionKey])
		want.Name, want.Description, want.Subjects = got.Name, got.Description, []string{"$KV." + s.bucket.name + ".>"}
		want.AllowDirect, want.Metadata = got.AllowDirect, got.Metadata
		want.Duplicates, want.AllowMsgTTL, want.SubjectDeleteMarkerTTL = got.Duplicates, got.AllowMsgTTL, got.SubjectDeleteMarkerTTL
		assert.Equal(t, want, got)
	})
}

// slower is JetStream as an instance sees it that looks for the bucket before another has
// made it, and makes its own after.
type slower struct {
	jetstream.JetStream
	looked *bool
}

func (s slower) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if !*s.looked {
		*s.looked = true
		return nil, jetstream.ErrStreamNotFound
	}
	return s.JetStream.Stream(ctx, name)
}

func TestABucketThatAnotherMakesAtTheSameTimeIsUsed(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		other := s.bucket
		other.name = "other"
		made := other.config()
		made.Description = "made by another version"
		_, err := s.js.CreateStream(t.Context(), made)
		require.NoError(t, err)
		kv, stream, err := other.open(t.Context(), slower{s.js, new(bool)})
		require.NoError(t, err)
		assert.Equal(t, "other", kv.Bucket())
		assert.Equal(t, made.Description, stream.CachedInfo().Config.Description)
	})
}

// Preflight and Start report a bucket that must not be used, and one that is used as it is.
func TestABucketThatIsNotAsConfigured(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		volatile := bucket{name: "tickwork_volatile", replicas: 1, storage: jetstream.MemoryStorage}
		newer := bucket{name: "tickwork_newer", replicas: 1, storage: jetstream.FileStorage}
		made := newer.config()
		made.Metadata = map[string]string{versionKey: "2"}
		for _, cfg := range []jetstream.StreamConfig{volatile.config(), made} {
			_, err := s.js.CreateStream(t.Context(), cfg)
			require.NoError(t, err)
		}
		of := func(namespace string) *store {
			return newStore(Config{Namespace: namespace, Replicas: 3, Lease: 10 * time.Second, Options: []natsgo.Option{server.Dial()}})
		}
		err := of("volatile").reach(t.Context())
		assert.ErrorContains(t, err, "JetStream on ")
		assert.ErrorContains(t, err, "the bucket tickwork_volatile is kept in memory")
		assert.NoError(t, of("newer").reach(t.Context()))
		assert.NoError(t, of("none").reach(t.Context()), "Start makes it")

		var log bytes.Buffer
		host := core.Host{Logger: slog.New(slog.NewTextHandler(&log, nil)), Instance: "b", Now: time.Now, Broker: func(error) {}}
		one := of("newer")
		require.NoError(t, one.Open(t.Context(), host))
		require.NoError(t, one.Close(t.Context()))
		assert.Contains(t, log.String(), "level=WARN msg=\"nats: the bucket tickwork_newer has 1 of 3 replicas, and is used as it is")
	})
}

// unreadable is a bucket in which another was quicker, and that cannot be read then.
type unreadable struct{ refusing }

func (unreadable) Update(context.Context, string, []byte, uint64) (uint64, error) {
	return 0, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence}
}

func TestAConflictWithWhatCannotBeReadIsNoConflict(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		s.kv = unreadable{refusing{s.kv}}
		_, err := s.WriteLease(t.Context(), ledger.Write{Worker: "w", Value: []byte("{}"), Rev: 7})
		require.ErrorIs(t, err, errRefused)
		assert.NotErrorIs(t, err, ledger.ErrConflict, "the engine would believe that it knows the record")
	})
}

// A record that somebody has deleted with nats.go's tools is written like one that never was.
func TestARecordThatWasDeletedIsWrittenAgain(t *testing.T) {
	beating(t, func(t *testing.T, server *natstest.Server, _ string, open func(string, natsgo.Option, func() time.Time) *store) {
		s := open("a", server.Dial(), time.Now)
		w := ledger.Write{Worker: "w", Value: []byte("{}")}
		_, err := s.WriteLease(t.Context(), w)
		require.NoError(t, err)
		require.NoError(t, s.kv.Delete(t.Context(), leases+"w"))
		states, err := s.Load(t.Context(), []string{"w"})
		require.NoError(t, err)
		require.Zero(t, states[0].Lease.Rev)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		state, err := s.WriteLease(ctx, w)
		require.NoError(t, err)
		assert.Equal(t, "{}", string(state.Lease.Value))
	})
}
