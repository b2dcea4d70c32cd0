package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A mutant is one fault.
type mutant struct {
	number   int    // what TICKWORK_TEST_MUTANT selects; set once all mutants are known
	id       string // stable, see the package's comment
	operator string
	file     *source
	line     int
	before   string // the source that the fault is in, on one line
	after    string // the same with the fault

	edits []edit // what makes the file hold the fault as well as the original: first what opens, then what closes
}

// number stands for a mutant's number in an edit's text. Go source cannot contain it.
const number = "\x00"

// An edit replaces text of a file.
type edit struct {
	start, end int // as offsets; nothing is replaced if they are the same
	text       string
	closes     bool // it closes what another edit of the same mutant opened
}

// Names in the package under test, see runtimeSource.
const (
	isOn     = "mutant__on(" + number + ")"
	fnArith  = "mutant__arith"
	fnChoose = "mutant__choose"
	fnNil    = "mutant__nil"
)

// A finder walks a file and collects its mutants.
type finder struct {
	pkg   *loaded
	file  *source
	found []*mutant
	count map[string]int // of mutants, by id without the ordinal
}

// find returns the package's mutants in the order of the source, without numbers.
func find(pkg *loaded) (all []*mutant) {
	for _, file := range pkg.files {
		f := &finder{pkg: pkg, file: file, count: map[string]int{}}
		for _, decl := range file.ast.Decls {
			f.decl(decl)
		}
		all = append(all, f.found...)
	}
	return all
}

// decl collects the mutants of one top-level declaration.
func (f *finder) decl(decl ast.Decl) {
	name := "var"
	if fn, ok := decl.(*ast.FuncDecl); ok {
		name = funcName(fn)
	} else if decl.(*ast.GenDecl).Tok != token.VAR {
		return
	}
	var stack []ast.Node
	ast.Inspect(decl, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		f.node(name, n, stack)
		stack = append(stack, n)
		return true
	})
}

