package nats_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/nats"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// virtualLease is long, since an instance beats ten times in a lease, and some
// cases last for days.
const virtualLease = 90 * time.Second

func TestConformance(t *testing.T) {
	data := t.TempDir()
	makeLedger(t, data)
	conformance.Run(t, conformance.Backend{Name: "nats", Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(&served{data: data}, opts), nil
	}})
}

// makeLedger makes the data of a server that has a ledger which is a day old when
// a bubble begins: nothing is claimed from a new one.
func makeLedger(t *testing.T, dir string) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		natstest.Forget()
		server, err := natstest.New(natstest.InProcess, natstest.Dir(dir))
		require.NoError(t, err)
		m, err := nats.New(virtual(server), core.Options{ConnectTimeout: virtualLease})
		require.NoError(t, err)
		require.NoError(t, m.Start(t.Context()))
		require.NoError(t, m.Stop(t.Context()))
		require.NoError(t, server.Stop())
		require.NoError(t, natstest.Age(dir, "KV_tickwork_default", begin.Add(-24*time.Hour)))
	})
}

func virtual(server *natstest.Server) nats.Config {
	return nats.Config{Options: []natsgo.Option{server.Dial(), natsgo.PingInterval(time.Hour)}, Lease: virtualLease}
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
	engine, _ := nats.NewEngine(nats.Config{Lease: virtualLease})
	return engine.Features()
}

func (s *served) Start(ctx context.Context, host core.Host) (err error) {
	natstest.Forget()
	if s.dir, err = os.MkdirTemp("", "tickwork-nats-"); err != nil {
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
