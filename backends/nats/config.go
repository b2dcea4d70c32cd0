package nats

import (
	"errors"
	"fmt"
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
	// of nats.go: nats, tls, ws, wss. A user and a password, or a token, may stand
	// before the @, the same for each server. In them a special character is written
	// as % and two hexadecimal digits: a comma is %2C. A URL with a path, parameters
	// or a fragment is refused, and a URL that can be read in two ways.
	// Empty is "nats://127.0.0.1:4222".
	URL string `yaml:"url"`

	// URLFile is the path of a file with the URL, in place of URL. Start reads this
	// and the other files that Config names. A line end at the end is left out.
	URLFile string `yaml:"url_file" secret:"false"`

	// User and Password, or Token, are for a URL without a user and a token. They need
	// no escaping. PasswordFile and TokenFile are the paths of files with a password
	// or a token.
	User         string `yaml:"user"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file" secret:"false"`
	Token        string `yaml:"token"`
	TokenFile    string `yaml:"token_file" secret:"false"`

	// Creds is the path of a credentials file (a JWT and its seed), NKey that of
	// a file with an nkey's seed.
	Creds string `yaml:"creds" secret:"false"`
	NKey  string `yaml:"nkey" secret:"false"`

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

// TLS has the settings of a TLS connection: paths of PEM files, and a name.
type TLS struct {
	CA         string `yaml:"ca"`          // the authorities that sign the servers' certificates
	Cert       string `yaml:"cert"`        // this client's certificate
	Key        string `yaml:"key"`         // and its key
	ServerName string `yaml:"server_name"` // the name in the servers' certificates, if it is not the URL's host
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
	c.checkAccess(refuse)
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
