package asynq_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/faults"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// TestConformance runs the suite in virtual time, each manager on a Redis of its
// own.
func TestConformance(t *testing.T) {
	defer asynq.Few()()
	conformance.Run(t, conformance.Backend{
		Name: "asynq",
		Open: func(opts core.Options) (core.Manager, error) {
			mini := redistest.NewMini()
			mini.Age("tickwork")
			return asynq.NewOver(virtual(), func() redis.UniversalClient { return mini.Client("") }, opts)
		},
		Cluster: newWorld,
	})
}

// world is several nodes on one Redis in memory, whose ledgers are old.
type world struct {
	mini *redistest.Mini
	net  faults.Net // for what cannot be done to connections
	mu   sync.Mutex
	aged map[string]bool // by queue
}

var _ conformance.FaultyWorld = (*world)(nil)

func newWorld() (conformance.World, error) {
	return &world{mini: redistest.NewMini(), aged: map[string]bool{}}, nil
}

func (w *world) Open(node conformance.Node, opts core.Options) (core.Manager, error) {
	cfg := asynq.Config{Namespace: node.Namespace}
	queue := "tickwork"
	if node.Namespace != "" {
		queue += "-" + node.Namespace
	}
	w.mu.Lock()
	if !w.aged[queue] {
		w.mini.Age(queue)
		w.aged[queue] = true
	}
	w.mu.Unlock()
	open := func() redis.UniversalClient { return w.mini.Client(node.Name) }
	link := func(s ledger.Store) ledger.Store { return w.net.Link(node.Name, s).Store() }
	return asynq.NewLinked(cfg, open, link, opts)
}

func (w *world) Cut(node string, cut bool) { w.mini.Cut(node, cut) }
func (w *world) Down(down bool)            { w.mini.Down(down) }
func (w *world) Lose()                     { w.mini.FlushAll() }
func (w *world) Close()                    { w.mini.Close() }

func (w *world) Faults() conformance.Faults {
	return conformance.Faults{
		LoseAnswers: func(node string, lose bool) {
			records := ""
			if lose {
				records = "tickwork:{tickwork}:w:"
			}
			w.mini.LoseAnswers(node, records)
		},
		HoldWrites: w.net.HoldWrites,
		Suspend:    w.net.Suspend,
		FailJoins:  w.net.FailJoins,
		Checkpoint: w.mini.Checkpoint,
		Overwrite: func(worker string, record []byte) (restore func()) {
			return faults.Overwrite(func() ledger.Store {
				return asynq.NewStore(asynq.DefaultNamespace, func() redis.UniversalClient { return w.mini.Client("the test") })
			}, worker, record)
		},
	}
}

// virtual is a configuration for virtual time. A heartbeat costs miniredis half
// a millisecond, so that they should be rare; above all in the cases that wait
// for a date and then span weeks. A bubble begins in 2000.
func virtual() asynq.Config {
	lease := 10 * time.Minute
	if time.Now().Year() > 2000 {
		lease = 3 * time.Hour
	}
	return asynq.Config{Lease: lease, Poll: lease / 10}
}

// TestConformanceWallClock runs the suite in real time, all managers on one
// redis-server, each in a namespace of its own.
func TestConformanceWallClock(t *testing.T) {
	if os.Getenv("TICKWORK_WALL_CLOCK") == "" {
		t.Skip("real time wants a machine of its own: set TICKWORK_WALL_CLOCK=1")
	}
	url := redistest.URL(t)
	client := clientOf(t, url)
	var n atomic.Int64
	conformance.Run(t, conformance.Backend{
		Name:      "asynq",
		WallClock: true,
		Open: func(opts core.Options) (core.Manager, error) {
			namespace := fmt.Sprint("case-", n.Add(1))
			age(client, namespace)
			return asynq.New(asynq.Config{URL: url, Namespace: namespace, Lease: asynq.MinLease}, opts)
		},
	})
}

// clientOf returns a client for the test itself.
func clientOf(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	require.NoError(t, err)
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

// age makes a namespace's ledger a day old, so that no instance waits whether
// somebody knows of an earlier life of it.
func age(client *redis.Client, namespace string) {
	born := strconv.FormatInt(time.Now().Add(-24*time.Hour).UnixMicro(), 10)
	client.Set(context.Background(), "tickwork:{tickwork-"+namespace+"}:born", born, 0)
}
