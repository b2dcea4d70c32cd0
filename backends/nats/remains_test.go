package nats_test

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
)

// The stream, the subjects and the keys that doc.go names for what remains of workers are
// those of a bucket, and its purges leave nothing of the worker, while the others run.
func TestWhatRemainsOfAWorkerIsRemovedAsTheDocsSay(t *testing.T) {
	server := startServer(t)
	runs := newRecorder()
	m := start(t, nats.Config{URL: server.URL(), Lease: time.Second}, "host-1",
		runs.worker("send-invoices", "host-1", 100*time.Millisecond, 0), runs.worker("other", "host-1", 100*time.Millisecond, 0))
	runs.more(t, 10)
	require.NoError(t, m.Pause(t.Context(), "send-invoices"))
	time.Sleep(300 * time.Millisecond)
	require.NoError(t, m.Remove(t.Context(), "send-invoices"))
	time.Sleep(time.Second) // its beats say so, and the lease is released

	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	js := operator(t, server)
	kv, err := js.KeyValue(t.Context(), "tickwork_default")
	require.NoError(t, err)
	gets := regexp.MustCompile(`nats kv get (\S+) (\S+) --raw`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, gets, 2)
	for i, want := range []string{`"workers":["other"]`, `"slot":`} {
		require.Equal(t, "tickwork_default", gets[i][1])
		e, err := kv.Get(t.Context(), gets[i][2])
		require.NoError(t, err, gets[i][2])
		assert.Contains(t, string(e.Value()), want)
		assert.NotContains(t, string(e.Value()), `"running":true`)
	}
	purges := regexp.MustCompile(`nats stream purge (\S+) --subject '(\S+)' --force`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, purges, 2)
	for _, p := range purges {
		stream, err := js.Stream(t.Context(), p[1])
		require.NoError(t, err)
		before, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(p[2]))
		require.NoError(t, err)
		require.NotEmpty(t, before.State.Subjects, p[2])
		require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject(p[2])))
		after, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
		require.NoError(t, err)
		assert.NotContains(t, after.State.Subjects, p[2])
	}
	runs.more(t, 5)
	runs.judge(t)
}
