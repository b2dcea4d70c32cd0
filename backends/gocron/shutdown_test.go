package gocron_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gc "github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/gocron"
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

// A scheduler that the program owns may be shut down by the program at any time: nothing
// panics, the log says what is wrong, and Stop returns in time.
func TestASchedulerThatTheProgramOwnsIsShutDownAtAnyTime(t *testing.T) {
	for _, when := range []string{"before Start", "while idle", "during a run", "before Stop", "during Stop"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := gc.NewScheduler()
				require.NoError(t, err)
				s.Start()
				defer func() { _ = s.Shutdown() }()
				log, began := &logged{}, make(chan struct{}, 100)
				m, err := gocron.New(gocron.Config{Scheduler: s}, core.Options{
					Logger: slog.New(slog.NewTextHandler(log, nil)), StopGrace: time.Second,
				})
				require.NoError(t, err)
				require.NoError(t, m.Add(t.Context(), core.Worker{Name: "w", Schedule: core.Every(100 * time.Millisecond), Run: func(ctx context.Context) error {
					began <- struct{}{}
					select {
					case <-ctx.Done():
					case <-core.Stopping(ctx):
						time.Sleep(100 * time.Millisecond)
					case <-time.After(300 * time.Millisecond):
					}
					return nil
				}}))
				if when == "before Start" {
					require.NoError(t, s.Shutdown())
					require.ErrorContains(t, m.Start(t.Context()), "the gocron scheduler was shut down")
					return
				}
				require.NoError(t, m.Start(t.Context()))
				<-began
				switch when {
				case "while idle", "before Stop":
					time.Sleep(350 * time.Millisecond)
					require.NoError(t, s.Shutdown())
				case "during a run":
					require.NoError(t, s.Shutdown())
				case "during Stop":
					time.AfterFunc(20*time.Millisecond, func() { _ = s.Shutdown() })
				}
				if when == "while idle" || when == "during a run" {
					time.Sleep(3 * core.ClockCheck)
					require.Equal(t, 1, bytes.Count([]byte(log.String()), []byte("the gocron scheduler was shut down")), "records: %s", log)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				stopped := time.Now()
				require.NoError(t, m.Stop(ctx))
				assert.Less(t, time.Since(stopped), 5*time.Second, "how long Stop took")
			})
		})
	}
}
