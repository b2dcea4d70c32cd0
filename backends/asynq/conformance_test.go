package asynq_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/backends/asynq"
	"github.com/seed-891a2e1b/tickwork/conformance"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/redistest"
)

// TestConformance runs the suite in virtual time, each manager on a Redis of its
// own. The lease is long, so that a day has few heartbeats: in miniredis each
// costs half a millisecond.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Backend{
		Name: "asynq",
		Open: func(opts core.Options) (core.Manager, error) {
			mini := redistest.NewMini()
			mini.Age("tickwork")
			cfg := asynq.Config{Lease: 5 * time.Minute}
			return asynq.NewOver(cfg, func() redis.UniversalClient { return mini.Client("") }, opts)
		},
	})
}
