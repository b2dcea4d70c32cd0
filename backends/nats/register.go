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
	user, tail := "", u.EscapedPath()
	if u.User != nil {
		user = strings.ReplaceAll(u.User.String(), ",", "%2C") + "@"
	}
	if u.Fragment != "" {
		tail += "#" + u.EscapedFragment()
	}
	var urls []string
	for host := range strings.SplitSeq(u.Host, ",") {
		escaped := strings.TrimPrefix((&url.URL{Host: host}).String(), "//")
		urls = append(urls, u.Scheme+"://"+user+escaped+tail)
	}
	cfg.URL = strings.Join(urls, ",")
	return nil
}
