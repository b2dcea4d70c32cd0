package asynq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// Config is the asynq engine's configuration. The zero value is a Redis on this
// machine.
type Config struct {
	// URL says which Redis, and how:
	//
	//	redis://user:password@host:6379/0          rediss:// with TLS
	//	unix://user:password@/run/redis.sock?db=0
	//	redis-sentinel://host:26379,host2:26379/0?master_name=mymaster
	//	redis-cluster://host:7000,host2:7000       rediss-…:// with TLS
	//
	// The parameters are go-redis's: those of its ParseURL, ParseFailoverURL and
	// ParseClusterURL, but for those that read from replicas. Of a Sentinel's URL
	// the user is the Sentinel's, and the parameters username and password are
	// for Redis. Empty is DefaultURL.
	//
	// A special character in a user or a password is written as % and two
	// hexadecimal digits: # is %23. A URL that can be read in two ways is refused.
	URL string `yaml:"url"`

	// URLFile is the path of a file with the URL, in place of URL. Start reads this
	// and the other files that Config names. A line end at the end is left out.
	URLFile string `yaml:"url_file" secret:"false"`

	// User and Password are for a URL without a user and a password. They need no
	// escaping. PasswordFile is the path of a file with the password. Without User
	// the password is the default user's. With a Sentinel's URL they are for Redis.
	User         string `yaml:"user"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file" secret:"false"`

	// TLS is for a Redis with a certificate that the system does not trust, or one
	// that requires a client certificate. The URL's scheme must be one with TLS,
	// such as rediss.
	TLS TLS `yaml:"tls"`

	// Client is a client that the program owns, in place of the settings above. It is
	// for one server, a Sentinel or a Redis Cluster; a Ring is refused. This package
	// never closes it, and the program must not close it before Stop has returned.
	// Its ContextTimeoutEnabled must be true, it must not read from replicas, and its
	// timeouts should be well under a fifth of the lease.
	Client redis.UniversalClient

	// Namespace parts the workers of services that share a Redis: instances of
	// one namespace are a cluster. Letters, digits and ". _ -", at most 64 of
	// them. Empty is DefaultNamespace.
	Namespace string

	// Lease is how long a run holds without its instance being heard of; after
	// one and a half of it, another instance runs the slot again. All instances
	// should have the same, see ledger.Config. At least MinLease. Zero is
	// ledger.DefaultLease, 10 seconds.
	Lease time.Duration `yaml:"lease"`

	// Concurrency is how many runs of this instance are in progress at a time. It is
	// core.Options.MaxConcurrent by another name, for a file to say, and New refuses
	// the two where they differ: while as many are in progress, what falls due is
	// left to instances that have room, and what they do not take waits its turn here
	// (ERR-7). Of an engine alone, which has no Options, it says no more than when to
	// leave ticks to others. Zero is MaxConcurrent, which is without limit where that
	// is zero, too.
	Concurrency int `yaml:"concurrency"`

	// Poll is how often an instance looks for ticks that it was not told of:
	// those that another instance has handed back. Of a slot that falls due it
	// knows, so that no run waits for it. Between MinPoll and a tenth of the
	// lease. Zero is a second, or a tenth of the lease where that is less.
	Poll time.Duration `yaml:"poll"`

	// Retention is how long asynq's tools show a tick that has completed. Zero
	// is 20 periods of the worker, and between a minute and an hour; an hour for
	// a worker's first tick after a start and for those of Trigger, which tell of
	// no period. One that has failed stays for as long as asynq keeps it.
	Retention time.Duration `yaml:"retention"`
}

// TLS has the settings of a TLS connection: paths of PEM files, and a name.
type TLS struct {
	CA         string `yaml:"ca"`          // the authorities that sign the server's certificate
	Cert       string `yaml:"cert"`        // this client's certificate
	Key        string `yaml:"key"`         // and its key
	ServerName string `yaml:"server_name"` // the name in the server's certificate, if it is not the URL's host
}

// Defaults, and bounds.
const (
	DefaultURL       = "redis://localhost:6379/0"
	DefaultNamespace = "default"
	MinLease         = time.Second
	MinPoll          = 10 * time.Millisecond
)

// schemes are those of URLs.
var schemes = map[string]struct{}{
	"redis": {}, "rediss": {}, "unix": {},
	"redis-cluster": {}, "rediss-cluster": {},
	"redis-sentinel": {}, "rediss-sentinel": {},
}

// Schemes returns the schemes that URLs have, sorted.
func Schemes() []string { return slices.Sorted(maps.Keys(schemes)) }

// New returns a manager that runs its workers through asynq. It connects to
// nothing; Start does. It refuses a configuration that cannot be right.
func New(cfg Config, opts core.Options) (core.Manager, error) {
	return newManager(cfg, opts, newTarget)
}

