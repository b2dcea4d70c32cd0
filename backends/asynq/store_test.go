package asynq_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

func TestStore(t *testing.T) {
	stores := func(open func() redis.UniversalClient) (one, other func() ledger.Store) {
		return func() ledger.Store { return asynq.NewStore("test", open) },
			func() ledger.Store { return asynq.NewStore("test2", open) }
	}
	t.Run("miniredis", func(t *testing.T) {
		ledgertest.Run(t, ledgertest.Backend{
			Name: "miniredis",
			New: func(*testing.T) ledgertest.Broker {
				mini := redistest.NewMini()
				one, other := stores(func() redis.UniversalClient { return mini.Client("") })
				return ledgertest.Broker{Open: one, Other: other, Lose: mini.FlushAll, Down: mini.Down}
			},
		})
	})
	t.Run("redis-server", func(t *testing.T) {
		server := redistest.Real(t)
		ledgertest.Run(t, ledgertest.Backend{
			Name:      "redis-server",
			WallClock: true,
			New: func(t *testing.T) ledgertest.Broker {
				require.NoError(t, server.Flush(t.Context()))
				one, other := stores(func() redis.UniversalClient {
					return redis.NewClient(&redis.Options{
						Addr: server.Addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
						DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
					})
				})
				return ledgertest.Broker{
					Open: one, Other: other,
					Lose: func() { require.NoError(t, server.Flush(t.Context())) },
					Down: func(down bool) {
						if server.Kill(); !down {
							require.NoError(t, server.Start())
						}
					},
				}
			},
		})
	})
}
