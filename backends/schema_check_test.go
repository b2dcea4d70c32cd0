package backends_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/backends"
)

// TestTheSchemaAndLoadAgree: what the one refuses, an editor or Load, the other
// does too.
func TestTheSchemaAndLoadAgree(t *testing.T) {
	data, err := os.ReadFile("tickwork.schema.json")
	require.NoError(t, err)
	v := validator{t: t}
	require.NoError(t, json.Unmarshal(data, &v.root))
	for _, c := range []struct {
		content string
		good    bool
	}{
		{sample, true},
		// Null is as good as nothing, everywhere.
		{"", true},
		{"{backend: ~, enabled: ~, namespace: ~, native: ~, gocron: ~, asynq: ~, nats: ~, workers: ~}", true},
		{"asynq: {url: ~, lease: ~, concurrency: ~, poll: ~, retention: ~}", true},
		{"nats: {url: ~, user: ~, password: ~, token: ~, creds: ~, nkey: ~, tls: ~, replicas: ~, storage: ~, lease: ~}", true},
		{"{gocron: {tags: ~}, nats: {tls: {ca: ~, cert: ~, key: ~}}}", true},
		{"gocron: {tags: [~, 1, true, a]}", true},
		{"workers: {a: ~}", true},
		{"workers: {a: {retry: ~}}", true},
		{"workers: {a: {every: ~, offset: ~, cron: ~, timezone: ~, delay: ~, timeout: ~, retry: ~, jitter: ~, misfire: ~, max_late: ~, run_on_start: ~, enabled: ~}}", true},
		{"workers: {a: {retry: {attempts: ~, backoff: ~, max_backoff: ~}}}", true},
		{"workers: {a: {every: 1h, cron: ~, delay: ~}}", true},
		{"workers: {a: {every: ~, offset: 1s}}", false},
		{"workers: {a: {cron: ~, timezone: UTC}}", true}, // of the program's cron
		{"workers: {a: {cron: ~, timezone: ''}}", false},
		{"workers: {a: {retry: {backoff: ~, max_backoff: 1s}}}", false},
		{"workers: {a: {misfire: ~, max_late: 1s}}", true},
		// A period is longer than zero, and other durations may be zero.
		{"workers: {a: {every: 0s}}", false},
		{"workers: {a: {every: 0}}", false},
		{"workers: {a: {every: '0'}}", false},
		{"workers: {a: {every: 0h0.0s}}", false},
		{"workers: {a: {delay: 0s}}", false},
		{"workers: {a: {every: 0h0.5s}}", true},
		{"workers: {a: {every: .5s}}", true},
		{"workers: {a: {every: +1h30m}}", true},
		{"workers: {a: {every: 20µs, offset: 0}}", true},
		{"workers: {a: {every: 1h, offset: -.5h}}", true},
		{"workers: {a: {every: 10}}", false},
		{"workers: {a: {every: -1h}}", false},
		{"workers: {a: {every: 1 h}}", false},
		{"workers: {a: {timeout: 0, jitter: 0s, max_late: '0'}}", true},
		{"workers: {a: {timeout: -1s}}", false},
		{"workers: {a: {timeout: 10}}", false},
		{"workers: {a: {retry: {attempts: 1, backoff: 1s, max_backoff: 2s}}}", true},
		{"workers: {a: {retry: {attempts: 0}}}", false},
		{"workers: {a: {retry: {backoff: 0s}}}", false},
		{"workers: {a: {retry: {backoff: 1s, max_backoff: 0s}}}", false},
		{"workers: {a: {retry: {max_backoff: 0s}}}", false},
		// A text may look like something else.
		{"namespace: 123", true},
		{"namespace: 1.50", true},
		{"namespace: true", true},
		{"namespace: a b", false},
		{"namespace: [a]", false},
		{"nats: {user: 1, password: 2.50, token: true}", true},
		{"nats: {user: {a: b}}", false},
		// And what looks like it may be a text.
		{"backend: ''", false},
		{"namespace: ''", true},
		{"enabled: 'true'", false},
		{"enabled: True", true},
		{"enabled: |-\n  true", false},
		{"nats: {replicas: '3'}", false},
		{"workers: {a: {enabled: \"false\"}}", false},
		{"workers: {a: {run_on_start: 'true'}}", false},
		{"workers: {a: {retry: {attempts: '3'}}}", false},
		{"workers: {a: {cron: '@daily', timeout: '1m'}}", true},
		// One schedule, and what goes with it.
		{"workers: {a: {every: 1h, cron: '@daily'}}", false},
		{"workers: {a: {every: 1h, delay: 1h}}", false},
		{"workers: {a: {delay: 1h, cron: '@daily'}}", false},
		{"workers: {a: {every: 1h, timezone: UTC}}", false},
		{"workers: {a: {delay: 1h, timezone: UTC}}", false},
		{"workers: {a: {cron: '@daily', timezone: ''}}", false},
		{"workers: {a: {cron: '@daily', timezone: Local}}", false},
		{"workers: {a: {cron: ''}}", false},
		{"workers: {a: {misfire: skip-missed, max_late: 1s}}", false},
		{"workers: {a: {misfire: run-latest, max_late: 1s}}", true},
		{"workers: {a: {misfire: skip}}", false},
		{"workers: {a: {evry: 1h}}", false},
		// Options.
		{"{instance: ~, max_concurrent: ~, stop_grace: ~, connect_timeout: ~, log_level: ~}", true},
		{"{instance: 7, max_concurrent: 0, stop_grace: 0, connect_timeout: 1s, log_level: debug}", true},
		{"instance: ''", false},
		{"max_concurrent: -1", false},
		{"max_concurrent: '1'", false},
		{"stop_grace: -1s", false},
		{"connect_timeout: 0s", false},
		{"log_level: WARN", true},
		{"log_level: Warn", false},
		{"log_level: verbose", false},
		// Variables.
		{"{backend: \"${V:-native}\", namespace: \"a${V:-b}\", instance: \"${V:-x}\"}", true},
		{"{stop_grace: \"${V:-1s}\", connect_timeout: \"${V:-1s}\", asynq: {lease: \"${V:-5s}\"}}", true},
		{"workers: {a: {every: \"${V:-1h}\", offset: \"${V:--1m}\", timeout: \"${V:-0}\"}}", true},
		{"native: {x: 1}", false},
		{"native: 1", false},
		{"enabled: maybe", false},
		{"[1]", false},
	} {
		_, err := backends.LoadFrom("f", c.content)
		assert.Equal(t, c.good, err == nil, "Load of %s: %v", c.content, err)
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(c.content), &value), c.content)
		why := v.check(v.root, value, "")
		assert.Equal(t, c.good, why == "", "the schema, of %s: %s", c.content, why)
	}
}

