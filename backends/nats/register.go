package nats

import (
	"context"
	"net/url"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func init() {
	backends.Register(backends.Driver[Config]{
		Name:      "nats",
		Schemes:   []string{"nats", "tls", "ws", "wss"},
		New:       New,
		Namespace: func(cfg *Config, namespace string) { cfg.Namespace = namespace },
		URL:       takeURL,
		Params:    []string{"server"},
		Reach:     func(ctx context.Context, cfg Config) error { return newStore(cfg).reach(ctx) },
	})
}

// takeURL takes a URL such as "nats://one:4222?server=two:4222&server=three:4222".
func takeURL(cfg *Config, u *url.URL) error {
	more := u.Query()["server"]
	first := *u
	first.RawQuery = ""
	cfg.URL = first.String()
	for _, server := range more {
		cfg.URL += "," + first.Scheme + "://" + server
	}
	return nil
}
