package backends

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A key is a setting that a file, the environment and a URL can give: a field
// of a configuration with a yaml tag.
type key struct {
	name  string // "lease"; "tls.ca" where the field is in a struct
	index []int
}

// env returns what the key is called at the end of a variable's name: TLS_CA.
func (k key) env() string { return envKey(k.name) }

func envKey(name string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	misfireType  = reflect.TypeFor[core.Misfire]()
	levelType    = reflect.TypeFor[slog.Level]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// keysOf returns the keys of a type of configuration, in the order of its fields.
func keysOf(t reflect.Type) ([]key, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	var keys []key
	for _, f := range tagged(t) {
		switch {
		case isText(f.Type):
			keys = append(keys, key{f.name, f.Index})
		case f.Type.Kind() == reflect.Struct:
			inner, err := keysOf(f.Type)
			if err != nil {
				return nil, err
			}
			for _, k := range inner {
				keys = append(keys, key{f.name + "." + k.name, append(f.Index[:len(f.Index):len(f.Index)], k.index...)})
			}
		case f.Type.Kind() == reflect.Slice && isText(f.Type.Elem()):
			keys = append(keys, key{f.name, f.Index})
		default:
			return nil, fmt.Errorf("%s.%s has a yaml tag, and a %s cannot be read from text", t, f.Name, f.Type)
		}
	}
	return keys, nil
}

// names returns the names of keys.
func names(keys []key) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.name
	}
	return list
}

// topKeys are the keys of a file that are not a backend's.
func topKeys() []string {
	var list []string
	for _, f := range tagged(reflect.TypeFor[Config]()) {
		list = append(list, f.name)
	}
	return list
}

// A field is one that has a yaml tag.
type field struct {
	reflect.StructField
	name string
}

func tagged(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" && f.IsExported() {
			fields = append(fields, field{f, name})
		}
	}
	return fields
}

// isText tells whether setText can set a value of the type.
func isText(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == durationType || reflect.PointerTo(t).Implements(textType) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// quotable tells whether a value of the type may stand in quotes in YAML: whether
// it is one by its text, and neither a number nor true or false.
func quotable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.String || t == durationType || t == misfireType || reflect.PointerTo(t).Implements(textType)
}

// unmarshal calls the UnmarshalText method of a backend's own type. It does not show an
// error or a panic of the method, because it may quote the text.
func unmarshal(u encoding.TextUnmarshaler, t reflect.Type, text string) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("cannot be read: the UnmarshalText method of %s panicked", t)
		}
	}()
	if err := u.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("cannot be read as %s", t)
	}
	return nil
}

// setText sets a value from its text. The error says what is wanted, and not
// the text: that is the caller's to show, or not.
func setText(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		elem := reflect.New(v.Type().Elem())
		if err := setText(elem.Elem(), text); err != nil {
			return err
		}
		v.Set(elem)
		return nil
	}
	t := v.Type()
	if t == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("wants a duration with its unit, such as 90s, 10m or 1h30m")
		}
		v.SetInt(int64(d))
		return nil
	}
	if t == misfireType {
		for _, m := range [...]core.Misfire{core.RunLatest, core.SkipMissed} {
			if text == m.String() {
				v.Set(reflect.ValueOf(m))
				return nil
			}
		}
		return fmt.Errorf("wants %s or %s", core.RunLatest, core.SkipMissed)
	}
	if t == levelType {
		for _, level := range [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			if text == level.String() || text == strings.ToLower(level.String()) {
				v.Set(reflect.ValueOf(level))
				return nil
			}
		}
		return errors.New("wants debug, info, warn or error")
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return unmarshal(u, t, text)
	}
	var err error
	switch {
	case t.Kind() == reflect.String:
		v.SetString(text)
	case t.Kind() == reflect.Bool:
		switch text {
		case "true", "True", "TRUE":
			v.SetBool(true)
		case "false", "False", "FALSE":
			v.SetBool(false)
		default:
			err = notBool(text)
		}
	case v.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, t.Bits()); err == nil {
			v.SetInt(n)
		}
	case v.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(text, 10, t.Bits()); err == nil {
			v.SetUint(n)
		}
	default:
		var x float64
		if x, err = strconv.ParseFloat(text, t.Bits()); err == nil {
			v.SetFloat(x)
		}
	}
	if _, ok := errors.AsType[*strconv.NumError](err); ok {
		err = fmt.Errorf("wants a number that fits %s", t.Kind())
	}
	return err
}

// notBool is the error of a text that is neither true nor false. It quotes the text only
// if it is a common word for one of them, such as yes.
func notBool(text string) error {
	switch word := strings.ToLower(text); word {
	case "1", "yes", "on", "y", "t":
		return fmt.Errorf("wants true or false; for %s write true", word)
	case "0", "no", "off", "n", "f":
		return fmt.Errorf("wants true or false; for %s write false", word)
	}
	return errors.New("wants true or false")
}

// setList is setText for a key that is given as one text: the items of a slice
// are divided by commas.
func setList(v reflect.Value, text string) error {
	if v.Kind() != reflect.Slice || isText(v.Type()) {
		return setText(v, text)
	}
	items := strings.Split(text, ",")
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := setText(list.Index(i), strings.TrimSpace(item)); err != nil {
			return fmt.Errorf("item %d %w", i+1, err)
		}
	}
	v.Set(list)
	return nil
}
