package asynq

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/seed-891a2e1b/tickwork/core"
)

// target is the Redis to be reached.
type target struct {
	lent    redis.UniversalClient // the program's own
	open    func() redis.UniversalClient
	address string // for people; without a password
	secrets []string

	// late reads the files with secrets and certificates, and returns the target with
	// their content. It is nil if there are none.
	late func() (target, error)
}

// newTarget checks a configuration. It connects to nothing and reads no file.
func newTarget(cfg Config) (target, error) {
	if err := cfg.validateAccess(); err != nil {
		return target{}, err
	}
	if cfg.Client != nil {
		return lentTarget(cfg.Client)
	}
	if !cfg.hasFiles() {
		return urlTarget(cfg, true)
	}
	t := target{address: "the URL in " + cfg.URLFile}
	if cfg.URLFile == "" { // the rest can be checked now
		known := cfg
		if cfg.PasswordFile != "" {
			known.Password = "in the file"
		}
		var err error
		if t, err = urlTarget(known, false); err != nil {
			return target{}, err
		}
	}
	t.late = func() (target, error) {
		read, err := cfg.read()
		if err != nil {
			return target{}, err
		}
		return urlTarget(read, true)
	}
	return t, nil
}

// lentTarget is a client of the program's own. One that does not keep to its
// contexts would keep a lease from being given up in time.
func lentTarget(client redis.UniversalClient) (target, error) {
	t := target{lent: client, address: "the address of Config.Client"}
	keeps := true
	switch c := client.(type) {
	case *redis.Client:
		t.address, keeps = c.Options().Addr, c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		if c.Options().ReadOnly {
			return target{}, refuse("Client", errReplicas)
		}
		t.address, keeps = strings.Join(c.Options().Addrs, ","), c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return target{}, refuse("Client", errors.New("a Ring takes another server for a key when one does not answer, where a run that goes on is not known of: it must be a client of one server, a Sentinel's or a Redis Cluster's"))
	}
	if !keeps {
		return target{}, refuse("Client", errors.New("its ContextTimeoutEnabled must be true, so that a lease is given up in time when Redis does not answer"))
	}
	return t, nil
}

// errReplicas refuses what a replica would answer: it may not have yet what was
// written, which would be taken for a loss.
var errReplicas = errors.New("would have records read from replicas, which lag behind: read_only, replica_only, route_by_latency and route_randomly must be off")

// limits are options that the three kinds of clients have in common.
type limits struct {
	dial, read, write                      *time.Duration
	retries, dials, protocol, pipelinePool *int
	contexts                               *bool
	tls                                    *tls.Config // nil where there is none
}

// set fills in what the URL does not say. What fails is tried again by those who
// know whether that makes sense, so the client does not.
func (l limits) set(wait time.Duration) {
	for _, d := range []*time.Duration{l.dial, l.read, l.write} {
		*d = cmp.Or(*d, wait)
	}
	*l.retries = cmp.Or(*l.retries, -1)
	*l.dials = cmp.Or(*l.dials, 1)
	*l.protocol = cmp.Or(*l.protocol, 2) // there is no use for version 3's notices
	*l.pipelinePool = cmp.Or(*l.pipelinePool, -1)
	*l.contexts = true
	if l.tls != nil {
		l.tls.MinVersion = max(l.tls.MinVersion, tls.VersionTLS12)
	}
}

// patience is how long an operation on Redis may take where the lease is so: well
// under a fifth of it, so that there is time for another try.
func patience(lease time.Duration) time.Duration { return min(lease/10, 3*time.Second) }

func noNotices() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// connect makes a client that has reached Redis. It tries until its context ends
// (STA-6).
func (t *target) connect(ctx context.Context, host core.Host) (redis.UniversalClient, error) {
	if t.late != nil {
		read, err := t.late()
		if err != nil {
			return nil, err
		}
		read.late = t.late // the files may say something else when it is called again
		*t = read
	}
	client := t.lent
	if client == nil {
		client = t.open()
	}
	var why error // of the last try that was not cut short, if there was one
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := client.Ping(ctx).Err()
		if err == nil {
			return client, nil
		}
		if t.lent != nil && errors.Is(err, redis.ErrClosed) {
			return nil, fmt.Errorf("reach Redis at %s: Config.Client is closed; close it only after Stop has returned: %w", t.address, err)
		}
		// The connection's deadline is the context's, and may come first.
		if end, ends := ctx.Deadline(); ctx.Err() == nil && (!ends || time.Now().Before(end)) {
			if why == nil && host.Logger != nil {
				host.Logger.Warn("asynq: Redis is not reached yet", "address", t.address, "error", err)
			}
			why = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("reach Redis at %s: %w: %w", t.address, context.Cause(ctx), cmp.Or(why, err)), t.close(client))
		}
	}
}

// close closes a client that connect made.
func (t target) close(client redis.UniversalClient) error {
	if client == nil || t.lent != nil {
		return nil
	}
	return client.Close()
}

// warnOfEviction warns of a Redis that throws keys away when its memory is full:
// a lease that is thrown away is a run that overlaps. Who is not allowed to ask
// is not told.
func warnOfEviction(ctx context.Context, client redis.UniversalClient, log *slog.Logger) {
	policy, err := evictionPolicy(ctx, client)
	switch {
	case err != nil || policy == "":
		log.Debug("asynq: Redis does not tell its maxmemory-policy, which should be noeviction", "error", err)
	case policy != "noeviction":
		log.Warn("asynq: Redis throws keys away when its memory is full; set maxmemory-policy to noeviction, or a worker may overlap", "maxmemory-policy", policy)
	}
}

func evictionPolicy(ctx context.Context, client redis.UniversalClient) (string, error) {
	got, err := client.ConfigGet(ctx, "maxmemory-policy").Result()
	if err == nil {
		return got["maxmemory-policy"], nil
	}
	info, infoErr := client.Info(ctx, "memory").Result()
	if infoErr != nil {
		return "", errors.Join(err, infoErr)
	}
	_, rest, _ := strings.Cut(info, "maxmemory_policy:")
	policy, _, _ := strings.Cut(rest, "\r\n")
	return policy, nil
}
