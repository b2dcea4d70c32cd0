package nats_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/core"
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

// A connection that the program owns may be closed by the program at any time: nothing
// panics, the log says what is wrong, and Stop returns in time.
func TestAConnectionThatTheProgramOwnsIsClosedAtAnyTime(t *testing.T) {
	server := startServer(t)
	for namespace, when := range map[string]string{"a": "before Start", "b": "while idle", "c": "during a run", "d": "before Stop", "e": "during Stop", "f": "drained while idle"} {
		t.Run(when, func(t *testing.T) {
			nc, err := server.Connect(natsgo.MaxReconnects(-1), natsgo.ReconnectBufSize(-1))
			require.NoError(t, err)
			defer nc.Close()
			log, began := &logged{}, make(chan struct{}, 100)
			m, err := nats.New(nats.Config{Conn: nc, Lease: time.Second, Namespace: namespace}, core.Options{
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
				nc.Close()
				started := time.Now()
				require.ErrorContains(t, m.Start(t.Context()), "Config.Conn is closed")
				assert.Less(t, time.Since(started), 5*time.Second, "how long Start took")
				return
			}
			require.NoError(t, m.Start(t.Context()))
			<-began
			switch when {
			case "while idle":
				time.Sleep(time.Second) // the run is over
				nc.Close()
				require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("Config.Conn is closed")) }, 10*time.Second, 10*time.Millisecond, "a record of the log")
			case "drained while idle":
				time.Sleep(time.Second)
				require.NoError(t, nc.Drain())
				require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("Config.Conn is closed")) }, 10*time.Second, 10*time.Millisecond, "a record of the log")
			case "during a run":
				nc.Close()
				time.Sleep(2 * time.Second)
				require.Contains(t, log.String(), "Config.Conn is closed")
			case "before Stop":
				time.Sleep(time.Second)
				nc.Close()
			case "during Stop":
				time.AfterFunc(50*time.Millisecond, nc.Close)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			stopped := time.Now()
			_ = m.Stop(ctx)
			assert.Less(t, time.Since(stopped), 8*time.Second, "how long Stop took")
		})
	}
}
