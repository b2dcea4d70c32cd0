package backends

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Which variables there are depends on the backends that are registered, so it
// is told by their keys; a library for the environment would have nothing to
// add to the twenty lines that look them up.

const envPrefix = "TICKWORK_"

// kubernetes matches the end of the variables that Kubernetes makes for each
// service, except PORT.
var kubernetes = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// isKubernetes returns whether Kubernetes makes such a variable for a service: for one
// called tickwork-nats TICKWORK_NATS_PORT is a URL, and a number there is a mistake.
func isKubernetes(name, value string) bool {
	return kubernetes.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// ofTests matches the variables of this module's tests, its conformance suite and its
// examples. They do not configure a program that runs in the same environment.
var ofTests = regexp.MustCompile(`^TICKWORK_((TEST|CONFORMANCE|EXAMPLE)_.*|REQUIRE_SERVERS|WALL_CLOCK|REPORT|SEEDS|FIRST_SEED|HISTORIES|CHAOS_LOSES)$`)

// environment applies the variables that are ours, given as NAME=value. One that
// is not is an error, unless the file refers to it.
func (c *Config) environment(environ []string, referred map[string]bool) (errs []error) {
	top := tagged(reflect.TypeFor[Config]())
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ok := strings.CutPrefix(name, envPrefix)
		value = trimLineEnd(value)
		if !ok || value == "" || ofTests.MatchString(name) {
			continue
		}
		if err := c.variable(top, name, rest, value, referred[name]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (c *Config) variable(top []field, name, rest, value string, referred bool) error {
	known := make([]string, len(top))
	for i, f := range top {
		known[i] = envPrefix + strings.ToUpper(f.name)
		if known[i] != name {
			continue
		}
		if f.Type.Kind() == reflect.Map {
			return c.workersVariable(name, value)
		}
		if err := setText(reflect.ValueOf(c).Elem().FieldByIndex(f.Index), value); err != nil {
			return &Error{Source: name, Key: f.name, Err: fmt.Errorf("%w, got %q", err, clip(value))}
		}
		(*c.where)[path(f.name)] = position{source: name}
		return nil
	}
	others := referred || isKubernetes(name, value)
	if backend, key, ok := sectionOf(rest); ok {
		c.sectionVariable(backend, variable{name, key, value}, others)
		return nil
	}
	if others {
		return nil
	}
	return &Error{Source: name, Err: fmt.Errorf("is not a variable of tickwork%s", insteadOf(name, known))}
}

// trimLineEnd returns a value without the line end that Kubernetes and Docker leave
// at the end of a secret that was written to a file.
func trimLineEnd(value string) string { return strings.TrimRight(value, "\r\n") }

// insteadOf suggests a variable in place of one that does not exist: a similar name,
// the same key of a backend, or TICKWORK_WORKERS for the key of a worker. Otherwise it
// lists the variables that exist.
func insteadOf(name string, known []string) string {
	top := known
	var sameKey []string
	for _, backend := range Registered() {
		for _, k := range drivers.named(backend).keys {
			v := envPrefix + envName(backend) + "_" + k.env()
			known = append(known, v)
			if strings.HasSuffix(name, "_"+k.env()) {
				sameKey = append(sameKey, v)
			}
		}
	}
	if m := meant(name, known); m != "" {
		return m
	}
	if len(sameKey) > 0 {
		return "; variables with that ending are " + join(sameKey)
	}
	isWorkers := strings.HasPrefix(name, envPrefix+"WORKERS_") || strings.Contains(name, "_RETRY_")
	for _, f := range tagged(reflect.TypeFor[Override]()) {
		isWorkers = isWorkers || strings.HasSuffix(name, "_"+strings.ToUpper(f.name))
	}
	if isWorkers {
		return "; change workers with TICKWORK_WORKERS, which is YAML, as in {delete-old-logs: {every: 2h}}"
	}
	rest := strings.TrimPrefix(name, envPrefix)
	for _, k := range top { // TICKWORK_INSTANCE_NAME, TICKWORK_LEVEL
		is := strings.TrimPrefix(k, envPrefix)
		if strings.Contains(rest, is) || len(rest) >= 4 && strings.Contains(is, rest) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return "; known are " + join(top) + ", and " + envPrefix + "NATS_URL and so on for the keys of backends"
}

// envName is how a backend's name is written in that of a variable.
func envName(backend string) string { return strings.ToUpper(strings.ReplaceAll(backend, "-", "_")) }

// workersVariable reads TICKWORK_WORKERS.
func (c *Config) workersVariable(name, value string) error {
	doc, err := parse(name, []byte(value))
	if err != nil {
		return err
	}
	if doc.body == nil {
		return nil
	}
	d := &decoder{document: doc, where: make(places)}
	given := make(map[string]Override)
	d.value(doc.body, "workers", reflect.ValueOf(&given).Elem())
	if err := d.err(); err != nil {
		return err
	}
	workers := maps.Clone(c.Workers)
	if workers == nil {
		workers = make(map[string]Override)
	}
	check := checker{c: Config{Workers: given, where: &d.where}}
	for worker, o := range given {
		check.at = path("workers").add(worker)
		check.schedule(o) // by itself, as if it stood in a file; the rest is checked with what the file says
		for _, key := range o.replaced() {
			delete(*c.where, check.at.add(key))
		}
		workers[worker] = o.over(workers[worker])
	}
	if len(check.errs) > 0 {
		return errors.Join(check.errs...)
	}
	maps.Copy(*c.where, d.where)
	c.Workers = workers
	return nil
}

// sectionOf divides ASYNQ_URL into the backend asynq and the key URL.
func sectionOf(rest string) (backend, key string, ok bool) {
	for _, name := range sectionNames() {
		prefix := envName(name) + "_"
		if k, has := strings.CutPrefix(rest, prefix); has && len(name) > len(backend) {
			backend, key, ok = name, k, true
		}
	}
	return backend, key, ok
}

// sectionVariable applies a variable of a backend. One that may be others' is
// left out unless it is a key.
func (c *Config) sectionVariable(backend string, e variable, others bool) {
	d := drivers.named(backend)
	isKey := d != nil && slices.ContainsFunc(d.keys, func(k key) bool { return k.env() == e.key })
	if !isKey && others {
		return
	}
	s := *c.section(backend)
	s.env = append(slices.Clip(s.env), e)
	c.setSection(backend, &s)
}
