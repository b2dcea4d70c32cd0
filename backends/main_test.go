package backends_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/backends"
	_ "github.com/seed-891a2e1b/tickwork/backends/all"
	"github.com/seed-891a2e1b/tickwork/backends/native"
	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/natstest"
)

func TestMain(m *testing.M) {
	os.Unsetenv("TICKWORK_REDIS_URL") // it is of other packages' tests, and Load would refuse it
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(natstest.AccessTime))
}

// redisConfig is the configuration of a backend as one with a broker has it.
// The backend runs nothing on a broker: it shows what it was given.
type redisConfig struct {
	URL      string        `yaml:"url"`
	Password string        `yaml:"password"`
	Lease    time.Duration `yaml:"lease"`
	Servers  []string      `yaml:"servers"`
	Queues   int           `yaml:"queues"`
	Strict   *bool         `yaml:"strict"`
	TLS      struct {
		CA string `yaml:"ca"`
	} `yaml:"tls"`

	Client    any // for programs
	Namespace string
}

var (
	lastRedis   redisConfig
	lastOptions core.Options
)

func init() {
	backends.Register(backends.Driver[redisConfig]{
		Name:    "fakeredis",
		Schemes: []string{"fakeredis", "fakerediss"},
		New: func(cfg redisConfig, opts core.Options) (core.Manager, error) {
			lastRedis, lastOptions = cfg, opts
			switch {
			case cfg.Lease < 0:
				return nil, fmt.Errorf("lease must not be negative; the URL is %s and the password %s", cfg.URL, cfg.Password)
			case cfg.Queues > 9:
				_, err := url.Parse(cfg.URL)
				return nil, err
			}
			return native.New(native.Config{}, opts)
		},
		Namespace: func(cfg *redisConfig, namespace string) { cfg.Namespace = namespace },
		URL: func(cfg *redisConfig, u *url.URL) error {
			if u.Path == "/bad" {
				return errors.New("no such database: " + u.String())
			}
			cfg.URL = u.String()
			return nil
		},
		Params: []string{"pool_size"},
		Reach: func(ctx context.Context, cfg redisConfig) error {
			if cfg.URL == "" {
				return nil
			}
			return fmt.Errorf("dial %s: connection refused", cfg.URL)
		},
	})
}

var quiet = core.Options{Logger: slog.New(slog.DiscardHandler)}

func worker(name string, s core.Schedule) core.Worker {
	return core.Worker{Name: name, Schedule: s, Run: func(context.Context) error { return nil }}
}