func newManager(cfg Config, opts core.Options, target func(Config) (target, error)) (core.Manager, error) {
	if err := sameLimit(&cfg, &opts); err != nil {
		return nil, err
	}
	engine, err := newEngine(cfg, target)
	if err != nil {
		return nil, err
	}
	return core.NewManager(engine, opts), nil
}

// sameLimit makes Concurrency and MaxConcurrent equal. It refuses two different limits.
func sameLimit(cfg *Config, opts *core.Options) error {
	if limit := opts.MaxConcurrent; limit > 0 && cfg.Concurrency > 0 && limit != cfg.Concurrency {
		return refuse("Concurrency", fmt.Errorf("%d, but core.Options.MaxConcurrent is %d: they say the same, and one is enough", cfg.Concurrency, limit))
	}
	cfg.Concurrency = cmp.Or(cfg.Concurrency, max(opts.MaxConcurrent, 0))
	opts.MaxConcurrent = cfg.Concurrency
	return nil
}

// NewEngine returns the engine alone, for those who wrap it.
func NewEngine(cfg Config) (core.ClusterEngine, error) { return newEngine(cfg, newTarget) }

func newEngine(cfg Config, target func(Config) (target, error)) (core.ClusterEngine, error) {
	ledgers, err := ledgerConfig(cfg, target)
	if err != nil {
		return nil, err
	}
	return ledger.NewEngine(ledgers)
}

// ledgerConfig returns the configuration of the engine's ledger.
func ledgerConfig(cfg Config, target func(Config) (target, error)) (ledger.Config, error) {
	cfg.Namespace = cmp.Or(cfg.Namespace, DefaultNamespace)
	cfg.Lease = cmp.Or(cfg.Lease, ledger.DefaultLease)
	cfg.Poll = cmp.Or(cfg.Poll, min(time.Second, cfg.Lease/10))
	if err := cfg.validate(); err != nil {
		return ledger.Config{}, err
	}
	t, err := target(cfg)
	if err != nil {
		return ledger.Config{}, err
	}
	s := &store{target: t, queue: queueOf(cfg.Namespace), writes: newWriteNames()}
	return ledger.Config{
		Name:       "asynq",
		Store:      s,
		Dispatcher: newDispatcher(cfg, s),
		Lease:      cfg.Lease,
		Lateness:   lateness,
		MinPeriod:  minPeriod,
		Loses:      loses,
	}, nil
}

const (
	// lateness is the way of a tick to Redis and back, three times, and the
	// courtesy.
	lateness = 50 * time.Millisecond

	// minPeriod is the shortest period for which that way pays.
	minPeriod = 100 * time.Millisecond

	loses = "Redis without appendonly loses everything when it restarts, with appendfsync everysec the last second, " +
		"and a failover to a replica what that had not received yet. Instances that are alive write back what they know; " +
		"what was known only to those that have died, or are cut off, is lost: such a slot may run again."
)

func (cfg Config) validate() error {
	switch {
	case cfg.Lease < MinLease:
		return refuse("Lease", fmt.Errorf("%s is shorter than %s", cfg.Lease, MinLease))
	case cfg.Poll < MinPoll || cfg.Poll > cfg.Lease/10:
		return refuse("Poll", fmt.Errorf("%s is not between %s and a tenth of the lease, %s", cfg.Poll, MinPoll, cfg.Lease/10))
	case cfg.Concurrency < 0:
		return refuse("Concurrency", fmt.Errorf("must not be negative, got %d", cfg.Concurrency))
	case cfg.Retention != 0 && cfg.Retention < time.Second:
		return refuse("Retention", fmt.Errorf("%s is shorter than a second", cfg.Retention))
	case access.LooksLikeURL(cfg.Namespace):
		return refuse("Namespace", errors.New("looks like a URL, which is not shown here; a namespace has up to 64 letters, digits and . _ -"))
	case !goodNamespace(cfg.Namespace):
		return refuse("Namespace", fmt.Errorf("%.80q is not up to 64 letters, digits and . _ -", cfg.Namespace))
	}
	return nil
}

// refuse says that a field of Config cannot be right.
func refuse(field string, err error) error {
	return &core.ConfigError{Engine: "asynq", Field: field, Err: err}
}

func goodNamespace(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) <= 64
}

// queueOf is asynq's queue of a namespace, as its tools show it.
func queueOf(namespace string) string {
	if namespace == DefaultNamespace {
		return "tickwork"
	}
	return "tickwork-" + namespace
}

// Reach tries for as long as its context lets it to reach Redis, and leaves
// nothing behind.
func Reach(ctx context.Context, cfg Config) error {
	cfg.Lease = cmp.Or(cfg.Lease, ledger.DefaultLease)
	t, err := newTarget(cfg)
	if err != nil {
		return err
	}
	client, err := t.connect(ctx, core.Host{})
	if err != nil {
		if _, ok := errors.AsType[*core.ConfigError](err); ok {
			return err
		}
		return fmt.Errorf("asynq: %w", err)
	}
	return t.close(client)
}
