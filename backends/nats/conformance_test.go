package nats_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// virtualLease is long, since an instance beats ten times in a lease, and some
// cases span weeks: those that have waited for a date. A bubble begins in 2000.
func virtualLease() time.Duration {
	if time.Now().Year() > 2000 {
		return 3 * time.Hour
	}
	return 10 * time.Minute
}

func TestConformance(t *testing.T) {
	data := t.TempDir()
	makeLedger(t, data)
	defer natstest.Forget()
	conformance.Run(t, conformance.Backend{
		Name: "nats",
		Open: func(opts core.Options) (core.Manager, error) {
			return core.NewManager(&served{data: data}, opts), nil
		},
		Cluster: func() (conformance.World, error) { return newWorld(data) },
	})
}

// makeLedger makes the data of a server that has a ledger which is a day old when
// a bubble begins: nothing is claimed from a new one.
func makeLedger(t *testing.T, dir string) {
	natstest.Bubble(t, func(t *testing.T) {
		begin := time.Now()
		server, err := natstest.New(natstest.InProcess, natstest.Dir(dir))
		require.NoError(t, err)
		namespaces := []string{"default", "red", "blue"}
		for _, namespace := range namespaces {
			cfg := virtual(server)
			cfg.Namespace = namespace
			m, err := nats.New(cfg, core.Options{ConnectTimeout: virtualLease()})
			require.NoError(t, err)
			require.NoError(t, m.Start(t.Context()))
			require.NoError(t, m.Stop(t.Context()))
		}
		require.NoError(t, server.Stop())
		for _, namespace := range namespaces {
			require.NoError(t, natstest.Age(dir, "KV_tickwork_"+namespace, begin.Add(-24*time.Hour)))
		}
	})
}

func virtual(server *natstest.Server) nats.Config {
	return nats.Config{Options: []natsgo.Option{server.Dial(), natsgo.PingInterval(time.Hour)}, Lease: virtualLease()}
}

// served is the engine with a server of its own, in the bubble of its case, from
// Start to Stop.
type served struct {
	core.ClusterEngine
	data   string // that the server begins with
	dir    string
	server *natstest.Server
}

func (s *served) Features() core.Features {
	engine, _ := nats.NewEngine(nats.Config{Lease: virtualLease()})
	return engine.Features()
}

func (s *served) Start(ctx context.Context, host core.Host) (err error) {
	natstest.Forget()
	if s.dir, err = makeVolatile(); err != nil {
		return err
	}
	if err := os.CopyFS(s.dir, os.DirFS(s.data)); err != nil {
		return err
	}
	if s.server, err = natstest.New(natstest.InProcess, natstest.Dir(s.dir)); err != nil {
		return err
	}
	if s.ClusterEngine, err = nats.NewEngine(virtual(s.server)); err == nil {
		err = s.ClusterEngine.Start(ctx, host)
	}
	if err != nil {
		return errors.Join(err, s.end())
	}
	return nil
}

func (s *served) Stop(ctx context.Context) error {
	return errors.Join(s.ClusterEngine.Stop(ctx), s.end())
}

func (s *served) end() error { return errors.Join(s.server.Stop(), os.RemoveAll(s.dir)) }

// In real time, over TCP: one server for all cases, with a namespace for each
// manager.
func TestConformanceWallClock(t *testing.T) {
	inRealTime(t)
	server := startServer(t)
	config := func(namespace int64) nats.Config {
		return nats.Config{URL: server.URL(), Namespace: fmt.Sprint("case-", namespace), Lease: wallLease}
	}
	makeLedgers(t, config)
	var namespaces atomic.Int64
	conformance.Run(t, conformance.Backend{Name: "nats-tcp", WallClock: true, Open: func(opts core.Options) (core.Manager, error) {
		return nats.New(config(namespaces.Add(1)), opts)
	}})
	require.LessOrEqual(t, namespaces.Load(), int64(ledgers), "managers that the cases have opened")
}

const (
	wallLease = 5 * time.Second
	// ledgers is how many managers the cases open at most.
	ledgers = 600
)

// makeLedgers makes ledgers that are not new when their cases come.
func makeLedgers(t *testing.T, config func(int64) nats.Config) {
	var made sync.WaitGroup
	atOnce := make(chan struct{}, 100)
	for i := range int64(ledgers) {
		made.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			m, err := nats.New(config(i+1), core.Options{Logger: quiet, ConnectTimeout: patience})
			if assert.NoError(t, err) && assert.NoError(t, m.Start(context.Background())) {
				stop(t, m)
			}
		})
	}
	made.Wait()
}
