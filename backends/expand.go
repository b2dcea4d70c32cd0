package backends

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// This file puts variables of the environment into the values of a file, with the
// syntax of Docker Compose: ${NAME}, ${NAME:-default}, and $$ for a $.

var (
	// reference matches $$, and ${ with what follows it. The text after the name is group 2.
	reference = regexp.MustCompile(`\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)?([^}]*)(\}?)`)

	// mention matches the name in a reference.
	mention = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)`)
)

// expand gives doc the values of the variables that it refers to.
func (doc *document) expand(data []byte, environ []string) {
	doc.referred = make(map[string]bool)
	for _, m := range mention.FindAllSubmatch(data, -1) {
		doc.referred[string(m[1])] = true
	}
	values := make(map[string]string)
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); doc.referred[name] {
			values[name] = trimLineEnd(value)
		}
	}
	doc.variables = values
}

// expandText returns a text of doc with its variables replaced by their values, and the
// values to hide; nil for none. The error names the variable and shows no value.
func (doc *document) expandText(text string) (string, *hidden, error) {
	if doc.variables == nil || !strings.Contains(text, "$") {
		return text, nil, nil
	}
	var errs []error
	var used hidden
	value := reference.ReplaceAllStringFunc(text, func(ref string) string {
		if ref == "$$" {
			return "$"
		}
		m := reference.FindStringSubmatch(ref)
		name, rest, closed := m[1], m[2], m[3] != ""
		fallback, hasFallback := strings.CutPrefix(rest, ":-")
		switch {
		case !closed || name == "" || rest != "" && !hasFallback || strings.Contains(fallback, "${"):
			errs = append(errs, errors.New("has a ${ that does not begin ${NAME} or ${NAME:-default}; write $${ for the text ${"))
		case doc.variables[name] != "":
			used = append(used, variable{name: name, value: doc.variables[name]})
			return doc.variables[name]
		case !hasFallback:
			errs = append(errs, fmt.Errorf("refers to the variable %s, which is not set or is empty; set it, or write ${%s:-} if it may be empty", name, name))
		}
		return strings.ReplaceAll(fallback, "$$", "$")
	})
	if used == nil {
		return value, nil, errors.Join(errs...)
	}
	return value, &used, errors.Join(errs...)
}

// hidden has variables. Their values may be secrets and must not be shown.
type hidden []variable

// from returns an error with ${NAME} in place of the value of each variable. It also
// strikes out parts of the values.
func (h *hidden) from(err error) error {
	if h == nil {
		return err
	}
	message := messageOf(err)
	shown := message
	for _, v := range *h {
		shown = strings.ReplaceAll(shown, v.value, "${"+v.name+"}")
	}
	for _, v := range *h {
		shown = strike(shown, v.value)
	}
	if shown == message {
		return err
	}
	return access.Reworded(err, shown)
}
