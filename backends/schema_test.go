package backends_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
	"github.com/seed-891a2e1b/tickwork/core"
)

// schema is as much of a JSON schema as tickwork.schema.json uses.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Enum       []any             `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Additional json.RawMessage   `json:"additionalProperties"`
	Defs       map[string]schema `json:"$defs"`
}

func (s schema) types() []string {
	list, many := s.Type.([]any)
	if !many {
		list = []any{s.Type}
	}
	var names []string
	for _, t := range list {
		if name, ok := t.(string); ok && name != "null" {
			names = append(names, name)
		}
	}
	return names
}

func readSchema(t *testing.T) schema {
	t.Helper()
	data, err := os.ReadFile("tickwork.schema.json")
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(data, &s))
	return s
}

// TestTheSchemaSaysWhatConfigSays: every key of the one is a key of the other,
// of the same kind, all the way down.
func TestTheSchemaSaysWhatConfigSays(t *testing.T) {
	root := readSchema(t)
	config := reflect.TypeFor[backends.Config]()
	for name := range root.Properties {
		if _, top := backends.KeysOf(config)[name]; !top {
			assert.Contains(t, backends.SectionNames(), name, "a property of the schema that Load does not take")
		}
	}
	for _, name := range backends.SectionNames() {
		if name == "fakeredis" || name == "queue" { // of tests
			continue
		}
		s, ok := root.Properties[name]
		if assert.True(t, ok, "the section %s is not in the schema", name) && backends.SectionOf(name) != nil {
			same(t, root, s, backends.SectionOf(name), name)
		}
	}
	for name := range root.Properties {
		if _, top := backends.KeysOf(config)[name]; !top {
			delete(root.Properties, name)
		}
	}
	root.Additional = json.RawMessage("false") // the sections of others
	same(t, root, root, config, "Config")
}

func same(t *testing.T, root, s schema, typ reflect.Type, at string) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if s.Ref == "" && typ == reflect.TypeFor[time.Duration]() { // one that may be negative
		assert.Equal(t, []string{"string", "integer"}, s.types(), at)
		return
	}
	if name, ok := cutDef(s.Ref); ok {
		switch name {
		case "duration", "period":
			assert.Equal(t, reflect.TypeFor[time.Duration](), typ, at)
			return
		case "text":
			assert.Equal(t, reflect.String, typ.Kind(), at)
			return
		}
		s, ok = root.Defs[name]
		require.True(t, ok, "%s: the schema has no definition %s", at, name)
	}
	if typ == reflect.TypeFor[core.Misfire]() {
		assert.Equal(t, []any{core.RunLatest.String(), core.SkipMissed.String(), nil}, s.Enum, at)
		typ = reflect.TypeFor[string]()
	}
	if typ == reflect.TypeFor[slog.Level]() {
		assert.Equal(t, []any{"debug", "info", "warn", "error", "DEBUG", "INFO", "WARN", "ERROR", nil}, s.Enum, at)
		typ = reflect.TypeFor[string]()
	}
	switch typ.Kind() {
	case reflect.Struct:
		assert.Equal(t, []string{"object"}, s.types(), at)
		assert.JSONEq(t, "false", string(s.Additional), "%s: unknown keys", at)
		keys := backends.KeysOf(typ)
		for name := range s.Properties {
			assert.Contains(t, keys, name, "%s: the schema has a key that the type has not", at)
		}
		for name, field := range keys {
			p, ok := s.Properties[name]
			if assert.True(t, ok, "%s.%s: the type has a key that the schema has not", at, name) {
				same(t, root, p, field, at+"."+name)
			}
		}
	case reflect.Map:
		assert.Equal(t, []string{"object"}, s.types(), at)
		var value schema
		require.NoError(t, json.Unmarshal(s.Additional, &value), at)
		same(t, root, value, typ.Elem(), at+".*")
	case reflect.Slice:
		assert.Equal(t, []string{"array"}, s.types(), at)
	default:
		want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer"}[typ.Kind()]
		got := s.types()
		if want == "string" && len(got) == 3 { // what YAML reads as something else
			assert.Equal(t, []string{"string", "number", "boolean"}, got, at)
			return
		}
		assert.Equal(t, []string{want}, got, "%s is a %s", at, typ)
	}
}

func cutDef(ref string) (string, bool) {
	const prefix = "#/$defs/"
	if len(ref) <= len(prefix) {
		return "", false
	}
	return ref[len(prefix):], true
}

// TestTheSampleIsOfTheSchema: no key of the sample is missing in the schema.
func TestTheSampleIsOfTheSchema(t *testing.T) {
	root := readSchema(t)
	for _, name := range []string{"backend", "enabled", "namespace", "asynq", "nats", "workers"} {
		assert.Contains(t, root.Properties, name)
	}
	assert.False(t, slices.Contains(backends.Registered(), "workers"))
}
