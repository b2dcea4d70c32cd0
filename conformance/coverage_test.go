package conformance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReportNamesFilesThatNoCaseExecutes builds a backend with -cover, of which one file
// is executed by another test alone.
func TestReportNamesFilesThatNoCaseExecutes(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("go", "test", "-count=1", "-cover", "-v", "./testdata/covered")
	cmd.Env = append(os.Environ(), reportEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	const path = "github.com/seed-891a2e1b/tickwork/conformance/testdata/covered/"
	assert.Contains(t, string(out), "no case executed a statement of "+path+"dead.go\n")

	data, err := os.ReadFile(filepath.Join(dir, "covered.json"))
	require.NoError(t, err)
	var r Report
	require.NoError(t, json.Unmarshal(data, &r))
	assert.Equal(t, []FileCoverage{{path + "covered.go", 1, 1}, {path + "dead.go", 3, 0}}, r.Files)
	assert.Equal(t, []string{path + "dead.go"}, r.Unexecuted())
}

func TestParseProfile(t *testing.T) {
	files, err := parseProfile("mode: set\nm/b.go:1.2,3.4 2 1\nm/a.go:1.2,3.4 5 0\nm/b.go:5.2,6.4 1 0\n" +
		"github.com/seed-891a2e1b/tickwork/conformance/run.go:1.2,3.4 2 1\n")
	require.NoError(t, err)
	assert.Equal(t, []FileCoverage{{"m/a.go", 5, 0}, {"m/b.go", 3, 2}}, files)

	for _, wrong := range []string{"m/b.go:1.2,3.4 2", "m/b.go 2 1", "m/b.go:1.2,3.4 two 1", "m/b.go:1.2,3.4 2 one"} {
		_, err := parseProfile("mode: set\n" + wrong)
		assert.ErrorContains(t, err, "read the coverage profile", wrong)
	}
}
