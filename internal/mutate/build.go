package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A built is where test binaries are made from the rewritten files.
type built struct {
	root, out string
	overlay   string
	binaries  map[string]string // by the package's directory
}

// build writes the rewritten files to the directory out.
func build(root, out string, files map[string][]byte) (*built, error) {
	b := &built{root: root, out: out, overlay: filepath.Join(out, "overlay.json"), binaries: map[string]string{}}
	replace := map[string]string{}
	for name, text := range files {
		replace[name] = filepath.Join(out, filepath.Base(name))
		if err := os.WriteFile(replace[name], text, 0o600); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.overlay, data, 0o600)
}

// binary returns the test binary of a package, and makes it if there is none.
func (b *built) binary(dir string) (string, error) {
	if name := b.binaries[dir]; name != "" {
		return name, nil
	}
	name := filepath.Join(b.out, strings.ReplaceAll(dir, "/", "-")+strconv.Itoa(len(b.binaries))+".test.exe")
	if _, err := goTool(b.root, "test", "-c", "-overlay", b.overlay, "-o", name, "./"+dir); err != nil {
		return "", err
	}
	b.binaries[dir] = name
	return name, nil
}
