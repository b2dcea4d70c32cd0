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
	message := d.message(err)
	e, ok := errors.AsType[*core.ConfigError](err)
	if !ok {
		return d.position(c, "").at(path(d.name), d.scrub(own, err, message))
	}
	reason := strings.TrimPrefix(message, e.Field+": ")
	if key := keyOf(d.config, e.Field); key != "" {
		return d.position(c, key).at(d.path(key), d.scrub(own, err, reason))
	}
	var errs []error
	keys := d.keysOf(e.Field)
	for _, key := range keys {
		if pos := d.place(c, key); pos != (position{}) {
			errs = append(errs, pos.at(d.path(key), d.scrub(own, err, reason+" ("+join(keys)+")")))
		}
	}
	if len(errs) == 0 {
		return d.position(c, "").at(path(d.name), d.scrub(own, err, message))
	}
	return errors.Join(errs...)
}

// keysOf returns the keys of several fields, as a ConfigError names them:
// "User, Token". It returns nil for one field, or if one of them has no key.
func (d *driver) keysOf(fields string) []string {
	list := strings.Split(fields, ", ")
	if len(list) == 1 {
		return nil
	}
	for i, field := range list {
		if list[i] = keyOf(d.config, field); list[i] == "" {
			return nil
		}
	}
	return list
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
// section if the key is empty. It is zero for what a program or a URL gave.
func (d *driver) position(c Config, name string) position {
	s := c.section(d.name)
	switch {
	case name == "" && len(s.env) == 1 && s.node == nil:
		return position{source: s.env[0].name}
	case name != "":
		if pos := d.place(c, name); pos != (position{}) {
			return pos
		}
		if s.value != nil { // then it is the program's
			return position{}
		}
	}
	pos := c.position(path(d.name))
	if name == "" {
		pos.hidden = d.hidden(s)
	}
	return pos
}

// hidden returns the parts of a section's values that come from variables.
func (d *driver) hidden(s *section) *hidden {
	var all hidden
	where, _ := d.file(s, reflect.ValueOf(d.make()).Elem())
	for _, pos := range where {
		if pos.hidden != nil {
			all = append(all, *pos.hidden...)
		}
	}
	if all == nil {
		return nil
	}
	return &all
}

// place returns the line, or the variable, that gave a key of the backend's
// section; the zero position if none did.
func (d *driver) place(c Config, key string) position {
	s := c.section(d.name)
	for _, e := range s.env {
		if envKey(key) == e.key {
			return position{source: e.name}
		}
	}
	where, _ := d.file(s, reflect.ValueOf(d.make()).Elem())
	return where[d.path(key)]
}
