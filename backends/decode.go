package backends

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// decoder fills Go values from a document, strictly: what is not a field with a
// yaml tag is an unknown key. It goes on after an error, so that all are told.
//
// It is not the library's own decoder, because that quotes the source in its
// errors, where a password may stand, reads "timeout: 10" as ten nanoseconds,
// and keeps no positions for what is only found wrong later.
type decoder struct {
	*document
	where  places
	secret bool // inside a backend's section: errors do not show values
	errs   []error
}

func (d *decoder) fail(n ast.Node, p path, format string, args ...any) {
	d.errs = append(d.errs, d.position(n).at(p, fmt.Errorf(format, args...)))
}

// value sets v from a node. Null is as if the key were not there.
func (d *decoder) value(n ast.Node, p path, v reflect.Value) {
	r := d.resolve(n)
	if r == nil {
		return
	}
	t := v.Type()
	switch {
	case isText(t):
		d.text(r, p, v)
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		d.value(r, p, v.Elem())
	case t.Kind() == reflect.Slice:
		list, ok := r.(*ast.SequenceNode)
		if !ok {
			d.fail(r, p, "wants a list, got %s", shape(r))
			return
		}
		v.Set(reflect.MakeSlice(t, len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			d.value(item, p.add(strconv.Itoa(i)), v.Index(i))
		}
	case t.Kind() == reflect.Map:
		d.mapping(r, p, func(name string, key, n ast.Node) {
			d.where[p.add(name)] = d.position(key) // also of a name whose value is null: it is there
			elem := reflect.New(t.Elem()).Elem()
			d.value(n, p.add(name), elem)
			if v.IsNil() {
				v.Set(reflect.MakeMap(t))
			}
			v.SetMapIndex(reflect.ValueOf(name), elem)
		})
	default:
		fields := tagged(t)
		d.mapping(r, p, func(name string, key, n ast.Node) {
			for _, f := range fields {
				if f.name == name {
					d.value(n, p.add(name), v.FieldByIndex(f.Index))
					return
				}
			}
			known := make([]string, len(fields))
			for i, f := range fields {
				known[i] = f.name
			}
			if d.secret && maySplit(r, known) && meant(name, known) == "" {
				d.fail(key, p, "has an unknown key, which is not shown, because it may be a part of a password: a text with a comma, a colon or a bracket must be in quotes; known are %s", join(known))
				return
			}
			d.unknown(key, p, name, known)
		})
	}
}

func (d *decoder) text(n ast.Node, p path, v reflect.Value) {
	text, ok := scalar(n)
	if !ok {
		d.fail(n, p, "wants one value, got %s", shape(n))
		return
	}
	value, hide, err := d.expandText(text)
	if hide != nil {
		d.hide(p, hide)
	}
	if err == nil {
		err = setText(v, trimLineEnd(value))
	}
	if err == nil && quoted(n) && !quotable(v.Type()) && value == text {
		err = errors.New("wants it without quotes")
	}
	if err != nil {
		if !d.secret {
			err = fmt.Errorf("%w, got %q", err, clip(text)) // the text as it is in the file, with the name of a variable and not its value
		}
		d.fail(n, p, "%w", err)
	}
}

// hide makes the errors of a key, or of the list that it is in, hide the values that
// come from variables.
func (d *decoder) hide(p path, hide *hidden) {
	if _, ok := d.where[p]; !ok {
		p = p[:max(strings.LastIndex(string(p), pathSep), 0)]
	}
	if pos, ok := d.where[p]; ok {
		if pos.hidden != nil {
			hide = new(append(slices.Clip(*pos.hidden), *hide...))
		}
		pos.hidden = hide
		d.where[p] = pos
	}
}

// mapping calls each for every entry of a mapping, with its key's name, and
// records where it stands. A key that is there twice is an error.
func (d *decoder) mapping(n ast.Node, p path, each func(name string, key, value ast.Node)) {
	list, ok := pairs(n)
	if !ok {
		d.fail(n, p, "wants a mapping, as in \"key: value\", got %s", shape(n))
		return
	}
	seen := make(map[string]position, len(list))
	for _, pair := range list {
		name, ok := scalar(d.resolve(pair.Key))
		if _, merge := pair.Key.(*ast.MergeKeyNode); merge || !ok {
			d.fail(pair.Key, p, "a key must be a plain word; merging with << is not supported")
			continue
		}
		if pair.Start != nil && pair.Start.Type != token.MappingValueType { // not shown: it may be a part of a password
			d.fail(pair.Key, p, "an entry has no colon; inside { } a text with a comma must be in quotes")
			continue
		}
		if first, twice := seen[name]; twice && d.secret && inBraces(n) {
			d.fail(pair.Key, p, "has a key twice, first in line %d", first.line)
			continue
		} else if twice {
			d.fail(pair.Key, p.add(name), "is given twice, first in line %d", first.line)
			continue
		}
		seen[name] = d.position(pair.Key)
		if d.resolve(pair.Value) != nil {
			d.where[p.add(name)] = seen[name]
		}
		each(name, pair.Key, pair.Value)
	}
}

func (d *decoder) unknown(key ast.Node, p path, name string, known []string) {
	d.fail(key, p.add(clip(name)), "unknown key%s", knownAre(name, known))
}

// maySplit returns whether a password that is not in quotes may have become keys of
// a mapping: one in braces that has keys for secrets.
func maySplit(n ast.Node, keys []string) bool {
	return inBraces(n) && slices.ContainsFunc(keys, func(key string) bool { return key == "url" || access.IsSecret(key) })
}

func inBraces(n ast.Node) bool {
	m, ok := n.(*ast.MappingNode)
	return ok && m.IsFlowStyle
}

// knownAre says which names there are, or the one that must have been meant.
func knownAre(name string, known []string) string {
	if m := meant(name, known); m != "" {
		return m
	}
	if len(known) == 0 {
		return "; there are none here"
	}
	return "; known are " + join(known)
}

// err returns the errors so far as one.
func (d *decoder) err() error { return errors.Join(d.errs...) }

// clip shortens a text for an error. It hides a URL, which may have a password.
func clip(text string) string {
	const limit = 100
	if strings.Contains(text, "://") || strings.LastIndexByte(text, '@') > 0 {
		return "(a URL, which is not shown)"
	}
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
