package nats_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A need is what the documentation says a permission is for: an error where it
// does not succeed within a time.
type need func(cfg nats.Config, within time.Duration, operator jetstream.JetStream) error

// needs are those of the documented permissions, by what these end with, and what
// fails without them.
var needs = map[string]struct {
	try  need
	says string
}{
	"# to write records":   {starts, "write the roster"},
	"# to find the bucket": {starts, "open the bucket"},
	"# to make it":         {starts, "open the bucket"},
	"# to read records: to pause, or when another won": {pauses, "pause worker"},
	"# to leave the registry at Stop":                  {leaves, "in the registry is"},
	"# to watch the records":                           {starts, "join the cluster"},
	"# to end a watch at once":                         {watchesOnce, "watches of one instance"},
	"# to watch thousands of them":                     {starts, "join the cluster"},
	"# to get answers":                                 {starts, "open the bucket"},
}

// Each of the documented permissions is needed, for what the documentation says.
func TestDocumentedPermissionsAreMinimal(t *testing.T) {
	t.Parallel() // it mostly waits
	list := purposes(t)
	without, with := func(i int) string { return fmt.Sprint("without-", i) }, func(i int) string { return fmt.Sprint("with-", i) }
	all := []*server.User{{Username: "operator", Password: "pw"}}
	for i, p := range list {
		some := documented(t, without(i))
		gone := strings.ReplaceAll(p.permission, "default", without(i))
		for _, allowed := range []*[]string{&some.Publish.Allow, &some.Subscribe.Allow} {
			*allowed = slices.DeleteFunc(*allowed, func(s string) bool { return s == gone })
		}
		if len(some.Subscribe.Allow) == 0 {
			some.Subscribe.Deny = []string{">"} // an empty list allows all
		}
		all = append(all,
			&server.User{Username: without(i), Password: "pw", Permissions: some},
			&server.User{Username: with(i), Password: "pw", Permissions: documented(t, with(i))})
	}
	s := startServer(t, users(all...))
	js := operator(t, s, natsgo.UserInfo("operator", "pw"))
	for i, p := range list {
		t.Run(p.permission, func(t *testing.T) {
			t.Parallel()
			need := needs[p.purpose]
			require.NotNil(t, need.try, "nothing is tried that is %q", p.purpose)
			as := func(user string) nats.Config {
				cfg := nats.Config{URL: s.URL(), User: user, Password: "pw", Namespace: user, Lease: time.Second}
				if strings.Contains(p.purpose, "thousands") {
					thousands(t, cfg, js)
				}
				return cfg
			}
			assert.ErrorContains(t, need.try(as(without(i)), 2*time.Second, js), need.says, "without it")
			assert.NoError(t, need.try(as(with(i)), patience, js), "with it")
		})
	}
}

// A purpose is what the package comment says that a permission is for.
type purpose struct{ permission, purpose string }

// purposes returns the permissions that the package comment lists, each with what
// it says of it.
func purposes(t *testing.T) (list []purpose) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^//\t  "([^"]+)" +(#.*)$`).FindAllStringSubmatch(packageComment(t), -1) {
		list = append(list, purpose{m[1], m[2]})
	}
	all := documented(t, "default")
	require.Len(t, list, len(all.Publish.Allow)+len(all.Subscribe.Allow), "permissions of which it is said what they are for")
	return list
}

// starts starts an instance, and stops it.
func starts(cfg nats.Config, within time.Duration, _ jetstream.JetStream) error {
	return meanwhile(cfg, within, func(context.Context, core.Manager) error { return nil })
}

// pauses has an instance pause a worker.
func pauses(cfg nats.Config, within time.Duration, _ jetstream.JetStream) error {
	return meanwhile(cfg, within, func(ctx context.Context, m core.Manager) error { return m.Pause(ctx, "w") })
}

// meanwhile does something while an instance is up.
func meanwhile(cfg nats.Config, within time.Duration, do func(context.Context, core.Manager) error) error {
	m, err := nats.New(cfg, core.Options{Instance: "me", Logger: quiet, ConnectTimeout: within})
	if err != nil {
		return err
	}
	if err := m.Add(context.Background(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), Run: func(context.Context) error { return nil }}); err != nil {
		return err
	}
	if err := m.Start(context.Background()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err = do(ctx, m)
	stopping, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if stopped := m.Stop(stopping); err == nil {
		err = stopped
	}
	return err
}

func bucketOf(cfg nats.Config) string { return "tickwork_" + cfg.Namespace }

// leaves looks whether an instance that has stopped is in the registry.
func leaves(cfg nats.Config, within time.Duration, operator jetstream.JetStream) error {
	stopped := starts(cfg, within, operator)
	kv, err := operator.KeyValue(context.Background(), bucketOf(cfg))
	if err != nil {
		return err
	}
	if e, err := kv.Get(context.Background(), "i.me"); err == nil {
		return fmt.Errorf("in the registry is %s (%w)", e.Value(), stopped)
	}
	return stopped
}

// watchesOnce waits until an instance has but one watch, that of the records: it has
// looked through the registry with another. The server itself ends one that nobody
// listens to after five seconds.
func watchesOnce(cfg nats.Config, within time.Duration, operator jetstream.JetStream) error {
	return meanwhile(cfg, within, func(ctx context.Context, _ core.Manager) error {
		watches := 0
		for ctx.Err() == nil {
			stream, err := operator.Stream(ctx, "KV_"+bucketOf(cfg))
			if err != nil {
				continue // until the time is over
			}
			if watches = stream.CachedInfo().State.Consumers; watches == 1 {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return fmt.Errorf("there are %d watches of one instance", watches)
	})
}

// thousands makes a bucket with thousands of records.
func thousands(t *testing.T, cfg nats.Config, operator jetstream.JetStream) {
	ctx := context.Background()
	kv, err := operator.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucketOf(cfg)})
	require.NoError(t, err)
	stream, err := operator.Stream(ctx, "KV_"+kv.Bucket())
	require.NoError(t, err)
	own := stream.CachedInfo().Config
	own.AllowDirect = false
	stream, err = operator.UpdateStream(ctx, own)
	require.NoError(t, err)
	const n = 5000
	record := []byte(`{"reason":"` + strings.Repeat("x", 1000) + `"}`)
	for i := range n {
		require.NoError(t, operator.Conn().Publish(fmt.Sprintf("$KV.%s.w.worker-%d", kv.Bucket(), i), record))
	}
	require.Eventually(t, func() bool {
		info, err := stream.Info(ctx)
		return err == nil && info.State.Msgs == n
	}, patience, 10*time.Millisecond, "%d records", n)
}