func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	if ident, ok := typ.(*ast.Ident); ok {
		return ident.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

func (f *finder) offset(p token.Pos) int { return f.pkg.fset.Position(p).Offset }

func (f *finder) text(from, to token.Pos) string {
	return string(f.file.text[f.offset(from):f.offset(to)])
}

func (f *finder) source(n ast.Node) string { return f.text(n.Pos(), n.End()) }

// add adds a mutant of n, which reads as after once it is mutated.
func (f *finder) add(name, operator string, n ast.Node, after string, edits ...edit) {
	key := f.file.id + ":" + name + ":" + operator
	f.count[key]++
	f.found = append(f.found, &mutant{
		id:       fmt.Sprintf("%s:%d", key, f.count[key]),
		operator: operator,
		file:     f.file,
		line:     f.pkg.fset.Position(n.Pos()).Line,
		before:   oneLine(f.source(n)),
		after:    oneLine(after),
		edits:    edits,
	})
}

// around puts text before and after the source from one position to another.
func (f *finder) around(from, to token.Pos, before, after string) []edit {
	start, end := f.offset(from), f.offset(to)
	return []edit{{start: start, end: start, text: before}, {start: end, end: end, text: after, closes: true}}
}

// instead makes the boolean expression e another one, which must not be evaluated otherwise.
func (f *finder) instead(name, operator string, e ast.Expr, other string) {
	f.add(name, operator, e, other, f.around(e.Pos(), e.End(), "("+isOn+" && ("+other+") || !"+isOn+" && (", "))")...)
}

// flip negates the boolean expression e.
func (f *finder) flip(name, operator string, e ast.Expr, after string) {
	f.add(name, operator, e, after, f.around(e.Pos(), e.End(), "("+isOn+" != (", "))")...)
}

// never makes the condition e false, without evaluating it.
func (f *finder) never(name string, e ast.Expr) {
	f.add(name, "branch", e, "false", f.around(e.Pos(), e.End(), "(!"+isOn+" && (", "))")...)
}

// leaveOut leaves out the statements from one to another.
func (f *finder) leaveOut(name, operator string, from, to ast.Node) {
	f.add(name, operator, span{from, to}, "", f.around(from.Pos(), to.End(), "if !"+isOn+" { ", " }")...)
}

// A span is several statements as one node.
type span struct{ from, to ast.Node }

func (s span) Pos() token.Pos { return s.from.Pos() }
func (s span) End() token.Pos { return s.to.End() }

// node adds the mutants of one node. The stack are the nodes around it, the innermost last.
func (f *finder) node(name string, n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.binary(name, n)
	case *ast.BasicLit, *ast.Ident:
		f.constant(name, n.(ast.Expr), stack)
	case *ast.IfStmt:
		f.condition(name, n.Cond)
		f.never(name, n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.condition(name, n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, clause := range n.Body.List {
				for _, e := range clause.(*ast.CaseClause).List {
					f.condition(name, e)
					f.never(name, e)
				}
			}
		} else {
			f.cases(name, n.Body)
		}
	case *ast.TypeSwitchStmt:
		f.cases(name, n.Body)
	case *ast.SelectStmt:
		f.cases(name, n.Body)
	case *ast.ReturnStmt:
		f.returns(name, n)
	case ast.Stmt:
		if isListed(n, stack) {
			f.statement(name, n)
		}
	}
}

// isListed returns whether n is a statement of a block or a case, so that an if can stand there.
func isListed(n ast.Stmt, stack []ast.Node) bool {
	switch parent := stack[len(stack)-1].(type) {
	case *ast.BlockStmt:
		return true
	case *ast.CaseClause:
		return true
	case *ast.CommClause:
		return parent.Comm != n
	}
	return false
}

func (f *finder) statement(name string, n ast.Stmt) {
	switch n := n.(type) {
	case *ast.ExprStmt:
		if _, ok := n.X.(*ast.CallExpr); ok {
			f.leaveOut(name, "call", n, n)
		}
	case *ast.SendStmt:
		f.leaveOut(name, "send", n, n)
	case *ast.BranchStmt:
		if n.Tok == token.BREAK || n.Tok == token.CONTINUE {
			f.leaveOut(name, "jump", n, n)
		}
	case *ast.DeferStmt:
		f.leaveOut(name, "defer", n, n)
	case *ast.GoStmt:
		call := f.source(n.Call)
		f.add(name, "go", n, call, f.around(n.Pos(), n.End(), "if "+isOn+" { "+call+" } else { ", " }")...)
	case *ast.IncDecStmt:
		f.leaveOut(name, "assign", n, n)
		f.otherwise(name, n, n.TokPos, map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok])
	case *ast.AssignStmt:
		isBlank := func(e ast.Expr) bool { ident, ok := e.(*ast.Ident); return ok && ident.Name == "_" }
		if n.Tok == token.DEFINE || !slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return !isBlank(e) }) {
			return
		}
		f.leaveOut(name, "assign", n, n)
		if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && f.isNumber(n.Lhs[0]) {
			f.otherwise(name, n, n.TokPos, map[token.Token]string{token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+="}[n.Tok])
		}
	}
}

// otherwise runs the statement with another operator, of the same length.
func (f *finder) otherwise(name string, n ast.Stmt, at token.Pos, operator string) {
	other := f.text(n.Pos(), at) + operator + f.text(at+token.Pos(len(operator)), n.End())
	f.add(name, "arith", n, other, f.around(n.Pos(), n.End(), "if "+isOn+" { "+other+" } else { ", " }")...)
}

// cases leaves out the body of each case.
func (f *finder) cases(name string, body *ast.BlockStmt) {
	for _, clause := range body.List {
		var list []ast.Stmt
		switch clause := clause.(type) {
		case *ast.CaseClause:
			list = clause.Body
		case *ast.CommClause:
			list = clause.Body
		}
		if len(list) > 0 {
			f.leaveOut(name, "branch", list[0], list[len(list)-1])
		}
	}
}

