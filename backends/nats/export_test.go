package nats

import (
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// NewLinked is New with something between the engine and its store.
func NewLinked(cfg Config, link func(ledger.Store) ledger.Store, opts core.Options) (core.Manager, error) {
	ledgers, err := cfg.ledger()
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

// NewStore returns the store of a configuration.
func NewStore(cfg Config) ledger.Store { return newStore(cfg) }
