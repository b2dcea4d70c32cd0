package conformance

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
)

// A FileCoverage says how much of a source file the cases of a backend executed.
type FileCoverage struct {
	File       string `json:"file"`       // its package's import path and its name
	Statements int    `json:"statements"` // in functions
	Executed   int    `json:"executed"`   // of Statements, those that at least one case executed
}

// Unexecuted returns the Files of which no case executed a statement.
func (r *Report) Unexecuted() (files []string) {
	for _, f := range r.Files {
		if f.Executed == 0 {
			files = append(files, f.File)
		}
	}
	return files
}

// measuresFiles returns whether the report has to say which files the cases executed.
func measuresFiles(b Backend) bool {
	return testing.CoverMode() != "" && os.Getenv(reportEnv) != "" && !b.WallClock
}

// coverage runs the cases in a process of their own, so that nothing but the cases
// counts, and returns what they executed of each file that the test binary measures.
func coverage(t *testing.T, b Backend) ([]FileCoverage, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := t.TempDir()
	profile := filepath.Join(dir, "coverage")
	s, err := startShard(ctx, t, assignment{N: 1, Backend: b.Name, Dir: dir}, "-test.coverprofile="+profile)
	if err != nil {
		return nil, err
	}
	if <-s.ended; s.err != nil {
		return nil, fmt.Errorf("the process that ran the cases: %w:\n%s", s.err, ends(s.output.String()))
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return nil, err
	}
	return parseProfile(string(text))
}

// parseProfile reads what -test.coverprofile writes: after a line with the mode, a line
// FILE:FROM,TO STATEMENTS COUNT for each block. The suite's own files are left out.
func parseProfile(text string) ([]FileCoverage, error) {
	own := []string{reflect.TypeFor[Backend]().PkgPath(), reflect.TypeFor[history.Event]().PkgPath()}
	byFile := map[string]*FileCoverage{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("read the coverage profile: %q: want FILE:FROM,TO STATEMENTS COUNT", line)
		}
		file := fields[0][:max(0, strings.LastIndex(fields[0], ":"))]
		statements, err1 := strconv.Atoi(fields[1])
		count, err2 := strconv.ParseUint(fields[2], 10, 64)
		if file == "" || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("read the coverage profile: %q: want FILE:FROM,TO STATEMENTS COUNT", line)
		}
		if slices.Contains(own, path.Dir(file)) {
			continue
		}
		f := byFile[file]
		if f == nil {
			f = &FileCoverage{File: file}
			byFile[file] = f
		}
		f.Statements += statements
		if count > 0 {
			f.Executed += statements
		}
	}
	var files []FileCoverage
	for _, f := range byFile {
		files = append(files, *f)
	}
	slices.SortFunc(files, func(a, b FileCoverage) int { return strings.Compare(a.File, b.File) })
	return files, lines.Err()
}
