package backends

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-891a2e1b/tickwork/core"
)

// This file explains YAML that the parser refuses. Nearly always the cause is a text
// without quotes, such as a cron expression: many characters at the beginning of a text
// have a meaning in YAML. An explanation quotes only a cron expression, because any
// other part of the source may hold a password.

// A fault is an error in a line. Its column is the byte at which it begins, counted
// from 1; 0 is the parser's column.
type fault struct {
	reason string
	column int
}

var (
	// inQuotes matches text of the source that the parser quotes.
	inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

	// unquotedCron matches the key cron with a text that is not in quotes.
	unquotedCron = regexp.MustCompile(`(?:^|[\s{,])cron:\s+([^\s"'#{}\[\]&|>][^"'#{}\[\]]*)`)

	// nextKey matches what follows a value inside { }.
	nextKey = regexp.MustCompile(`,\s*(?:[a-z_]+:|$)`)

	// unquoted matches a value that begins with a character that has a meaning in YAML.
	unquoted = regexp.MustCompile("(?:[:,{\\[]|(?:^|\\s)-)\\s+([*&!@`|>%])\\S")

	// colonInside matches a value without quotes that has another "key: " in it.
	colonInside = regexp.MustCompile(`^[^"'{\[#]*?:\s+([^"'{\[#\s]+.*?:)(\s|$)`)
)

// explain returns the fault in a line at which the parser stopped with a message.
func explain(line, message string) fault {
	if m := unquotedCron.FindStringSubmatchIndex(line); m != nil {
		return fault{"the cron expression is not in quotes, and * and @ mean something else in YAML; write cron: " + quotedCron(line[m[2]:m[3]]), m[2] + 1}
	}
	if m := unquoted.FindStringSubmatchIndex(line); m != nil {
		return fault{"a text that begins with " + line[m[2]:m[3]] + " must be in quotes", m[2] + 1}
	}
	says := func(text string) bool { return strings.Contains(message, text) }
	switch {
	case says("'\t'"):
		return fault{reason: "it has a tab here; use spaces"}
	case says("value is not allowed in this context"):
		if m := colonInside.FindStringSubmatchIndex(line); m != nil {
			return fault{`a text with ": " in it must be in quotes`, m[2] + 1}
		}
		return fault{reason: "a value is not allowed here; check the indentation"}
	case says("sequence end token"):
		return fault{reason: "a list that begins with [ has no ]; a text that begins with [ must be in quotes"}
	case says("flow map content"), says("'}' must be specified"):
		return fault{reason: "a mapping in { } has an entry that does not end with , or }; a text that begins with { must be in quotes"}
	case says("undefined alias"):
		return fault{reason: noAnchor}
	}
	return fault{reason: inQuotes.ReplaceAllString(message, `"…"`)}
}

// quotedCron returns a cron expression in quotes. If text is no cron expression it
// returns "…", because text must not be shown.
func quotedCron(text string) string {
	if i := nextKey.FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	text = strings.TrimSpace(text)
	if _, err := core.ParseCron(text); err != nil {
		return `"…"`
	}
	return strconv.Quote(text)
}
