package nats

import (
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found is a bucket of ours that is changed in some way.
func found(change func(*jetstream.StreamConfig)) jetstream.StreamConfig {
	cfg := Config{}.bucket().config()
	change(&cfg)
	return cfg
}

func marked(version string) map[string]string { return map[string]string{versionKey: version} }

func TestBucketIsMended(t *testing.T) {
	type stream = jetstream.StreamConfig
	plain := func(*stream) {}
	for name, c := range map[string]struct {
		cfg         Config
		found, want func(*stream) // what differs from a bucket of ours
	}{
		"ours":                         {Config{}, plain, plain},
		"ours with direct reads":       {Config{}, func(s *stream) { s.AllowDirect = true }, plain},
		"a newer version's":            {Config{}, func(s *stream) { s.Metadata, s.AllowDirect = marked("2"), true }, func(s *stream) { s.Metadata, s.AllowDirect = marked("2"), true }},
		"a much newer version's":       {Config{}, func(s *stream) { s.Metadata, s.Description = marked("10"), "new" }, func(s *stream) { s.Metadata, s.Description = marked("10"), "new" }},
		"an older version's":           {Config{}, func(s *stream) { s.Metadata, s.AllowDirect = marked("0"), true }, plain},
		"an older one's that is right": {Config{}, func(s *stream) { s.Metadata = marked("0") }, plain},
		"nobody's":                     {Config{}, func(s *stream) { s.Metadata, s.AllowDirect, s.Description = nil, true, "" }, plain},
		"nobody's that is right":       {Config{}, func(s *stream) { s.Metadata, s.Description = nil, "by hand" }, func(s *stream) { s.Metadata, s.Description = nil, "by hand" }},
		"one with a mark that is none": {Config{}, func(s *stream) { s.Metadata = marked("one") }, plain},
		"others' metadata": {
			Config{},
			func(s *stream) { s.Metadata, s.AllowDirect = map[string]string{"team": "billing"}, true },
			func(s *stream) { s.Metadata["team"] = "billing" },
		},
		"more replicas":                {Config{Replicas: 3}, func(s *stream) { s.Replicas = 5 }, func(s *stream) { s.Replicas = 5 }},
		"more replicas than none":      {Config{}, func(s *stream) { s.Replicas = 3 }, func(s *stream) { s.Replicas = 3 }},
		"fewer replicas":               {Config{Replicas: 3}, plain, func(s *stream) { s.Replicas = 3 }},
		"fewer of a newer version":     {Config{Replicas: 3}, func(s *stream) { s.Metadata, s.AllowDirect = marked("2"), true }, func(s *stream) { s.Metadata, s.AllowDirect = marked("2"), true }},
		"fewer of ours":                {Config{Replicas: 3}, func(s *stream) { s.Description = "ours" }, func(s *stream) { s.Description, s.Replicas = "ours", 3 }},
		"fewer of nobody's":            {Config{Replicas: 3}, func(s *stream) { s.Metadata = nil }, func(s *stream) { s.Replicas = 3 }},
		"files where memory would do":  {Config{Storage: "memory"}, plain, plain},
		"a limit that refuses the new": {Config{}, func(s *stream) { s.MaxBytes = 1 << 20 }, func(s *stream) { s.MaxBytes = 1 << 20 }},
		"a history":                    {Config{}, func(s *stream) { s.MaxMsgsPerSubject = 5 }, func(s *stream) { s.MaxMsgsPerSubject = 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			was, before := found(c.found), found(c.found)
			got, changed, err := c.cfg.bucket().mended(was)
			require.NoError(t, err)
			assert.Equal(t, found(c.want), got)
			assert.Equal(t, !assert.ObjectsAreEqual(before, got), changed, "whether it tells of a change")
			assert.True(t, maps.Equal(before.Metadata, was.Metadata), "what was found is left as it was")
		})
	}
}

// What is wanted and is not there is told where it is not mended.
func TestBucketOfANewerVersionWithFewerReplicasIsTold(t *testing.T) {
	for _, c := range []struct {
		version    string
		have, want int
		says       string
	}{
		{version: "2", have: 1, want: 3, says: "has 1 of 3 replicas"},
		{version: "2", have: 3, want: 3},
		{version: "2", have: 3, want: 1},
		{version: "1", have: 1, want: 3},
		{version: "", have: 1, want: 3},
	} {
		got := Config{Replicas: c.want}.bucket().lacks(found(func(s *jetstream.StreamConfig) { s.Metadata, s.Replicas = marked(c.version), c.have }))
		assert.Contains(t, got, c.says, "%+v", c)
		assert.Equal(t, c.says == "", got == "", "%+v: %s", c, got)
	}
}

func TestBucketThatWouldLoseRecordsIsRefused(t *testing.T) {
	type stream = jetstream.StreamConfig
	for why, change := range map[string]func(*stream){
		"forgets its keys after 1h0m0s": func(s *stream) { s.MaxAge = time.Hour },
		"is kept in memory":             func(s *stream) { s.Storage = jetstream.MemoryStorage },
		"discards its oldest keys":      func(s *stream) { s.Discard, s.MaxBytes = jetstream.DiscardOld, 1<<20 },
		"is a copy of another":          func(s *stream) { s.Mirror = &jetstream.StreamSource{Name: "KV_other"} },
		"or sealed":                     func(s *stream) { s.Sealed = true },
	} {
		for _, version := range []string{"", "1", "2"} {
			_, changed, err := Config{}.bucket().mended(found(func(s *stream) {
				s.Metadata = marked(version)
				change(s)
			}))
			var hopeless *configError
			require.ErrorAs(t, err, &hopeless)
			assert.Contains(t, err.Error(), "the bucket tickwork_default ")
			assert.Contains(t, err.Error(), why)
			assert.False(t, changed)
		}
	}
}
