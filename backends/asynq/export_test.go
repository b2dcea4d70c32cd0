package asynq

import (
	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/core"
)

// NewOver is New with clients made by open, each of which the engine closes.
func NewOver(cfg Config, open func() redis.UniversalClient, opts core.Options) (core.Manager, error) {
	engine, err := newEngine(cfg, func(Config) (target, error) { return target{open: open, address: "memory"}, nil })
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}
