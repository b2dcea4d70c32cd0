package rates

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPercentLeavesOutAcceptedMutants(t *testing.T) {
	c := Count{Run: 12, Public: 5, Killed: 8, Accepted: 2}
	assert.Equal(t, "50 %", c.Percent(c.Public))
	assert.Equal(t, "80 %", c.Percent(c.Killed))
	assert.Equal(t, 2, c.Left())
	assert.Equal(t, "-", Count{Run: 2, Accepted: 2}.Percent(0))
}

func TestRecordReplacesAPackagesRateAndItsRow(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	write(File, "[]")
	write(Page, "# Title\n\n"+Heading+"\n\nout of date\n")
	whole := Rate{Package: "b", Mutants: 4, Count: Count{Run: 4, Public: 1, Killed: 3, Accepted: 1}}
	sample := Rate{Package: "a", Mutants: 90, Seed: 3, Count: Count{Run: 10, Public: 5, Killed: 9}}
	require.NoError(t, Record(root, whole))
	require.NoError(t, Record(root, Rate{Package: "a", Mutants: 80, Seed: 2, Count: Count{Run: 10}}))
	require.NoError(t, Record(root, sample))

	all, err := Load(root)
	require.NoError(t, err)
	assert.Equal(t, []Rate{sample, whole}, all)
	page, err := os.ReadFile(filepath.Join(root, Page))
	require.NoError(t, err)
	assert.Equal(t, "# Title\n\n"+Section(all), string(page))
	assert.Contains(t, string(page), "| a | 90 | 10 | 3 | 5, 50 % | 9, 90 % | 0 | 1 |\n| b | 4 | 4 | - | 1, 33 % | 3, 100 % | 1 | 0 |\n")
}

func TestRecordRefusesAPageWithoutTheSection(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{File, Page} {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte("[]"), 0o644))
	}
	assert.ErrorContains(t, Record(root, Rate{}), Heading)
}
