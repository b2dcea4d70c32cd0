package asynq

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// urlTarget reads the URL of a configuration strictly. It gives go-redis a URL without
// user and password, because go-redis's errors quote the URL. It reads the files of the
// TLS settings only if files is true.
func urlTarget(cfg Config, files bool) (target, error) {
	u, err := access.ParseURL(cmp.Or(cfg.URL, DefaultURL))
	if err != nil {
		return target{}, refuse("URL", err)
	}
	scheme, kind, _ := strings.Cut(u.Scheme, "-")
	if err := checkURL(u, scheme, kind); err != nil {
		return target{}, refuse("URL", err)
	}
	who, err := cfg.account(u, kind)
	if err != nil {
		return target{}, err
	}
	plain := plainURL(u, scheme)
	wait := patience(cfg.Lease)
	switch kind {
	case "cluster":
		o, err := redis.ParseClusterURL(plain)
		if err != nil {
			return target{}, refuse("URL", whichParameter(u, err))
		}
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return target{}, refuse("URL", errReplicas)
		}
		o.Username, o.Password = who.user, who.password
		limits{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.MaxRetries, &o.DialerRetries, &o.Protocol, &o.PipelinePoolSize, &o.ContextTimeoutEnabled, o.TLSConfig}.set(wait)
		if err := cfg.applyTLS(o.TLSConfig, files); err != nil {
			return target{}, err
		}
		o.MaintNotificationsConfig = noNotices()
		return target{address: strings.Join(o.Addrs, ","), secrets: who.secrets(), open: func() redis.UniversalClient { return who.scrubbed(redis.NewClusterClient(o)) }}, nil
	case "sentinel":
		o, err := redis.ParseFailoverURL(plain)
		if err != nil {
			return target{}, refuse("URL", whichParameter(u, err))
		}
		if o.MasterName == "" {
			return target{}, refuse("URL", errors.New("has no parameter master_name, the name of the master to ask the Sentinels for"))
		}
		if o.ReplicaOnly || o.RouteByLatency || o.RouteRandomly {
			return target{}, refuse("URL", errReplicas)
		}
		o.Username, o.Password = who.user, who.password
		o.SentinelUsername, o.SentinelPassword = who.sentinelUser, who.sentinelPassword
		limits{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.MaxRetries, &o.DialerRetries, &o.Protocol, &o.PipelinePoolSize, &o.ContextTimeoutEnabled, o.TLSConfig}.set(wait)
		if err := cfg.applyTLS(o.TLSConfig, files); err != nil {
			return target{}, err
		}
		address := o.MasterName + " of the Sentinels " + strings.Join(o.SentinelAddrs, ",")
		return target{address: address, secrets: who.secrets(), open: func() redis.UniversalClient { return who.scrubbed(redis.NewFailoverClient(o)) }}, nil
	}
	o, err := redis.ParseURL(plain)
	if err != nil {
		return target{}, refuse("URL", whichParameter(u, err))
	}
	o.Username, o.Password = who.user, who.password
	limits{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.MaxRetries, &o.DialerRetries, &o.Protocol, &o.PipelinePoolSize, &o.ContextTimeoutEnabled, o.TLSConfig}.set(wait)
	if err := cfg.applyTLS(o.TLSConfig, files); err != nil {
		return target{}, err
	}
	o.MaintNotificationsConfig = noNotices()
	return target{address: o.Addr, secrets: who.secrets(), open: func() redis.UniversalClient { return who.scrubbed(redis.NewClient(o)) }}, nil
}

// checkURL refuses a URL that go-redis would guess at or quote.
func checkURL(u *url.URL, scheme, kind string) error {
	_, known := schemes[u.Scheme]
	switch {
	case !known:
		return fmt.Errorf("its scheme must be one of %s", strings.Join(Schemes(), ", "))
	case hasTwice(u):
		return errors.New("has a parameter twice")
	case scheme == "unix" && u.Host != "":
		return errors.New("has a host, but the URL of a socket has none: write three slashes, as in unix:///run/redis.sock")
	case scheme == "unix" && strings.Trim(u.Path, "/") == "":
		return errors.New("has no path of a socket, as in unix:///run/redis.sock")
	case scheme == "unix":
		return nil
	case u.Host == "":
		return errors.New("has no host")
	case strings.Count(u.Path, "/") > 1 || strings.Trim(u.Path, "/0123456789") != "":
		return errors.New("its path must be the number of a database, as in /0")
	case strings.Contains(u.Host, ",") && kind == "":
		return fmt.Errorf("has several hosts, which are for %s-cluster and %[1]s-sentinel", scheme)
	}
	hosts := strings.Split(u.Host, ",")
	for _, host := range slices.Concat(hosts[1:], u.Query()["addr"]) {
		if _, port, err := net.SplitHostPort(host); err != nil || port == "" || !access.IsHost(host) {
			return errors.New("has a further host, after a comma or in the parameter addr, that is not host:port")
		}
	}
	return nil
}

