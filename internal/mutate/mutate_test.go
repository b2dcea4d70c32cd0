package main

import (
	"fmt"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-891a2e1b/tickwork/internal/mutate/rates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOperators builds a program that holds all its mutants. Without a mutant it prints
// what the original prints; a mutant changes the line of its own function, and no other.
func TestOperators(t *testing.T) {
	const dir = "internal/mutate/testdata/probe"
	root, err := moduleRoot()
	require.NoError(t, err)
	pkg, err := load(root, dir)
	require.NoError(t, err)
	all, files, err := rewrite(pkg, find(pkg))
	require.NoError(t, err)
	b, err := build(root, t.TempDir(), files)
	require.NoError(t, err)

	original, mutated := filepath.Join(b.out, "original.exe"), filepath.Join(b.out, "mutated.exe")
	_, err = goTool(root, "build", "-o", original, "./"+dir)
	require.NoError(t, err)
	_, err = goTool(root, "build", "-overlay", b.overlay, "-o", mutated, "./"+dir)
	require.NoError(t, err)
	want := output(t, original)
	list := filepath.Join(b.out, "executed")
	require.Equal(t, want, output(t, mutated, envExecuted+"="+list), "without a mutant")
	executed, err := numbers(list)
	require.NoError(t, err)

	functions := map[string]string{
		"const": "constant", "defer": "deferred", "go": "concurrent", "error": "half",
	}
	for i, line := range want {
		operator, _, _ := strings.Cut(line, " ")
		function := operator
		if name := functions[operator]; name != "" {
			function = name
		}
		t.Run(operator, func(t *testing.T) {
			n := 0
			for _, m := range all {
				if !strings.Contains(m.id, ":"+function+":"+operator+":") {
					continue
				}
				n++
				assert.True(t, executed[m.number], "%s is executed", m)
				got := output(t, mutated, fmt.Sprintf("%s=%d", envMutant, m.number))
				for j := range want {
					if j == i {
						assert.NotEqual(t, want[j], got[j], m)
					} else {
						assert.Equal(t, want[j], got[j], m)
					}
				}
			}
			assert.NotZero(t, n, "there is a mutant")
		})
	}
	var left []string
	for _, m := range all {
		if _, after, _ := strings.Cut(m.id, ":"); strings.HasPrefix(after, "named:") || strings.HasPrefix(after, "returns:") {
			left = append(left, after)
			assert.False(t, executed[m.number], "%s is not executed", m)
		}
	}
	assert.Equal(t, []string{"returns:const:1", "named:negate:1", "named:boundary:1", "named:const:2"}, left, "the others do not compile")
}

func output(t *testing.T, program string, env ...string) []string {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	require.NoError(t, err, env)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// parsed is a package of one file that imports nothing.
func parsed(t *testing.T, text string) *loaded {
	t.Helper()
	pkg := &loaded{dir: "p", path: "p", fset: token.NewFileSet()}
	require.NoError(t, pkg.add("p/p.go", "p/p.go", []byte("package p\n"+text)))
	require.NoError(t, pkg.check())
	return pkg
}

// idsOf are the mutants of a package of one file.
func idsOf(t *testing.T, text string) (ids []string) {
	t.Helper()
	pkg := parsed(t, text)
	for _, m := range find(pkg) {
		ids = append(ids, m.id)
	}
	return ids
}

func TestIDsSurviveEditsOfOtherFunctions(t *testing.T) {
	const f = "func (x *T) F(a, b int) bool { return a < b || a == 7 }\ntype T struct{}\n"
	before := idsOf(t, f)
	assert.Equal(t, []string{
		"p/p.go:T.F:logic:1", "p/p.go:T.F:negate:1", "p/p.go:T.F:boundary:1", "p/p.go:T.F:negate:2",
	}, before)
	after := idsOf(t, "func other(a int) bool { return a > 3 }\n\n"+f)
	assert.Subset(t, after, before)
}

func TestSampleDependsOnTheSeedAlone(t *testing.T) {
	pkg := parsed(t, strings.Repeat("var _ = len(s) > 5 || len(s) == 4 && len(s) != 3\n", 20)+"var s []int\n")
	all := find(pkg)
	for i, m := range all {
		m.number = i + 1
	}
	first, err := choose(all, options{sample: 10, seed: 1})
	require.NoError(t, err)
	again, err := choose(all, options{sample: 10, seed: 1})
	require.NoError(t, err)
	other, err := choose(all, options{sample: 10, seed: 2})
	require.NoError(t, err)
	assert.Len(t, first, 10)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
	some, err := choose(all, options{ids: ":boundary:", files: "p.*"})
	require.NoError(t, err)
	assert.Len(t, some, 20)
}

func TestAcceptedList(t *testing.T) {
	pkg := parsed(t, "func f(a, b bool, n int) bool { return n > 5 || a }\n")
	all := find(pkg)
	i := slices.IndexFunc(all, func(m *mutant) bool { return m.operator == "logic" })
	list, err := parseAccepted(`
# a comment
p/p.go:f:boundary:1 | n > 6 | equivalent | the source has changed since
p/p.go:f:logic:1 | n > 5 || a | performance | the source may contain what divides the fields
p/p.go:gone:logic:1 | a && b | log text | the function is gone
q/q.go:f:logic:1 | a && b | log text | of another package`)
	require.NoError(t, err)
	assert.True(t, list.has(all[i]))
	assert.Equal(t, []string{
		"internal/mutate/accepted.txt:3: p/p.go:f:boundary:1 is now a mutant of n > 5",
		"internal/mutate/accepted.txt:5: there is no mutant p/p.go:gone:logic:1",
	}, list.stale("p", all))

	for _, wrong := range []string{"id | source | a reason of its own | why", "id | equivalent | why", "a | b | equivalent | c\na | b | equivalent | c"} {
		_, err := parseAccepted(wrong)
		assert.Error(t, err, wrong)
	}
}

// TestAcceptedMutantsExist: accepted.txt lists nothing that the code no longer has.
func TestAcceptedMutantsExist(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	list, err := readAccepted(filepath.Join(root, acceptedFile))
	require.NoError(t, err)
	known := 0
	for _, target := range targets {
		of := 0
		for id := range list {
			if file, _, _ := strings.Cut(id, ":"); filepath.ToSlash(filepath.Dir(file)) == target.dir {
				of++
			}
		}
		if of == 0 {
			continue
		}
		known += of
		pkg, err := load(root, target.dir)
		require.NoError(t, err)
		all, _, err := rewrite(pkg, find(pkg))
		require.NoError(t, err)
		assert.Empty(t, list.stale(target.dir, all))
	}
	assert.Equal(t, len(list), known, "each entry is of a package in targets.go")
}

func TestRates(t *testing.T) {
	pkg := parsed(t, "func f(a, b bool, n int) bool { return n > 5 || a }\n")
	all := find(pkg)
	list, err := parseAccepted(all[0].id + " | " + all[0].before + " | equivalent | an example")
	require.NoError(t, err)
	var sum rates.Count
	for i, r := range []result{{}, {killed: true, public: true}, {killed: true}} {
		r.mutant = all[i]
		count(&sum, r, list)
	}
	assert.Equal(t, rates.Count{Run: 3, Public: 1, Killed: 2, Accepted: 1}, sum)
}
