package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

// root is the repository: tests run in their package's directory.
const root = "../.."

// pages are the documents, from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"README.md", "ARCHITECTURE.md", "CHANGELOG.md"}
	more, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, name := range more {
		names = append(names, "docs/"+filepath.Base(name))
	}
	pages := make(map[string]string)
	for _, name := range names {
		pages[name] = read(t, name)
	}
	return pages
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// blocks returns the fenced blocks of a language in a page.
func blocks(page, language string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	return found
}

// TestReadmeProgram: the README's program is examples/hello, which compiles
// with the module and which .ci/run runs. Its comment is left out there.
func TestReadmeProgram(t *testing.T) {
	_, program, found := strings.Cut(read(t, "examples/hello/main.go"), "\npackage main\n")
	require.True(t, found)
	require.Contains(t, blocks(read(t, "README.md"), "go"), "package main\n"+program,
		"the README must hold examples/hello/main.go, from its package clause on")
}

// TestReadmeSkipReasons: the README lists every reason for a skipped slot.
func TestReadmeSkipReasons(t *testing.T) {
	_, list, found := strings.Cut(read(t, "README.md"), "\n- **Skipped slots** ")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n- **")
	var listed []string
	for _, m := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(list, -1) {
		listed = append(listed, m[1])
	}
	var reasons []string
	for r := core.ReasonNone + 1; r.String() != "unknown"; r++ {
		reasons = append(reasons, r.String())
	}
	assert.Equal(t, reasons, listed)
}

// TestReadmeCommands: what the README tells to run, .ci/run runs.
func TestReadmeCommands(t *testing.T) {
	var commands []string
	for _, block := range blocks(read(t, "README.md"), "sh") {
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(line, "#")
			if command = strings.TrimSpace(command); strings.HasPrefix(command, "go run") || strings.HasPrefix(command, "go test") {
				commands = append(commands, command)
			}
		}
	}
	require.Contains(t, commands, "go run ./examples/quickstart")
	require.Contains(t, commands, "go test ./...")
	ci := read(t, ".ci/run")
	for _, command := range commands {
		// CI may add flags at the end.
		line := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(command) + `($| )`)
		assert.True(t, line.MatchString(ci), ".ci/run does not run the README's command %q", command)
	}
}

// TestExamplesAreRun: .ci/run runs every example.
func TestExamplesAreRun(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.go"))
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	ci := read(t, ".ci/run")
	for _, main := range examples {
		name := "./examples/" + filepath.Base(filepath.Dir(main))
		assert.Regexp(t, regexp.QuoteMeta(name)+`\b`, ci, ".ci/run does not run %s", name)
	}
}

// TestLinks: what a page links to exists.
func TestLinks(t *testing.T) {
	for name, page := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`).FindAllStringSubmatch(page, -1) {
			if target := m[1]; !strings.Contains(target, "://") {
				assert.FileExistsf(t, filepath.Join(root, path.Dir(name), target), "%s links to %s", name, target)
			}
		}
	}
}

// TestNamedFiles: a file or a directory that ARCHITECTURE.md names exists.
func TestNamedFiles(t *testing.T) {
	page := read(t, "ARCHITECTURE.md")
	for _, m := range regexp.MustCompile("`([\\w./-]+(?:\\.go|\\.md|/))`").FindAllStringSubmatch(page, -1) {
		name := strings.TrimSuffix(m[1], "/")
		_, err := os.Stat(filepath.Join(root, name))
		assert.NoErrorf(t, err, "ARCHITECTURE.md names %s", name)
	}
}

// TestNoMachinePaths: no file names a path that is there on somebody's machine
// only: a home directory, or the directory in which this checkout lies.
func TestNoMachinePaths(t *testing.T) {
	here, err := filepath.Abs(root)
	require.NoError(t, err)
	path := regexp.MustCompile(`(^|[^\w.])/(home|root|Users)/\w`)
	parent := []byte(filepath.Dir(here) + "/")
	if len(parent) < len("/ab/") || string(parent) == os.TempDir()+"/" {
		parent = nil // a name that says nothing
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if d.Name() == ".git" || name == filepath.Join(root, ".ci", "bin") {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // not text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if path.Match(line) || parent != nil && bytes.Contains(line, parent) {
				t.Errorf("%s:%d names a path of a machine: %s", name, i+1, line)
			}
		}
		return nil
	})
	require.NoError(t, err)
}
