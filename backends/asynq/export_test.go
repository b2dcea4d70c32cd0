package asynq

import (
	"context"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// NewOver is New with clients made by open, each of which the engine closes.
func NewOver(cfg Config, open func() redis.UniversalClient, opts core.Options) (core.Manager, error) {
	return newManager(cfg, opts, func(Config) (target, error) { return target{open: open, address: "memory"}, nil })
}

// NewLinked is NewOver with something between the engine and its store.
func NewLinked(cfg Config, open func() redis.UniversalClient, link func(ledger.Store) ledger.Store, opts core.Options) (core.Manager, error) {
	if err := sameLimit(&cfg, &opts); err != nil {
		return nil, err
	}
	ledgers, err := ledgerConfig(cfg, func(Config) (target, error) { return target{open: open, address: "memory"}, nil })
	if err != nil {
		return nil, err
	}
	ledgers.Store = link(ledgers.Store)
	engine, err := ledger.NewEngine(ledgers)
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}

// NewStore returns the store of a namespace, whose client is made by open.
func NewStore(namespace string, open func() redis.UniversalClient) ledger.Store {
	return &store{target: target{open: open, address: "the test's"}, queue: queueOf(namespace), writes: newWriteNames()}
}

// NewDispatcher returns the Dispatcher of an instance of the default namespace, and its
// store, whose client is made by open.
func NewDispatcher(concurrency int, open func() redis.UniversalClient) (ledger.Dispatcher, ledger.Store) {
	s := NewStore(DefaultNamespace, open).(*store)
	return newDispatcher(Config{Lease: ledger.DefaultLease, Poll: time.Second, Concurrency: concurrency}, s), s
}

func isOpen() bool { return true }

// Enqueue enqueues a tick of the default namespace, as an instance does whose
// slot has come.
func Enqueue(client redis.UniversalClient, tick core.Tick) error {
	d := newDispatcher(Config{}, &store{queue: queueOf(DefaultNamespace)})
	d.client = asynq.NewClientFromRedisClient(client)
	d.source = newSource(&batcher{UniversalClient: client}, isOpen, d.store.queue, time.Second, 0)
	d.host.Now = time.Now
	return d.Dispatch(context.Background(), tick)
}

// Few has asynq take no more ticks at a time than the suite needs, until the function
// that it returns is called: asynq's server, when it stops, takes each of its tokens,
// and the suite stops a thousand servers.
func Few() (enough func()) {
	many := tokens
	tokens = 1 << 9
	return func() { tokens = many }
}
