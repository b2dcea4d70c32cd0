package nats

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-891a2e1b/tickwork/core"
)

// Config is how the servers are reached, and how the ledger is kept on them. The
// zero value is the server on this machine, the namespace "default", and one
// replica in files.
type Config struct {
	// URL is the address of a server, or those of several of one cluster, with
	// commas between: "nats://one:4222,nats://two:4222". The schemes are those
	// of nats.go: nats, tls, ws, wss. User and password, or a token, may stand
	// before the @, a comma in them as %2C; a path, parameters or a fragment may not.
	// Empty is "nats://127.0.0.1:4222".
	URL string `yaml:"url"`

	// User and Password, or Token, are those of the URL where it has none.
	User     string `yaml:"user"`
	Password string `yaml:"password"`
	Token    string `yaml:"token"`

	// Creds is the path of a credentials file (a JWT and its seed), NKey that of
	// a file with an nkey's seed.
	Creds string `yaml:"creds"`
	NKey  string `yaml:"nkey"`

	// TLS is for servers whose certificate the system does not know, or that
	// want to see one.
	TLS TLS `yaml:"tls"`

	// Options are further options of the connection, and come over those that
	// this package sets, such as nats.InProcessServer or nats.CustomInboxPrefix.
	Options []nats.Option

	// Conn is a connection of the program's own, in place of all that is above.
	// It is never closed here, and its options are the program's. It should have
	// nats.MaxReconnects(-1), or no worker runs once it has given up;
	// nats.ReconnectBufSize(-1), or a claim that was written at the moment it broke
	// may be stored when it is back, and its worker waits for a lease; and
	// nats.PingInterval of a few seconds, or one that is dead is found out late.
	Conn *nats.Conn

	// Namespace keeps this cluster apart from others on the same servers: up to
	// 64 letters, digits and . _ -. Empty is "default". The ledger is the
	// key-value bucket "tickwork_" and the namespace, in which a dot is
	// written _2E, and a _ that two digits or capitals up to F follow _5F.
	Namespace string

	// Replicas is on how many servers the ledger is kept: 1, 3 or 5. Zero is 1.
	// With 3 it outlives one of them. A bucket that has more keeps them.
	Replicas int `yaml:"replicas"`

	// Storage is "file" or "memory", which is for tests: a server that ends has
	// lost it. Empty is "file".
	Storage string `yaml:"storage"`

	// Lease is how long a claim holds without being renewed: a run whose
	// instance has died is taken over after that. It must be longer than the
	// servers take to elect a leader, which is 4 to 10 seconds. Zero is
	// DefaultLease; all instances should have the same.
	Lease time.Duration `yaml:"lease"`
}

// TLS is what a TLS connection may need: paths of PEM files.
type TLS struct {
	CA   string `yaml:"ca"`   // the authorities that servers are to be signed by
	Cert string `yaml:"cert"` // this client's certificate
	Key  string `yaml:"key"`  // and its key
}

// DefaultLease is the lease where none is given: longer than an election.
const DefaultLease = 15 * time.Second

// minLease leaves the beats, ten in a lease, some milliseconds.
const minLease = 100 * time.Millisecond

const defaultNamespace = "default"

