package asynq_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/core/ledger/ledgertest"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// stores makes stores of two namespaces.
func stores(open func() redis.UniversalClient) (one, other func() ledger.Store) {
	return func() ledger.Store { return asynq.NewStore("test", open) },
		func() ledger.Store { return asynq.NewStore("test2", open) }
}

func TestStore(t *testing.T) {
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
	t.Run("a client that sends each write twice", func(t *testing.T) {
		ledgertest.Run(t, ledgertest.Backend{
			Name: "twice",
			Only: []string{"write", "guard"},
			New: func(*testing.T) ledgertest.Broker {
				mini := redistest.NewMini()
				one, other := stores(func() redis.UniversalClient {
					client := mini.Client("")
					client.AddHook(twice{})
					return client
				})
				return ledgertest.Broker{Open: one, Other: other}
			},
		})
	})
}

func TestStoreOnAServer(t *testing.T) {
	t.Parallel() // it mostly waits
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
}

// twice has a client send each script twice that writes a record, as one does that
// tries again when it got no answer.
type twice struct{}

func (twice) DialHook(next redis.DialHook) redis.DialHook { return next }

func (twice) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if writes(cmd) {
			_ = next(ctx, cmd) // the answer is lost
		}
		return next(ctx, cmd)
	}
}

func (twice) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if slices.ContainsFunc(cmds, writes) {
			_ = next(ctx, cmds)
		}
		return next(ctx, cmds)
	}
}

// writes tells whether a command runs write.lua: it has one key, that of a worker.
func writes(cmd redis.Cmder) bool {
	args := cmd.Args()
	if len(args) < 4 || args[2] != 1 {
		return false
	}
	key, _ := args[3].(string)
	return strings.Contains(key, "}:w:")
}