// A validator checks values against a JSON schema: as much of one as
// tickwork.schema.json uses, and it fails at anything else.
type validator struct {
	t    *testing.T
	root map[string]any
}

// check returns why the value is refused; nothing where it is not.
func (v validator) check(schema any, value any, at string) (why string) {
	if allowed, ok := schema.(bool); ok {
		if !allowed {
			return at + " is not allowed"
		}
		return ""
	}
	s := schema.(map[string]any)
	for keyword, arg := range s {
		if why := v.keyword(s, keyword, arg, value, at); why != "" {
			return why
		}
	}
	return ""
}

func (v validator) keyword(s map[string]any, keyword string, arg, value any, at string) string {
	object, isObject := value.(map[string]any)
	text, isText := value.(string)
	bad := func(is bool) string {
		if is {
			return fmt.Sprintf("%s: %s %v: %v", at, keyword, arg, value)
		}
		return ""
	}
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "default", "examples":
	case "$ref":
		name, ok := cutDef(arg.(string))
		require.True(v.t, ok, arg)
		def, ok := v.root["$defs"].(map[string]any)[name]
		require.True(v.t, ok, arg)
		return v.check(def, value, at)
	case "type":
		names, many := arg.([]any)
		if !many {
			names = []any{arg}
		}
		return bad(!slices.ContainsFunc(names, func(name any) bool { return isOf(value, name.(string)) }))
	case "enum":
		return bad(!slices.ContainsFunc(arg.([]any), func(x any) bool { return equal(x, value) }))
	case "const":
		return bad(!equal(arg, value))
	case "pattern":
		return bad(isText && !regexp.MustCompile(arg.(string)).MatchString(text))
	case "minLength":
		return bad(isText && float64(len(text)) < arg.(float64))
	case "minimum", "maximum":
		n, ok := number(value)
		return bad(ok && (keyword == "minimum" && n < arg.(float64) || keyword == "maximum" && n > arg.(float64)))
	case "required":
		for _, name := range arg.([]any) {
			if _, has := object[name.(string)]; isObject && !has {
				return bad(true)
			}
		}
	case "properties":
		for name, p := range arg.(map[string]any) {
			if x, has := object[name]; has {
				if why := v.check(p, x, at+"."+name); why != "" {
					return why
				}
			}
		}
	case "additionalProperties":
		known, _ := s["properties"].(map[string]any)
		for name, x := range object {
			if _, has := known[name]; !has {
				if why := v.check(arg, x, at+"."+name); why != "" {
					return why
				}
			}
		}
	case "propertyNames":
		for name := range object {
			if why := v.check(arg, name, at); why != "" {
				return why
			}
		}
	case "items":
		list, _ := value.([]any)
		for _, x := range list {
			if why := v.check(arg, x, at+"[]"); why != "" {
				return why
			}
		}
	case "not":
		return bad(v.check(arg, value, at) == "")
	case "allOf", "anyOf":
		var whys []string
		for _, x := range arg.([]any) {
			if why := v.check(x, value, at); why != "" {
				whys = append(whys, why)
			}
		}
		if keyword == "allOf" && len(whys) > 0 || len(whys) == len(arg.([]any)) {
			return strings.Join(whys, "; ")
		}
	default:
		require.Fail(v.t, "the schema uses what this test does not know", keyword)
	}
	return ""
}

// isOf tells whether a value is of a type by its name in JSON schema.
func isOf(value any, name string) bool {
	n, isNumber := number(value)
	switch name {
	case "null":
		return value == nil
	case "number":
		return isNumber
	case "integer":
		return isNumber && n == float64(int64(n))
	}
	kind := map[string]reflect.Kind{"object": reflect.Map, "array": reflect.Slice, "string": reflect.String, "boolean": reflect.Bool}[name]
	return value != nil && reflect.TypeOf(value).Kind() == kind
}

func number(value any) (n float64, ok bool) {
	switch x := reflect.ValueOf(value); {
	case x.CanInt():
		return float64(x.Int()), true
	case x.CanUint():
		return float64(x.Uint()), true
	case x.CanFloat():
		return x.Float(), true
	}
	return 0, false
}

func equal(a, b any) bool {
	m, isNumber := number(a)
	n, both := number(b)
	return isNumber && both && m == n || reflect.DeepEqual(a, b)
}
