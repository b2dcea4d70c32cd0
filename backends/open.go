package backends

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// Open returns a manager of the backend that the configuration chooses, which
// applies the configuration's overrides to the workers that are added to it.
// Options in the configuration, such as stop_grace, override those in opts.
// It does not connect to anything: that is Start's. Start also refuses a
// configuration that names a worker which was not added before it, with
// ErrUnknownWorker; the manager is stopped then.
//
// The errors are an *Error; ErrUnknownBackend where the backend is not
// registered: a program has a backend by importing its package, or all of them
// by importing backends/all.
func Open(ctx context.Context, cfg Config, opts core.Options) (core.Manager, error) {
	if ctx == nil {
		return nil, &Error{Err: errors.New("open: the context is nil")}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Err: fmt.Errorf("open: %w", err)}
	}
	d, own, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	m, err := d.open(own, cfg.options(opts))
	if err != nil {
		return nil, d.refused(cfg, own, err)
	}
	if len(cfg.Workers) == 0 {
		return m, nil
	}
	return newManager(m, cfg), nil
}

// prepare returns the driver that is chosen and its configuration, a *C.
func (c Config) prepare() (*driver, any, error) {
	if errs := c.validate(); len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	d := drivers.named(c.backend())
	if d == nil {
		return nil, nil, c.position("backend").at("backend", unknownBackend(c.backend()))
	}
	if errs := c.checkSections(); len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	own, err := d.decode(c)
	if err != nil {
		return nil, nil, err
	}
	return d, own, nil
}

// OpenURL is Open with the configuration of ParseURL.
func OpenURL(ctx context.Context, rawURL string, opts core.Options) (core.Manager, error) {
	cfg, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	return Open(ctx, cfg, opts)
}

// ParseURL returns the configuration that a URL stands for:
//
//	native://
//	nats://localhost:4222?namespace=billing
//	nats://a:4222,b:4222,c:4222
//
// The scheme chooses the backend. The parameters are the keys of the backend's
// section except url, and the keys of Config except backend and workers: namespace,
// instance, max_concurrent and so on. Any other parameter is an error, and a parameter
// that is given twice. The name of a backend alone, such as native, is that backend
// with its defaults. ParseURL does not read the environment. It leaves out a line end
// after the URL, which mounted secrets often have.
//
// A special character in the user or the password is written as % and two
// hexadecimal digits: # is %23. A URL that can be read in two ways is refused. Errors
// do not show the URL, because it may have a password.
func ParseURL(rawURL string) (Config, error) {
	rawURL = trimLineEnd(rawURL)
	if drivers.named(rawURL) != nil {
		return Config{Backend: rawURL}, nil
	}
	scheme, _, ok := strings.Cut(rawURL, "://")
	if !ok || !goodScheme(scheme) {
		if goodName(rawURL) {
			return Config{}, &Error{Err: unknownBackend(rawURL)}
		}
		return Config{}, &Error{Err: errors.New("not a URL of the form scheme://…, nor the name of a backend")}
	}
	scheme = strings.ToLower(scheme)
	d := drivers.ofScheme(scheme)
	if d == nil {
		return Config{}, &Error{Err: unknownScheme(scheme)}
	}
	fail := func(format string, args ...any) (Config, error) {
		return Config{}, &Error{Err: fmt.Errorf(scheme+"://… "+format, args...)}
	}
	u, err := access.ParseURL(rawURL)
	if err != nil {
		return fail("%w", err)
	}
	params := u.Query()
	cfg, s := Config{Backend: d.name}, &section{url: u}
	keep := url.Values{}
	settings := urlSettings()
	known := slices.Concat(slices.Sorted(maps.Keys(settings)), names(d.keys), d.params)
	if d.takeURL { // which this is
		known = slices.DeleteFunc(known, func(name string) bool { return name == "url" })
	}
	for name, values := range params {
		switch {
		case !slices.Contains(known, name) && access.HidesParameters(u):
			return fail("%w", access.ErrParameter)
		case !slices.Contains(known, name):
			return fail("has an unknown parameter %q%s", clip(name), knownAre(name, known))
		case slices.Contains(d.params, name):
			keep[name] = values
		case len(values) > 1:
			return fail("has the parameter %q twice", name)
		case slices.Contains(names(d.keys), name):
			s.texts = append(s.texts, text{name, values[0]})
		default:
			if err := setText(reflect.ValueOf(&cfg).Elem().FieldByIndex(settings[name].Index), values[0]); err != nil {
				return Config{}, &Error{Key: name, Err: err}
			}
		}
	}
	u.RawQuery = keep.Encode()
	cfg.setSection(d.name, s)
	if _, _, err := cfg.prepare(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// urlSettings returns the fields of Config that a URL can give, unless the backend
// has parameters of these names: all but the backend and the workers.
func urlSettings() map[string]field {
	settings := make(map[string]field)
	for _, f := range tagged(reflect.TypeFor[Config]()) {
		if f.name != "backend" && f.name != "workers" {
			settings[f.name] = f
		}
	}
	return settings
}

// unknownScheme says which there are, or which import is missing.
func unknownScheme(scheme string) error {
	for name, schemes := range ours {
		if slices.Contains(schemes, scheme) && drivers.named(name) == nil {
			return fmt.Errorf("%w for %s://: %s", ErrUnknownBackend, scheme, missing(name))
		}
	}
	if m := meant(scheme, drivers.schemes()); m != "" {
		return fmt.Errorf("%w for %s://%s", ErrUnknownBackend, scheme, m)
	}
	return fmt.Errorf("%w for %s://%s; a backend is registered by importing its package, and %sall has those of tickwork",
		ErrUnknownBackend, scheme, knownAre(scheme, drivers.schemes()), importPath)
}

// goodScheme tells whether s may be shown as a scheme.
func goodScheme(s string) bool {
	return goodName(strings.NewReplacer("+", "-", ".", "-").Replace(strings.ToLower(s)))
}