// hasTwice returns whether a URL has a parameter twice, of which go-redis would take
// one: addr alone may be repeated.
func hasTwice(u *url.URL) bool {
	for name, values := range u.Query() {
		if name != "addr" && len(values) > 1 {
			return true
		}
	}
	return false
}

// plainURL returns the URL as go-redis reads it, without user and password.
func plainURL(u *url.URL, scheme string) string {
	hosts := strings.Split(u.Host, ",")
	query := u.Query()
	delete(query, "username")
	delete(query, "password")
	if more := slices.Concat(hosts[1:], query["addr"]); len(more) > 0 {
		query["addr"] = more
	}
	return (&url.URL{Scheme: scheme, Host: hosts[0], Path: u.Path, RawQuery: query.Encode()}).String()
}

// whichParameter replaces an error of go-redis, which may show a value, by one
// that names the parameter.
func whichParameter(u *url.URL, err error) error {
	if strings.Contains(err.Error(), "unexpected option") {
		if access.HidesParameters(u) {
			return access.ErrParameter
		}
		_, names, _ := strings.Cut(err.Error(), "unexpected option: ")
		return fmt.Errorf("has an unknown parameter: %s; the comment of the package asynq lists the known ones", names)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Query())) {
		if strings.Contains(err.Error(), " "+name+" ") {
			return fmt.Errorf("its parameter %s cannot be read", name)
		}
	}
	return errors.New("has a parameter that cannot be read")
}

// account has the users and passwords of a connection.
type account struct{ user, password, sentinelUser, sentinelPassword string }

// account returns the users and passwords from the URL or from the fields User and
// Password. In a Sentinel's URL the part before the @ is for the Sentinels.
func (cfg Config) account(u *url.URL, kind string) (account, error) {
	user, password := u.User.Username(), ""
	if u.User != nil {
		password, _ = u.User.Password()
	}
	if user != "" && password == "" {
		return account{}, refuse("URL", errors.New("has a user and no password: a password alone is written after a colon, as in redis://:password@host; with the setting password, leave the user out of the URL and use the setting user"))
	}
	query := u.Query()
	if kind == "sentinel" {
		who := account{query.Get("username"), query.Get("password"), user, password}
		if who.user != "" && cfg.User != "" || who.password != "" && cfg.Password != "" {
			return account{}, refuse("Password", errTwice)
		}
		who.user, who.password = cmp.Or(who.user, cfg.User), cmp.Or(who.password, cfg.Password)
		return who, nil
	}
	switch {
	case query.Has("username") || query.Has("password"):
		return account{}, refuse("URL", errors.New("has the parameter username or password, which only a Sentinel's URL may have: write them before the @, or use the settings user and password"))
	case u.User != nil && (cfg.User != "" || cfg.Password != ""):
		return account{}, refuse("Password", errTwice)
	case u.User != nil:
		return account{user: user, password: password}, nil
	}
	return account{user: cfg.User, password: cfg.Password}, nil
}

var errTwice = errors.New("the URL has a user or a password, and the settings user and password are set too: use the URL or the settings")

// scrubbed makes a client strike the passwords out of its errors: some servers and
// proxies quote the arguments of an unknown command.
func (a account) scrubbed(client redis.UniversalClient) redis.UniversalClient {
	client.AddHook(scrubber(a.secrets()))
	return client
}

func (a account) secrets() []string { return []string{a.password, a.sentinelPassword} }

type scrubber []string

func (s scrubber) scrub(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	return access.Scrub(err, s...)
}

// DialHook implements redis.Hook.
func (s scrubber) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (s scrubber) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := s.scrub(next(ctx, cmd))
		cmd.SetErr(s.scrub(cmd.Err()))
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (s scrubber) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := s.scrub(next(ctx, cmds))
		for _, cmd := range cmds {
			if cmd.Err() != nil {
				cmd.SetErr(s.scrub(cmd.Err()))
			}
		}
		return err
	}
}

// applyTLS adds the TLS settings to those of the URL's scheme, which are nil for
// one without TLS.
func (cfg Config) applyTLS(c *tls.Config, files bool) error {
	switch {
	case cfg.TLS == (TLS{}):
		return nil
	case c == nil:
		return refuse("TLS", errors.New("is set, but the scheme of the URL is one without TLS: use rediss, rediss-cluster or rediss-sentinel"))
	case !files:
		return nil
	}
	if field, err := access.TLS(cfg.TLS).Apply(c); err != nil {
		return refuse("TLS."+field, err)
	}
	return nil
}
