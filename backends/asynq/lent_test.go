package asynq_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// logged is what an instance logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wrapped is a client of a type that this package does not know, whose values cannot be
// compared.
type wrapped struct {
	redis.UniversalClient
	_ []string
}

// A client that the program owns may be closed by the program at any time: nothing
// panics, the log says what is wrong, and Stop returns in time.
func TestAClientThatTheProgramOwnsIsClosedAtAnyTime(t *testing.T) {
	server := redistest.Real(t)
	options, err := redis.ParseURL(server.URL)
	require.NoError(t, err)
	options.ContextTimeoutEnabled = true
	for kind, wrap := range map[string]func(redis.UniversalClient) redis.UniversalClient{
		"a client of go-redis":     func(c redis.UniversalClient) redis.UniversalClient { return c },
		"a client of another type": func(c redis.UniversalClient) redis.UniversalClient { return wrapped{UniversalClient: c} },
	} {
		for _, when := range []string{"before Start", "while idle", "during a run", "before Stop", "during Stop"} {
			t.Run(kind+" is closed "+when, func(t *testing.T) {
				t.Parallel()
				client := redis.NewClient(options)
				defer client.Close()
				log, began := &logged{}, make(chan struct{}, 100)
				m, err := asynq.New(asynq.Config{Client: wrap(client), Lease: time.Second, Namespace: namespaceOf(t)}, core.Options{
					Instance: "a", Logger: slog.New(slog.NewTextHandler(log, nil)), StopGrace: time.Second,
				})
				require.NoError(t, err)
				require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(time.Hour), RunOnStart: true, Run: func(ctx context.Context) error {
					began <- struct{}{}
					select {
					case <-ctx.Done():
					case <-core.Stopping(ctx):
						time.Sleep(200 * time.Millisecond)
					case <-time.After(500 * time.Millisecond):
					}
					return nil
				}}))
				if when == "before Start" {
					require.NoError(t, client.Close())
					started := time.Now()
					require.ErrorContains(t, m.Start(t.Context()), "Config.Client is closed")
					assert.Less(t, time.Since(started), 5*time.Second, "how long Start took")
					return
				}
				require.NoError(t, m.Start(t.Context()))
				<-began
				switch when {
				case "while idle":
					time.Sleep(time.Second) // the run is over
					require.NoError(t, client.Close())
					eventually(t, 10*time.Second, "a record of the log", func() bool { return bytes.Contains([]byte(log.String()), []byte("client is closed")) })
				case "during a run":
					require.NoError(t, client.Close())
					time.Sleep(2 * time.Second)
					require.Contains(t, log.String(), "client is closed")
				case "before Stop":
					time.Sleep(time.Second)
					require.NoError(t, client.Close())
				case "during Stop":
					time.AfterFunc(50*time.Millisecond, func() { _ = client.Close() })
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				stopped := time.Now()
				_ = m.Stop(ctx)
				assert.Less(t, time.Since(stopped), 8*time.Second, "how long Stop took")
				assert.NotContains(t, log.String(), "cancel channel")
			})
		}
	}
}

// namespaceOf is a namespace for a test.
func namespaceOf(t *testing.T) string {
	name := []byte(t.Name())
	for i, c := range name {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			name[i] = '-'
		}
	}
	return string(name[len(name)-min(len(name), 60):])
}
