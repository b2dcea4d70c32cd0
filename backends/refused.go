package backends

import (
	"errors"
	"reflect"
	"strings"

	"github.com/seed-891a2e1b/tickwork/core"
)

// refused makes errors for people of what a backend's New says against a
// configuration, of which own is what the backend got: with the key, and with
// the place where that was given.
func (d *driver) refused(c Config, own any, err error) error {
	if list, ok := err.(interface{ Unwrap() []error }); ok && errors.Join(list.Unwrap()...).Error() == err.Error() {
		var errs []error
		for _, e := range list.Unwrap() {
			errs = append(errs, d.refused(c, own, e))
		}
		return errors.Join(errs...)
	}
	p, message := path(d.name), d.message(err)
	key := ""
	if e, ok := errors.AsType[*core.ConfigError](err); ok {
		if key = keyOf(d.config, e.Field); key != "" {
			p = d.path(key)
			message = strings.TrimPrefix(message, e.Field+": ")
		}
	}
	return d.position(c, key).at(p, d.scrub(own, err, message))
}

// message is an error's, without the name of the backend, which an Error has.
func (d *driver) message(err error) string { return strings.TrimPrefix(err.Error(), d.name+": ") }

// keyOf returns the key of a field, such as tls.cert of TLS.Cert; nothing where
// there is none.
func keyOf(t reflect.Type, field string) string {
	name, rest, inner := strings.Cut(field, ".")
	for _, f := range tagged(t) {
		switch {
		case f.Name != name:
		case !inner:
			return f.name
		case f.Type.Kind() == reflect.Struct:
			if key := keyOf(f.Type, rest); key != "" {
				return f.name + "." + key
			}
		}
	}
	return ""
}

// path returns the path of a key of the backend's section.
func (d *driver) path(key string) path {
	return path(d.name).add(strings.ReplaceAll(key, ".", pathSep))
}

// position returns where a key of the backend's section was given, or the
// section where the key is empty. It is zero for what a program or a URL gave.
func (d *driver) position(c Config, name string) position {
	s := c.section(d.name)
	for _, e := range s.env {
		if len(s.env) == 1 && name == "" && s.node == nil || (key{name: name}).env() == e.key {
			return position{source: e.name}
		}
	}
	if name != "" {
		where, _ := d.file(s, reflect.ValueOf(d.make()).Elem())
		if pos, ok := where[d.path(name)]; ok {
			return pos
		}
		if s.value != nil { // then it is the program's
			return position{}
		}
	}
	return c.position(path(d.name))
}
