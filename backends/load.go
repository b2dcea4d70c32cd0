package backends

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Load reads a configuration from a YAML file and then from the environment,
// whose variables come over what the file says. An empty path is no file: the
// environment alone.
//
// What it can know to be wrong is an error, with the file and the line: a key
// that nothing has, one that is given twice, a value of the wrong kind or out
// of range, two schedules for one worker. It tells of all such errors at once;
// errors.As finds the first as an *Error. Whether the backend is registered, and
// what its section says in range, is for Open to say, since the program may add
// to it with Set; and whether the workers are added, for Start. They tell the
// line, too.
//
// # Variables in the file
//
// In a value ${NAME} stands for the variable NAME of the environment, which must be
// set and not empty. ${NAME:-default} stands for the default if NAME is not set or
// empty. $$ stands for a $; any other $ is a $. Variables are not replaced in keys. In
// { } and [ ] put such a value in quotes. Errors show the variable's name and not its
// value. In a URL the value must be percent-encoded; it is simpler to use the key
// password.
//
// # The environment
//
// TICKWORK_BACKEND is the key backend, and so for enabled, namespace, instance,
// max_concurrent, stop_grace, connect_timeout and log_level. TICKWORK_ASYNQ_URL is
// the key url in the section asynq, and so for every key of every backend; the
// items of a list are divided by commas. TICKWORK_WORKERS is YAML, such as
// {delete-old-logs: {every: 2h}}; what it gives of a worker comes over what the
// file gives. A variable that is empty is as good as none. A line end after a
// value, here and in the file, is left out: mounted secrets often have one.
//
// Any other variable that begins with TICKWORK_ is an error, which says what it
// was probably meant to be. Exempt are those that the file refers to, which are
// settings all the same if they have the name of one; those that Kubernetes makes
// for a service called tickwork-…; those for a backend of tickwork's that the
// program has not imported; and those of tickwork's own tests and examples:
// TICKWORK_TEST_…, TICKWORK_CONFORMANCE_…, TICKWORK_EXAMPLE_…,
// TICKWORK_REQUIRE_SERVERS, TICKWORK_WALL_CLOCK, TICKWORK_REPORT, TICKWORK_SEEDS,
// TICKWORK_FIRST_SEED, TICKWORK_HISTORIES and TICKWORK_CHAOS_LOSES.
func Load(path string) (Config, error) {
	if path == "" {
		return load("", nil, os.Environ())
	}
	file, err := os.Open(path)
	return loadFile(path, file, err)
}

// LoadFS is Load with the file from a file system, such as an embed.FS.
func LoadFS(fsys fs.FS, path string) (Config, error) {
	file, err := fsys.Open(path)
	return loadFile(path, file, err)
}

// loadFile loads an open file, or returns the error of opening it. It reads no more
// than the limit for a configuration.
func loadFile(path string, file fs.File, err error) (Config, error) {
	if err != nil {
		return Config{}, unreadable(path, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return Config{}, unreadable(path, err)
	}
	if len(data) > maxSize {
		size := int64(-1)
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		return Config{}, &Error{Source: path, Err: tooLarge(size)}
	}
	return load(path, data, os.Environ())
}

func unreadable(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // path is said already
	}
	return &Error{Source: path, Err: fmt.Errorf("cannot be read: %w", err)}
}

func load(source string, data []byte, environ []string) (Config, error) {
	doc, err := parse(source, data)
	if err != nil {
		return Config{}, err
	}
	doc.expand(data, environ)
	d := &decoder{document: doc, where: make(places)}
	c := Config{where: &d.where}
	if doc.body != nil {
		d.config(&c)
	}
	d.errs = append(d.errs, c.environment(environ, doc.referred)...)
	if len(d.errs) == 0 {
		d.errs = append(d.errs, c.validate()...)
	}
	d.errs = append(d.errs, c.checkSections()...)
	if len(d.errs) > 0 {
		return Config{}, d.err()
	}
	loaded := c
	loaded.sections, loaded.where, loaded.Workers = nil, nil, maps.Clone(c.Workers)
	c.loaded = &loaded
	return c, nil
}

// config fills in what a file says.
func (d *decoder) config(c *Config) {
	top := tagged(reflect.TypeFor[Config]())
	v := reflect.ValueOf(c).Elem()
	d.mapping(d.resolve(d.body), "", func(name string, key, n ast.Node) {
		for _, f := range top {
			if f.name == name {
				d.value(n, path(name), v.FieldByIndex(f.Index))
				return
			}
		}
		switch {
		case !slices.Contains(sectionNames(), name):
			known := append(topKeys(), sectionNames()...)
			if _, mistyped := closest(name, known); mistyped {
				d.unknown(key, "", name, known)
				return
			}
			d.fail(key, path(clip(name)), "unknown key%s; the section of a backend needs its package imported", knownAre(name, known))
		case d.resolve(n) == nil: // an empty section
			c.setSection(name, &section{})
		default:
			if _, ok := pairs(d.resolve(n)); !ok {
				d.fail(n, path(name), "wants a mapping, as in \"key: value\", got %s", shape(d.resolve(n)))
				return
			}
			c.setSection(name, &section{doc: d.document, node: n})
		}
	})
}

// sectionNames are the names of the backends that are registered, and of ours.
func sectionNames() []string {
	all := append(Registered(), slices.Sorted(maps.Keys(ours))...)
	slices.Sort(all)
	return slices.Compact(all)
}

// checkSections decodes the sections of the backends that are registered, also
// of those that are not chosen: the word that chooses them may come later. A
// section for one that is not is a file's, or a program's mistake.
func (c Config) checkSections() []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.sections)) {
		d := drivers.named(name)
		if d == nil {
			if c.section(name).value != nil {
				errs = append(errs, &Error{Err: fmt.Errorf("Config.Set: %w", unknownBackend(name))})
			}
			continue
		}
		if _, err := d.decode(c); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
