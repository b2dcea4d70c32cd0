package backends

import (
	"reflect"

	"github.com/seed-891a2e1b/tickwork/core"
)

// LoadFrom is Load of a content, with an environment.
func LoadFrom(source, data string, environ ...string) (Config, error) {
	return load(source, []byte(data), environ)
}

// Wrapped puts around a manager what Open does where there are overrides.
func Wrapped(m core.Manager) core.Manager { return newManager(m, Config{}) }

// KeysOf returns the keys of a struct's fields, as a file has them, and the
// types of the fields.
func KeysOf(t reflect.Type) map[string]reflect.Type {
	keys := make(map[string]reflect.Type)
	for _, f := range tagged(t) {
		keys[f.name] = f.Type
	}
	return keys
}

// SectionOf returns the type of a registered backend's configuration, or nil.
func SectionOf(name string) reflect.Type {
	if d := drivers.named(name); d != nil {
		return d.config
	}
	return nil
}

// Struck returns an error of the backend "fakeredis" as people see it.
func Struck(cfg any, err error) error {
	p := reflect.New(reflect.TypeOf(cfg))
	p.Elem().Set(reflect.ValueOf(cfg))
	return drivers.named("fakeredis").scrub(p.Interface(), err, err.Error())
}

// SectionNames returns what Load takes for the name of a section.
func SectionNames() []string { return sectionNames() }

// Unregister takes a registered backend away, until it is called back.
func Unregister(name string) (back func()) {
	drivers.Lock()
	defer drivers.Unlock()
	d := drivers.byName[name]
	delete(drivers.byName, name)
	for _, scheme := range d.schemes {
		delete(drivers.byScheme, scheme)
	}
	return func() { drivers.add(d) }
}
