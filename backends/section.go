package backends

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A section is what was said of one backend, not yet in the backend's own type:
// a value that a program gave, or what stands in a file, then the environment,
// then a URL, each over the one before.
type section struct {
	value any
	doc   *document
	node  ast.Node
	env   []variable
	url   *url.URL // as the backend gets it
	texts []text   // the URL's parameters
}

// sealed keeps a section out of reach of package fmt, which looks through
// pointers, and into fields that are not exported, where it is given a struct
// that has a Config in such a field: of a func it prints the address.
type sealed func() *section

// a variable of the environment; key is what follows the backend's name: URL.
type variable struct{ name, key, value string }

// a text for a key.
type text struct{ key, value string }

// decode returns the backend's own configuration, a *C, with what was said.
func (d *driver) decode(c Config) (any, error) {
	cfg := d.make()
	v := reflect.ValueOf(cfg).Elem()
	s := c.section(d.name)
	if s.value != nil {
		if err := d.give(v, s.value); err != nil {
			return nil, err
		}
	}
	if _, err := d.file(s, v); err != nil {
		return nil, err
	}
	for _, e := range s.env {
		if err := d.setEnv(v, e); err != nil {
			return nil, err
		}
	}
	if err := d.setURL(cfg, s); err != nil {
		return nil, err
	}
	if c.Namespace != "" {
		d.namespace(cfg, c.Namespace)
	}
	return cfg, nil
}

// give takes a value that a program gave: a C or a *C.
func (d *driver) give(v reflect.Value, value any) error {
	given := reflect.ValueOf(value)
	if given.Type() == reflect.PointerTo(d.config) && !given.IsNil() {
		given = given.Elem()
	}
	if given.Type() != d.config {
		return &Error{Key: d.name, Err: fmt.Errorf("Config.Set was given a %T, and the backend's configuration is a %s", value, d.config)}
	}
	v.Set(given)
	return nil
}

// file sets what stands in a file, and returns the keys that do.
func (d *driver) file(s *section, v reflect.Value) (places, error) {
	if s.node == nil {
		return nil, nil
	}
	dec := &decoder{document: s.doc, where: make(places), secret: true}
	dec.value(s.node, path(d.name), v)
	return dec.where, dec.err()
}

func (d *driver) setEnv(v reflect.Value, e variable) error {
	var known []string
	for _, k := range d.keys {
		if k.env() != e.key {
			known = append(known, strings.TrimSuffix(e.name, e.key)+k.env())
			continue
		}
		if err := setList(v.FieldByIndex(k.index), e.value); err != nil {
			return &Error{Source: e.name, Key: d.name + "." + k.name, Err: err}
		}
		return nil
	}
	return &Error{Source: e.name, Err: fmt.Errorf("%s has no such key%s", d.name, knownAre(e.name, known))}
}

func (d *driver) setURL(cfg any, s *section) error {
	if s.url != nil {
		if d.takeURL {
			if err := d.url(cfg, s.url); err != nil {
				return &Error{Key: d.name, Err: d.scrub(cfg, err, d.message(err), s.url.String())}
			}
		} else if s.url.Host != "" || s.url.User != nil || strings.Trim(s.url.Path, "/") != "" {
			return &Error{Key: d.name, Err: fmt.Errorf("its URL has nothing but parameters: %s://?key=value", s.url.Scheme)}
		}
	}
	for _, t := range s.texts {
		for _, k := range d.keys {
			if k.name != t.key {
				continue
			}
			if err := setList(reflect.ValueOf(cfg).Elem().FieldByIndex(k.index), t.value); err != nil {
				return &Error{Key: d.name + "." + k.name, Err: err}
			}
		}
	}
	return nil
}

func join(list []string) string { return strings.Join(list, ", ") }
