package asynq

import (
	"net/url"
	"strings"

	"github.com/seed-891a2e1b/tickwork/backends"
)

func init() {
	backends.Register(backends.Driver[Config]{
		Name:      "asynq",
		Schemes:   Schemes(),
		New:       New,
		Namespace: func(cfg *Config, namespace string) { cfg.Namespace = namespace },
		URL:       takeURL,
		Params: []string{ // as doc.go says
			"addr", "master_name", "username", "db", "skip_verify", "protocol", "client_name",
			"dial_timeout", "read_timeout", "write_timeout", "pool_size", "pool_timeout", "pool_fifo",
			"min_idle_conns", "max_idle_conns", "max_active_conns", "conn_max_idle_time", "conn_max_lifetime",
		},
		Reach: Reach,
	})
}

func takeURL(cfg *Config, u *url.URL) error {
	cfg.URL = u.String()
	if rest, ok := strings.CutPrefix(cfg.URL, u.Scheme+":"); ok && !strings.HasPrefix(rest, "//") {
		cfg.URL = u.Scheme + "://" + rest // net/url leaves the slashes out if there is no host
	}
	return nil
}
