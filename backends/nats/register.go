package nats

import (
	"context"
	"net/url"
	"strings"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func init() {
	backends.Register(backends.Driver[Config]{
		Name:      "nats",
		Schemes:   []string{"nats", "tls", "ws", "wss"},
		New:       New,
		Namespace: func(cfg *Config, namespace string) { cfg.Namespace = namespace },
		URL:       takeURL,
		Reach:     func(ctx context.Context, cfg Config) error { return newStore(cfg).reach(ctx) },
	})
}

// takeURL takes a URL whose hosts may be several servers of one cluster, to each
// of which the user and the password before them belong.
func takeURL(cfg *Config, u *url.URL) error {
	if u.Host == "" {
		cfg.URL = u.Scheme + "://" // which has no host, as check says
		return nil
	}
	var urls []string
	for host := range strings.SplitSeq(u.Host, ",") {
		one := *u
		one.Host, one.RawQuery = host, ""
		urls = append(urls, strings.ReplaceAll(one.String(), ",", "%2C")) // those in a password
	}
	cfg.URL = strings.Join(urls, ",")
	return nil
}
