package nats

import (
	"context"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