// check returns what in c cannot be right.
func (c Config) check() error {
	var errs []error
	refuse := func(field, format string, args ...any) {
		errs = append(errs, &core.ConfigError{Engine: "nats", Field: field, Err: fmt.Errorf(format, args...)})
	}
	if _, err := c.servers(); err != nil {
		refuse("URL", "%w", err)
	}
	if c.Conn != nil {
		if c.URL != "" || c.User != "" || c.Password != "" || c.Token != "" || c.Creds != "" || c.NKey != "" || c.TLS != (TLS{}) || len(c.Options) > 0 {
			refuse("Conn", "is given, and so is how to make another connection")
		}
	}
	if c.Password != "" && c.User == "" {
		refuse("Password", "is given without a User")
	}
	if n := count(c.User != "", c.Token != "", c.Creds != "", c.NKey != ""); n > 1 {
		refuse("User, Token, Creds, NKey", "one of them is enough, %d are given", n)
	}
	if users := c.users(); users > 0 {
		switch {
		case c.NKey != "":
			refuse("URL", "says who connects, and so does NKey")
		case users < len(c.urls()) && c.User == "" && c.Token == "" && len(c.Options) == 0:
			refuse("URL", "says for some of its servers who connects, and for others not: use User and Password, or Token")
		}
	}
	for _, file := range []struct{ field, path string }{
		{"Creds", c.Creds}, {"NKey", c.NKey}, {"TLS.CA", c.TLS.CA}, {"TLS.Cert", c.TLS.Cert}, {"TLS.Key", c.TLS.Key},
	} {
		if isContent(file.path) {
			refuse(file.field, "is to be the path of a file, and seems to be what is in it, which is not shown here")
		}
	}
	if c.TLS.Cert != "" && c.TLS.Key == "" {
		refuse("TLS.Cert", "is given without a Key")
	}
	if c.TLS.Key != "" && c.TLS.Cert == "" {
		refuse("TLS.Key", "is given without a Cert")
	}
	if !goodNamespace(c.Namespace) {
		refuse("Namespace", "up to 64 letters, digits and . _ -")
	}
	if c.Replicas < 0 || c.Replicas > 5 || c.Replicas == 2 || c.Replicas == 4 {
		refuse("Replicas", "%d is not 1, 3 or 5", c.Replicas)
	}
	if c.Storage != "" && c.Storage != "file" && c.Storage != "memory" {
		refuse("Storage", `is neither "file" nor "memory"`)
	}
	if c.Lease != 0 && c.Lease < minLease {
		refuse("Lease", "%s is less than %s", c.Lease, minLease)
	}
	return errors.Join(errs...)
}

// content is what a credential begins with, or has in it: a seed, a JWT, what a PEM file
// has in base 64, such a file in base 64, or the lines of a file.
var content = regexp.MustCompile(`^["']?S[A-Z][A-Z2-7]{40,}|^eyJ|^MI[IG][A-Za-z0-9+/=]{40,}|^LS0t|-----BEGIN|\n`)

// isContent tells whether what should be a path is the content of a file: an error
// would show it.
func isContent(path string) bool { return content.MatchString(strings.TrimSpace(path)) }

// users is how many of the URLs say who connects.
func (c Config) users() (n int) {
	for _, text := range c.urls() {
		if u, err := url.Parse(text); err == nil && u.User != nil {
			n++
		}
	}
	return n
}

func count(conditions ...bool) (n int) {
	for _, is := range conditions {
		if is {
			n++
		}
	}
	return n
}

func goodNamespace(s string) bool {
	for _, c := range []byte(s) {
		if !plain(c) && c != '.' {
			return false
		}
	}
	return len(s) <= 64
}

// bucket is the ledger's.
func (c Config) bucket() bucket {
	b := bucket{replicas: max(c.Replicas, 1), storage: jetstream.FileStorage}
	if c.Storage == "memory" {
		b.storage = jetstream.MemoryStorage
	}
	namespace := c.Namespace
	if namespace == "" {
		namespace = defaultNamespace
	}
	b.name = "tickwork_" + escape(namespace)
	return b
}

// servers are the hosts to connect to, as an error may name them. What the URLs
// say before the @ is secret, and so is a URL that cannot be read.
func (c Config) servers() ([]string, error) {
	var hosts []string
	for _, text := range c.urls() {
		u, err := url.Parse(text)
		switch {
		case err != nil:
			return nil, errors.New("cannot be read; are the special characters in its password percent-encoded?")
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			return nil, errors.New("does not begin with nats://, tls://, ws:// or wss://")
		case u.Host == "":
			return nil, errors.New("has no host")
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			return nil, errors.New("has more than a host, and a NATS URL has no path, parameters or fragment; are the special characters in its password percent-encoded?")
		}
		hosts = append(hosts, u.Scheme+"://"+u.Host)
	}
	return hosts, nil
}

// urls are those of URL, each with a scheme.
func (c Config) urls() []string {
	var list []string
	for text := range strings.SplitSeq(c.URL, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		list = []string{nats.DefaultURL}
	}
	return list
}