// condition negates a condition that is not an operator's result, whose own mutants do that.
func (f *finder) condition(name string, e ast.Expr) {
	if binary, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && negated[binary.Op] != "" {
		return
	}
	f.flip(name, "negate", e, "!("+f.source(e)+")")
}

var negated = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==",
	token.LSS: ">=", token.GEQ: "<",
	token.GTR: "<=", token.LEQ: ">",
}

var boundary = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}

func (f *finder) binary(name string, n *ast.BinaryExpr) {
	if f.pkg.info.Types[n].Value != nil {
		return
	}
	with := func(operator string) string {
		return f.text(n.Pos(), n.OpPos) + operator + f.text(n.OpPos+token.Pos(len(n.Op.String())), n.End())
	}
	if op := negated[n.Op]; op != "" {
		f.flip(name, "negate", n, with(op))
	}
	if op := boundary[n.Op]; op != "" {
		f.instead(name, "boundary", n, with(op))
	}
	switch n.Op {
	case token.LAND:
		f.instead(name, "logic", n, with("||"))
	case token.LOR:
		left := f.source(n.X)
		if x, ok := n.X.(*ast.BinaryExpr); ok && x.Op == token.LOR {
			left = "(" + left + ")" // && binds tighter
		}
		f.instead(name, "logic", n, left+f.text(n.X.End(), n.OpPos)+"&&"+f.text(n.OpPos+2, n.End()))
	case token.ADD, token.SUB:
		if !f.isNumber(n) {
			return
		}
		minus := n.Op == token.SUB
		edits := f.around(n.Pos(), n.End(), fmt.Sprintf("%s(%s, %v, ", fnArith, number, minus), ")")
		op := f.offset(n.OpPos)
		edits = append(edits, edit{start: op, end: op + 1, text: ","})
		f.add(name, "arith", n, with(map[bool]string{true: "+", false: "-"}[minus]), edits...)
	}
}

func (f *finder) isNumber(e ast.Expr) bool {
	basic, ok := f.pkg.info.Types[e].Type.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsNumeric != 0
}

// constant changes 0, 1, true and false if they are not part of a constant expression.
func (f *finder) constant(name string, e ast.Expr, stack []ast.Node) {
	other, ok := map[string]string{"0": "1", "1": "0", "true": "false", "false": "true"}[f.source(e)]
	tv := f.pkg.info.Types[e]
	if !ok || tv.Value == nil {
		return
	}
	for _, n := range stack {
		if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.CONST {
			return
		}
		if outer, ok := n.(ast.Expr); ok && f.pkg.info.Types[outer].Value != nil {
			return
		}
	}
	typ := types.TypeString(types.Default(tv.Type), func(p *types.Package) string {
		if p.Path() == f.pkg.path {
			return ""
		}
		return p.Name()
	})
	f.add(name, "const", e, other, f.around(e.Pos(), e.End(), fnChoose+"["+typ+"]("+number+", "+other+", ", ")")...)
}

// returns returns no error.
func (f *finder) returns(name string, n *ast.ReturnStmt) {
	if len(n.Results) == 0 {
		return
	}
	last := n.Results[len(n.Results)-1]
	tv := f.pkg.info.Types[last]
	if tv.IsNil() || tv.Type == nil || !types.Implements(tv.Type, errorType) {
		return
	}
	f.add(name, "error", n, f.text(n.Pos(), last.Pos())+"nil", f.around(last.Pos(), last.End(), fnNil+"("+number+", ", ")")...)
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// oneLine puts source on one line and cuts what is long.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return s
}

// source is the source that the mutant changes.
func (m *mutant) source() string {
	return string(m.file.text[m.edits[0].start:m.edits[1].start])
}
