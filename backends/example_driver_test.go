package backends_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
)

// QueueConfig is the configuration of a backend with a broker.
type QueueConfig struct {
	URL   string        `yaml:"url"`   // of the file, TICKWORK_QUEUE_URL, and queue://…
	Lease time.Duration `yaml:"lease"` // zero is 10s

	Conn      net.Conn // the program's own, by Config.Set: no tag, no key
	Namespace string   // Config.Namespace; no tag, since the file has it at the top
}

var opened QueueConfig

// A backend with a broker registers itself like this, in the package that has
// the engine.
func init() {
	backends.Register(backends.Driver[QueueConfig]{
		Name:    "queue",
		Schemes: []string{"queue", "queues"}, // the second over TLS
		New: func(cfg QueueConfig, opts core.Options) (core.Manager, error) {
			if cfg.Lease < 0 {
				return nil, &core.ConfigError{Engine: "queue", Field: "Lease", Err: fmt.Errorf("must not be negative, got %s", cfg.Lease)}
			}
			opened = cfg
			return native.New(native.Config{}, opts) // core.NewManager(NewEngine(cfg), opts)
		},
		Namespace: func(cfg *QueueConfig, namespace string) { cfg.Namespace = namespace },
		URL:       func(cfg *QueueConfig, u *url.URL) error { cfg.URL = u.String(); return nil },
		Params:    []string{"timeout"}, // what the library itself reads of its URL
		Reach: func(ctx context.Context, cfg QueueConfig) error {
			return fmt.Errorf("dial %s: %w", cfg.URL, errors.New("connection refused"))
		},
	})
}

func ExampleDriver() {
	ctx := context.Background()
	_, err := backends.OpenURL(ctx, "queues://me:pass@a:1,b:1?namespace=billing&lease=5s&timeout=1s", quiet)
	fmt.Println(opened.Namespace, opened.Lease, err)
	_, err = backends.OpenURL(ctx, "queue://me:pass@host?leese=5s", quiet)
	fmt.Println(err)
	_, err = backends.OpenURL(ctx, "queue://me:pass@host?lease=-5s", quiet)
	fmt.Println(err)
	cfg, err := backends.ParseURL("queue://me:pass@host")
	fmt.Println(cfg, err)
	fmt.Println(backends.Preflight(ctx, cfg, quiet, nil).Err())
	// Output:
	// billing 5s <nil>
	// backends: queue://… has an unknown parameter "leese"; did you mean "lease"?
	// backends: queue.lease: must not be negative, got -5s
	// backend queue, sections queue <nil>
	// backends: queue: dial queue://*****@host: connection refused
}
