package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// A loaded is a package that was parsed and type-checked, without its tests.
type loaded struct {
	dir     string // relative to the module, as in mutants' ids
	path    string // its import path
	fset    *token.FileSet
	files   []*source
	info    *types.Info
	imports types.Importer
}

// A source is one file of a package.
type source struct {
	name string // the file's path on this machine
	id   string // relative to the module, with slashes
	text []byte
	ast  *ast.File
}

// load reads the package in dir, which is relative to the module's root.
func load(root, dir string) (*loaded, error) {
	pkg := &loaded{dir: dir, fset: token.NewFileSet()}
	exports := map[string]string{}
	out, err := goTool(root, "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,DepOnly", "./"+dir)
	if err != nil {
		return nil, err
	}
	var dirPath string
	var names []string
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
			DepOnly                 bool
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			pkg.path, dirPath, names = p.ImportPath, p.Dir, p.GoFiles
		}
	}
	pkg.imports = importer.ForCompiler(pkg.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dirPath, name))
		if err != nil {
			return nil, err
		}
		if err := pkg.add(filepath.Join(dirPath, name), path.Join(dir, name), text); err != nil {
			return nil, err
		}
	}
	if err := pkg.check(); err != nil {
		return nil, err
	}
	return pkg, nil
}

// add parses a file.
func (p *loaded) add(name, id string, text []byte) error {
	file, err := parser.ParseFile(p.fset, name, text, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return err
	}
	p.files = append(p.files, &source{name: name, id: id, text: text, ast: file})
	return nil
}

// check type-checks the package.
func (p *loaded) check() error {
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}}
	files := make([]*ast.File, len(p.files))
	for i, f := range p.files {
		files[i] = f.ast
	}
	conf := types.Config{Importer: p.imports}
	_, err := conf.Check(p.path, p.fset, files, p.info)
	return err
}

// goTool runs the go command in dir and returns what it prints.
func goTool(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
