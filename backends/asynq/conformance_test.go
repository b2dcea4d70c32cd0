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
// own.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Backend{
		Name: "asynq",
		Open: func(opts core.Options) (core.Manager, error) {
			mini := redistest.NewMini()
			mini.Age("tickwork")
			return asynq.NewOver(virtual(), func() redis.UniversalClient { return mini.Client("") }, opts)
		},
	})
}

// virtual is a configuration for virtual time. A heartbeat costs miniredis half
// a millisecond, so that they should be rare; above all in the cases that wait
// for a date and then span weeks. A bubble begins in 2000.
func virtual() asynq.Config {
	lease := 100 * time.Second
	if time.Now().Year() > 2000 {
		lease = 30 * time.Minute
	}
	return asynq.Config{Lease: lease, Poll: lease / 10}
}
