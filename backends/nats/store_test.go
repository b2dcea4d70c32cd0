package nats

import (
	"context"
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

// TestStore: the obligations of a store, in virtual time.
func TestStore(t *testing.T) {
	defer natstest.Forget()
	ledgertest.Run(t, ledgertest.Backend{Name: "nats", New: func(t *testing.T) ledgertest.Broker {
		natstest.Forget()
		server, err := natstest.New(natstest.InProcess)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop()) })
		link := natstest.NewLink(server)
		open := func(namespace string) func() ledger.Store {
			return func() ledger.Store {
				return newStore(Config{Namespace: namespace, Storage: "memory", Options: []natsgo.Option{link.Dial()}, Lease: DefaultLease})
			}
		}
		return ledgertest.Broker{
			Open:  open("test"),
			Other: open("other"),
			Lose:  func() { deleteBucket(t, server, "tickwork_test") },
			Down:  link.Cut,
		}
	}})
}

// deleteBucket deletes a bucket as somebody with the tools does.
func deleteBucket(t *testing.T, server *natstest.Server, bucket string) {
	nc, err := server.Connect()
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, js.DeleteKeyValue(context.WithoutCancel(t.Context()), bucket))
}
