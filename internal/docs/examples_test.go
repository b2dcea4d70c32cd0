package docs

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExamplesImportNothingInternal: somebody who copies an example into another
// module could not compile it otherwise.
func TestExamplesImportNothingInternal(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			assert.NotContains(t, strings.Split(path, "/"), "internal", "%s imports %s", name, path)
		}
	}
}

// TestExamplesBuildWithoutTheirBroker: the file broker.go can be deleted from a
// copy of an example, as its comment says. It is the same in each.
func TestExamplesBuildWithoutTheirBroker(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "broker.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	deleted := make(map[string]string)
	args := []string{"build", "-overlay", filepath.Join(t.TempDir(), "overlay.json")}
	var first string
	for i, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if i == 0 {
			first = string(text)
		}
		assert.Equal(t, first, string(text), "%s differs from %s", name, files[0])
		path, err := filepath.Abs(name)
		require.NoError(t, err)
		deleted[path] = ""
		args = append(args, "./"+filepath.ToSlash(filepath.Join("examples", filepath.Base(filepath.Dir(name)))))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": deleted})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(args[2], overlay, 0o600))
	build := exec.CommandContext(t.Context(), "go", args...)
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
