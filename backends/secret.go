package backends

import (
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// scrub returns an error with the message, out of which it strikes the passwords
// of a backend's configuration, and of further texts. It is the second line:
// what backends say should have none.
func (d *driver) scrub(cfg any, err error, message string, texts ...string) error {
	// net/url and those who quote it show the part of a URL that they could
	// not read, and that may be half a password.
	if e, ok := errors.AsType[*url.Error](err); ok && e.Op == "parse" {
		return access.Reworded(err, "a URL cannot be read; "+access.Advice)
	}
	message = userinfo.ReplaceAllString(message, "//"+access.Struck+"@")
	for _, s := range append(d.secrets(cfg), credentials(texts...)...) {
		message = strike(message, s)
	}
	if message == err.Error() {
		return err
	}
	return access.Reworded(err, message)
}

// userinfo matches what stands before the @ of a URL.
var userinfo = regexp.MustCompile(`//[^/\s"'` + "`" + `]*@`)

// strike strikes a secret out of a text. A short one, such as "on", is in many
// words: it is struck where it stands as a value does, in quotes or after = or :.
func strike(text, secret string) string {
	const short = 4
	if len(secret) >= short {
		return access.Strike(strings.ReplaceAll(text, secret, access.Struck), secret)
	}
	value := regexp.MustCompile(`(["'` + "`" + `=:])` + regexp.QuoteMeta(secret) + `([^\pL\pN]|$)`)
	return value.ReplaceAllString(text, "${1}"+access.Struck+"${2}")
}

// secrets returns the texts in a configuration that must not be shown: the
// values of keys with a name such as password, unless the field has the tag
// secret:"false", and the part before the @ of a URL.
func (d *driver) secrets(cfg any) []string {
	var list []string
	for _, k := range d.keys {
		for _, text := range textsOf(reflect.ValueOf(cfg).Elem().FieldByIndex(k.index)) {
			if access.IsSecret(k.name) && d.config.FieldByIndex(k.index).Tag.Get("secret") != "false" {
				list = append(list, text)
			}
			list = append(list, credentials(text)...)
		}
	}
	return list
}

func textsOf(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			return []string{v.String()}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return textsOf(v.Elem())
		}
	case reflect.Slice:
		var list []string
		for i := range v.Len() {
			list = append(list, textsOf(v.Index(i))...)
		}
		return list
	}
	return nil
}

// credentials returns what stands before the @ in texts that are URLs, or lists
// of them: the whole, the password, and both decoded.
func credentials(texts ...string) []string {
	var list []string
	add := func(s string) {
		if s == "" {
			return
		}
		list = append(list, s)
		if plain, err := url.PathUnescape(s); err == nil && plain != s {
			list = append(list, plain)
		}
	}
	for _, text := range texts {
		for _, u := range append(strings.Split(text, ","), text) {
			at := strings.LastIndexByte(u, '@')
			if at < 0 {
				continue
			}
			user := u[:at]
			if _, rest, ok := strings.Cut(user, "://"); ok {
				user = rest
			}
			add(user)
			if _, password, ok := strings.Cut(user, ":"); ok {
				add(password)
			}
		}
	}
	return list
}
