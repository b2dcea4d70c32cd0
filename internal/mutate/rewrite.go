package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// runtimeFile is the file that the package under test gets, with runtimeSource.
const runtimeFile = "mutant__runtime.go"

// The variables of the environment.
const (
	envMutant   = "TICKWORK_TEST_MUTANT"           // the number of the mutant; none without it
	envExecuted = "TICKWORK_TEST_MUTANTS_EXECUTED" // a file for the numbers of the mutants whose code is executed
)

// runtimeSource is what the rewritten code calls; %[1]s is the package's name, %[2]d the number of mutants.
const runtimeSource = `package %[1]s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutant__number, _ = strconv.Atoi(os.Getenv("` + envMutant + `"))
	mutant__file      = os.Getenv("` + envExecuted + `")
	mutant__executed  [%[2]d + 1]atomic.Bool
)

func mutant__on(n int) bool {
	if mutant__file != "" && !mutant__executed[n].Swap(true) {
		f, err := os.OpenFile(mutant__file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		f.WriteString(strconv.Itoa(n) + "\n")
		f.Close()
	}
	return n == mutant__number
}

func mutant__arith[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64](n int, minus bool, a, b T) T {
	if mutant__on(n) != minus {
		return a - b
	}
	return a + b
}

func mutant__choose[T any](n int, other, original T) T {
	if mutant__on(n) {
		return other
	}
	return original
}

func mutant__nil[T any](n int, err T) (none T) {
	if mutant__on(n) {
		return none
	}
	return err
}
`

// rewrite numbers the mutants from 1 and returns the package's files, by their names, so that
// they hold all mutants. It leaves out those that do not compile, and returns the rest.
func rewrite(pkg *loaded, all []*mutant) ([]*mutant, map[string][]byte, error) {
	for {
		for i, m := range all {
			m.number = i + 1
		}
		files := map[string][]byte{}
		var spans []extent
		for _, f := range pkg.files {
			own := slices.DeleteFunc(slices.Clone(all), func(m *mutant) bool { return m.file != f })
			text, in := apply(f.text, own)
			files[f.name] = text
			spans = append(spans, in...)
		}
		runtime := filepath.Join(filepath.Dir(pkg.files[0].name), runtimeFile)
		files[runtime] = fmt.Appendf(nil, runtimeSource, pkg.files[0].ast.Name.Name, len(all))
		bad, err := faulty(pkg, files, spans)
		if err != nil {
			return nil, nil, err
		}
		if len(bad) == 0 {
			return all, files, nil
		}
		all = slices.DeleteFunc(slices.Clone(all), func(m *mutant) bool { return bad[m] })
	}
}

// An extent is where a mutant is in a rewritten file.
type extent struct {
	of         *mutant
	start, end int // as offsets
}

// apply makes the mutants' edits. Mutants nest. Where several begin and end, the closing texts come
// first, the inner mutant's before the outer one's, and the opening texts follow, the outer one's first.
// Of two mutants of the same text, the first in the list is the outer one.
func apply(text []byte, mutants []*mutant) ([]byte, []extent) {
	type placed struct {
		edit
		rank int
	}
	var all []placed
	for rank, m := range mutants {
		for _, e := range m.edits {
			all = append(all, placed{e, rank})
		}
	}
	size := func(p placed) int { e := mutants[p.rank].edits; return e[1].start - e[0].start }
	slices.SortStableFunc(all, func(a, b placed) int {
		switch {
		case a.start != b.start:
			return cmp.Compare(a.start, b.start)
		case a.closes && b.closes:
			return cmp.Or(cmp.Compare(size(a), size(b)), cmp.Compare(b.rank, a.rank))
		case a.closes:
			return -1
		case b.closes:
			return 1
		default:
			return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a.rank, b.rank))
		}
	})
	var out []byte
	spans := make([]extent, len(mutants))
	at := 0
	for _, p := range all {
		m := mutants[p.rank]
		out = append(out, text[at:p.start]...)
		if p.edit == m.edits[0] {
			spans[p.rank] = extent{of: m, start: len(out)}
		}
		out = append(out, strings.ReplaceAll(p.text, number, strconv.Itoa(m.number))...)
		if p.closes {
			spans[p.rank].end = len(out)
		}
		at = p.end
	}
	return append(out, text[at:]...), spans
}

// faulty type-checks the rewritten files and returns the mutants that do not compile.
func faulty(pkg *loaded, files map[string][]byte, spans []extent) (map[*mutant]bool, error) {
	fset := token.NewFileSet()
	var parsed []*ast.File
	for name, text := range files {
		file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("a rewritten file is not Go: %w", err)
		}
		parsed = append(parsed, file)
	}
	bad := map[*mutant]bool{}
	var lost error
	blame := func(err error) {
		var failure types.Error
		if !errors.As(err, &failure) {
			lost = err
			return
		}
		at := fset.Position(failure.Pos)
		var guilty []*mutant
		if strings.Contains(failure.Msg, "missing return") {
			guilty = withReturn(fset, parsed, failure.Pos, spans)
		} else if m := innermost(spans, at); m != nil {
			guilty = []*mutant{m}
		}
		if len(guilty) == 0 {
			lost = fmt.Errorf("a rewritten file does not compile: %w", err)
		}
		for _, m := range guilty {
			bad[m] = true
		}
	}
	conf := types.Config{Importer: pkg.imports, Error: blame}
	_, _ = conf.Check(pkg.path, fset, parsed, nil) // blame has each error
	return bad, lost
}

// innermost returns the smallest mutant at a place, nil if there is none.
func innermost(spans []extent, at token.Position) (m *mutant) {
	size := 0
	for _, s := range spans {
		if s.of.file.name == at.Filename && s.start <= at.Offset && at.Offset < s.end && (m == nil || s.end-s.start < size) {
			m, size = s.of, s.end-s.start
		}
	}
	return m
}

// withReturn returns the mutants of the function that ends at a brace that leave out a return or a panic.
func withReturn(fset *token.FileSet, files []*ast.File, brace token.Pos, spans []extent) (all []*mutant) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			body, ok := n.(*ast.BlockStmt)
			if !ok || body.Rbrace != brace {
				return true
			}
			from, to := fset.Position(body.Lbrace), fset.Position(body.Rbrace)
			for _, s := range spans {
				inside := s.of.file.name == from.Filename && s.start > from.Offset && s.end <= to.Offset
				if inside && (s.of.operator == "branch" || s.of.operator == "call") && s.of.after == "" &&
					(strings.Contains(s.of.source(), "return") || strings.Contains(s.of.source(), "panic(")) {
					all = append(all, s.of)
				}
			}
			return true
		})
	}
	return all
}
