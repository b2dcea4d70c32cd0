package backends

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A Driver is what a backend registers of itself. C is the backend's own type
// of configuration, a struct.
//
// The fields of C that have a yaml tag are the keys of the backend's section in
// a file, of its variables in the environment, and of its parameters in a URL;
// those without one are for programs, which give them by Config.Set. A key's
// type is a string, a bool, a number, a time.Duration, an
// encoding.TextUnmarshaler, a slice of these, or a struct with keys of its own.
// The zero value of C is the backend as it comes.
//
// If the name of a key has a word such as password, token or secret, its value is
// struck out of errors. The tag secret:"false" turns that off for a value that is no
// secret, such as the path in password_file.
type Driver[C any] struct {
	// Name is what a file says after "backend:", and the name of the section:
	// a lower-case letter, then lower-case letters, digits and "-".
	Name string

	// Schemes are those of the backend's URLs. Nil is Name.
	Schemes []string

	// New makes a manager, without connecting to anything: that is Start's.
	// It refuses a cfg that cannot be right, by a *core.ConfigError where it is
	// a field that cannot: the error of Open then has the field's key, and the
	// file's line or the variable's name.
	New func(cfg C, opts core.Options) (core.Manager, error)

	// Namespace puts Config.Namespace into the backend's own configuration. It
	// is nil for a backend without a broker.
	Namespace func(cfg *C, namespace string)

	// URL puts a URL into the backend's own configuration. It may have several
	// hosts: they are all in u.Host, divided by commas. Of the parameters
	// the URL still has those of Params; the others were keys of C, and are set
	// after it. A key "url" is no parameter then. It is nil for a backend whose URL has only a scheme and
	// parameters.
	URL func(cfg *C, u *url.URL) error

	// Params are the parameters that are part of the backend's URLs and not
	// keys of C.
	Params []string

	// Reach tries for as long as its context lets it to reach the broker, and
	// leaves nothing behind. It is Preflight's. Nil where there is none to reach.
	Reach func(ctx context.Context, cfg C) error
}

// Register makes a backend available to Config.Backend and to OpenURL. A
// package that is a backend calls it from an init function, so that a program
// has the backend by importing the package:
//
//	import _ "github.com/seed-891a2e1b/tickwork/backends/native"
//
// It panics where Name or New is missing or cannot be right, where C is not a
// struct with usable keys, and where the name or a scheme is taken.
//
// The errors of New, URL and Reach should have no password in them. Those that
// the section gives away by their key, and those in URLs, are struck out.
func Register[C any](d Driver[C]) {
	if d.New == nil {
		panic("backends: Register of " + d.Name + ": New is nil")
	}
	e := &driver{
		name:    d.Name,
		schemes: d.Schemes,
		params:  d.Params,
		config:  reflect.TypeFor[C](),
		takeURL: d.URL != nil,
		remote:  d.Reach != nil,
		make:    func() any { return new(C) },
		open: func(cfg any, opts core.Options) (core.Manager, error) {
			return d.New(*cfg.(*C), opts)
		},
		reach: func(ctx context.Context, cfg any) error { return d.Reach(ctx, *cfg.(*C)) },
		url:   func(cfg any, u *url.URL) error { return d.URL(cfg.(*C), u) },
		namespace: func(cfg any, namespace string) {
			if d.Namespace != nil {
				d.Namespace(cfg.(*C), namespace)
			}
		},
	}
	if e.schemes == nil {
		e.schemes = []string{d.Name}
	}
	drivers.add(e)
}

// Registered returns the names of the registered backends, sorted.
func Registered() []string {
	drivers.Lock()
	defer drivers.Unlock()
	return slices.Sorted(maps.Keys(drivers.byName))
}

// driver is a Driver whose C is forgotten: cfg is a *C.
type driver struct {
	name      string
	schemes   []string
	params    []string
	config    reflect.Type
	keys      []key
	takeURL   bool
	remote    bool
	make      func() any
	open      func(cfg any, opts core.Options) (core.Manager, error)
	url       func(cfg any, u *url.URL) error
	namespace func(cfg any, namespace string)
	reach     func(ctx context.Context, cfg any) error
}

var drivers = registry{byName: make(map[string]*driver), byScheme: make(map[string]*driver)}

type registry struct {
	sync.Mutex
	byName, byScheme map[string]*driver
}

func (r *registry) add(d *driver) {
	refuse := func(format string, args ...any) {
		panic("backends: Register of " + d.name + ": " + fmt.Sprintf(format, args...))
	}
	if !goodName(d.name) {
		refuse("a name is a lower-case letter, then lower-case letters, digits and -")
	}
	if slices.Contains(topKeys(), d.name) {
		refuse("a file has another meaning for the key %q", d.name)
	}
	keys, err := keysOf(d.config)
	if err != nil {
		refuse("%v", err)
	}
	d.keys = keys
	r.Lock()
	defer r.Unlock()
	if r.byName[d.name] != nil {
		refuse("the name is taken")
	}
	for _, scheme := range d.schemes {
		if !goodScheme(scheme) || scheme != strings.ToLower(scheme) {
			refuse("%q is no scheme: a lower-case letter, then lower-case letters, digits and + - .", scheme)
		}
		if other := r.byScheme[scheme]; other != nil {
			refuse("%s has the scheme %q", other.name, scheme)
		}
	}
	r.byName[d.name] = d
	for _, scheme := range d.schemes {
		r.byScheme[scheme] = d
	}
}

func (r *registry) named(name string) *driver {
	r.Lock()
	defer r.Unlock()
	return r.byName[name]
}

func (r *registry) ofScheme(scheme string) *driver {
	r.Lock()
	defer r.Unlock()
	return r.byScheme[scheme]
}

func (r *registry) schemes() []string {
	r.Lock()
	defer r.Unlock()
	return slices.Sorted(maps.Keys(r.byScheme))
}

func goodName(name string) bool {
	for i, c := range []byte(name) {
		if ('a' > c || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return name != ""
}

// ours are the backends of this module, and the schemes of their URLs: known
// also where the program has not imported them, so that a file may hold a
// section for each.
var ours = map[string][]string{
	"native": {"native"},
	"gocron": {"gocron"},
	"asynq":  {"redis", "rediss", "unix", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"},
	"nats":   {"nats", "tls", "ws", "wss"},
}

const importPath = "github.com/seed-891a2e1b/tickwork/backends/"

// unknownBackend says which backends there are, and what to import for one that
// there is not.
func unknownBackend(name string) error {
	known := Registered()
	if isURL(name) {
		return fmt.Errorf("%w: it is a URL, which is not shown here, since it may have a password: a URL is for OpenURL, or for the key url of a backend; %s",
			ErrUnknownBackend, registeredAre(known))
	}
	if _, ok := ours[name]; ok {
		return fmt.Errorf("%w %q: %s; %s", ErrUnknownBackend, name, registeredAre(known), missing(name))
	}
	if m := meant(name, known); m != "" {
		return fmt.Errorf("%w %q: %s%s", ErrUnknownBackend, name, registeredAre(known), m)
	}
	return fmt.Errorf("%w %q: %s; a backend is registered by importing its package, and %sall has those of tickwork",
		ErrUnknownBackend, name, registeredAre(known), importPath)
}

// isURL tells whether what is given as a backend's name is the URL of one, or looks
// like it.
func isURL(name string) bool { return strings.ContainsAny(name, ":/@") }

func registeredAre(names []string) string {
	if len(names) == 0 {
		return "none is registered"
	}
	return "registered: " + strings.Join(names, ", ")
}

func missing(name string) string {
	return fmt.Sprintf("missing: import _ %q", importPath+name)
}
