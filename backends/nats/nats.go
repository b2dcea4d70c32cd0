package nats

import (
	"cmp"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// New returns a manager whose instances form a cluster on NATS servers. It does
// not connect: that is Start's. Its error tells what in cfg cannot be right.
func New(cfg Config, opts core.Options) (core.Manager, error) {
	engine, err := NewEngine(cfg)
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}

// NewEngine returns the engine alone, for those who wrap it.
func NewEngine(cfg Config) (core.ClusterEngine, error) {
	ledgers, err := cfg.ledger()
	if err != nil {
		return nil, err
	}
	return ledger.NewEngine(ledgers)
}

// ledger returns the configuration of the engine's ledger.
func (c Config) ledger() (ledger.Config, error) {
	if err := c.check(); err != nil {
		return ledger.Config{}, err
	}
	c.Lease = cmp.Or(c.Lease, DefaultLease)
	return ledger.Config{
		Name:  "nats",
		Store: newStore(c),
		Lease: c.Lease,
		Loses: c.loses(),
	}, nil
}

// loses says what the ledger cannot promise (CLU-13).
func (c Config) loses() string {
	if c.Storage == "memory" {
		return "the servers keep the ledger in memory: when all that have it have ended, what no living instance knows is forgotten, and a worker begins as one seen for the first time"
	}
	if c.Replicas > 1 {
		return "servers that lose power at once, or one while another is behind, may lose what they acknowledged in the last two minutes (sync_interval); what no living instance knows of that is forgotten, and its slots may run again"
	}
	return "a server that loses power may lose what it wrote in the last two minutes (sync_interval); what no living instance knows of that is forgotten, and its slots may run again"
}
