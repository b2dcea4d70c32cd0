package backends

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxSize is the size of the largest file, in bytes: what is larger is no
// configuration.
const maxSize = 1 << 20

// maxNested is how deep brackets may be nested: no key is ten levels deep.
const maxNested = 100

// A document is a parsed file, or the value of a variable.
type document struct {
	source  string
	body    ast.Node // nil where it is empty
	anchors map[string]ast.Node
	unused  map[string]ast.Node // anchors of texts without quotes to which no alias refers
	errs    []error             // of Visit

	referred  map[string]bool   // the names of the variables that its texts refer to
	variables map[string]string // the values of those that are set; nil if references are not replaced
}

// parse reads one YAML document. The errors name the line and do not quote it:
// a password may stand there.
func parse(source string, data []byte) (doc *document, err error) {
	pos := position{source: source}
	if len(data) > maxSize {
		return nil, pos.at("", tooLarge(int64(len(data))))
	}
	if data = bytes.TrimPrefix(data, []byte("\ufeff")); !utf8.Valid(data) {
		return nil, pos.at("", errors.New("is not text in UTF-8"))
	}
	defer func() { // the parser is somebody else's
		if p := recover(); p != nil {
			doc, err = nil, pos.at("", errors.New("is not YAML: the parser gave up on it"))
		}
	}()
	tokens := lexer.Tokenize(string(data) + "\n") // it loses a tag at the end of the last line
	if t, ok := tooDeep(tokens); ok {
		return nil, pos.of(t).at("", errors.New("is nested deeper than any configuration"))
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // the decoder refuses them
	if err != nil {
		var bad interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &bad) {
			pos = pos.of(bad.GetToken())
			why := explain(lineOf(data, pos.line), bad.GetMessage())
			pos.column = cmp.Or(why.column, pos.column)
			return nil, pos.at("", fmt.Errorf("is not YAML: %s", why.reason))
		}
		return nil, pos.at("", errors.New("is not YAML"))
	}
	doc = &document{source: source, anchors: make(map[string]ast.Node), unused: make(map[string]ast.Node)}
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.NullType || d.Body.Type() == ast.CommentType {
			continue
		}
		if doc.body != nil {
			return nil, doc.position(d.Body).at("", errors.New("a second document begins here, after ---; there can be one"))
		}
		doc.body = d.Body
		ast.Walk(doc, d.Body)
	}
	for _, n := range doc.unused {
		doc.errs = append(doc.errs, doc.position(n).at("", errors.New("no alias (*) refers to this anchor (&); a text that begins with & must be in quotes")))
	}
	return doc, errors.Join(doc.errs...)
}

// tooLarge is the error of a file with more than maxSize bytes. A negative size is
// unknown.
func tooLarge(size int64) error {
	if size < 0 {
		return fmt.Errorf("is too large for a configuration: it has more than %d bytes (1 MiB)", maxSize)
	}
	return fmt.Errorf("is too large for a configuration: it has %d bytes, and the limit is %d (1 MiB)", size, maxSize)
}

// lineOf returns a line by its number, counted from 1.
func lineOf(data []byte, n int) string {
	for line := range bytes.Lines(data) {
		if n--; n == 0 {
			return strings.TrimRight(string(line), "\r\n")
		}
	}
	return ""
}

// noAnchor is the error of an alias that has no anchor.
const noAnchor = "an alias (*) has no anchor (&) above it; a text that begins with * must be in quotes"

// Visit gathers the anchors, and refuses what is more likely a text that should
// have been in quotes, such as a password that begins with & or * or !.
func (doc *document) Visit(n ast.Node) ast.Visitor {
	refuse := func(reason string) {
		doc.errs = append(doc.errs, doc.position(n).at("", errors.New(reason)))
	}
	switch x := n.(type) {
	case *ast.AnchorNode:
		if nameOf(x.Name) == "" || doc.resolve(x.Value) == nil {
			refuse("an anchor (&) has no value; a text that begins with & must be in quotes")
			return nil
		}
		doc.anchors[nameOf(x.Name)] = x.Value
		if _, text := scalar(x.Value); text && !quoted(x.Value) {
			doc.unused[nameOf(x.Name)] = x
		}
	case *ast.AliasNode:
		if doc.anchors[nameOf(x.Value)] == nil {
			refuse(noAnchor)
		}
		delete(doc.unused, nameOf(x.Value))
	case *ast.TagNode:
		refuse("tags are not supported; a text that begins with ! must be in quotes")
	}
	return doc
}

// nameOf returns the name of an anchor or an alias.
func nameOf(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// resolve follows anchors and aliases to the node that has the value. It returns
// nil for one that is null.
func (doc *document) resolve(n ast.Node) ast.Node {
	for range maxNested {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			n = doc.anchors[nameOf(x.Value)]
		case *ast.MappingKeyNode:
			n = x.Value
		case nil, *ast.NullNode, *ast.CommentNode, *ast.CommentGroupNode:
			return nil
		default:
			return n
		}
	}
	return nil
}

// pairs returns the entries of a mapping; ok is false for what is none.
func pairs(n ast.Node) (list []*ast.MappingValueNode, ok bool) {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{x}, true
	}
	return nil, false
}

// scalar returns the text of a node that is one.
func scalar(n ast.Node) (text string, ok bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		if x.Value == nil {
			return "", true
		}
		return x.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		if t := n.GetToken(); t != nil {
			return t.Value, true
		}
	}
	return "", false
}

// quoted tells whether a scalar is a text to every reader of YAML.
func quoted(n ast.Node) bool {
	if _, block := n.(*ast.LiteralNode); block {
		return true
	}
	t := n.GetToken()
	return t != nil && (t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType)
}

// shape says what a node is, for people.
func shape(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	}
	return "one value"
}

// position returns where a node stands. A mapping stands where its first key does.
func (doc *document) position(n ast.Node) position {
	if list, ok := pairs(n); ok && len(list) > 0 && list[0].Key != nil {
		n = list[0].Key
	}
	pos := position{source: doc.source}
	if n == nil {
		return pos
	}
	return pos.of(n.GetToken())
}

// of returns the position of a token in the same source.
func (pos position) of(t *token.Token) position {
	if t != nil && t.Position != nil {
		pos.line, pos.column = t.Position.Line, t.Position.Column
	}
	return pos
}

// tooDeep returns the token at which the parser, which is recursive and takes
// time quadratic in the depth, would be more than maxNested levels deep.
func tooDeep(tokens token.Tokens) (*token.Token, bool) {
	flow, inLine, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, inLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.MappingValueType:
			inLine++
		}
		if flow > maxNested || inLine > 10*maxNested {
			return t, true
		}
	}
	return nil, false
}
