package conformance

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-891a2e1b/tickwork/core"
)

// isCores tells whether a manager is of a type of the package core, as what NewManager
// returns, which contains panics.
func isCores(m core.Manager) bool {
	is := reflect.TypeOf(m)
	if is.Kind() == reflect.Pointer {
		is = is.Elem()
	}
	return is.PkgPath() == reflect.TypeFor[core.Tick]().PkgPath()
}

// isMeasured tells whether the test binary measures what is run in its process.
func isMeasured() bool {
	if testing.CoverMode() != "" {
		return true
	}
	for _, name := range []string{"cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return false
}

// judgeApart tries the cases in a process of its own, this test binary with this test
// alone, and returns a function that tells the verdict of a case. If a panic ends the
// process, the case that it tried has failed, and another process goes on with the next.
// It returns nil if no process comes as far as the first case.
func judgeApart(t *testing.T, b Backend, f core.Features) func(*testing.T, kase) verdict {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, told, failed := t.TempDir(), map[string]verdict{}, false
	for n := 1; ; n++ {
		s, err := startShard(ctx, t, assignment{N: n, Backend: b.Name, Dir: dir})
		if err != nil {
			t.Logf("conformance: the cases are tried in this process: start another: %v", err)
			return nil
		}
		s.read()
		for id, v := range s.told {
			told[id] = v
			failed = failed || v.Status == Failed
		}
		died := false
		for _, c := range selected(b) {
			if _, ok := told[c.id()]; ok || s.err == nil || !isClaimed(dir, c) {
				continue
			}
			died, failed = true, true
			tr := newTrial(t.Name()+"/"+c.id(), b, c, f)
			tr.Errorf("the process in which the case was tried has ended: %v:\n%s", s.err, ends(s.output.String()))
			told[c.id()] = tr.verdict()
		}
		switch {
		case died:
			continue
		case s.err != nil && len(told) == 0:
			t.Logf("conformance: the cases are tried in this process: another has ended before the first: %v:\n%s", s.err, ends(s.output.String()))
			return nil
		case s.err != nil && !failed: // a case that fails leaves goroutines behind, of which the process may complain
			t.Errorf("conformance: the process that tried the cases: %v:\n%s", s.err, ends(s.output.String()))
		}
		return func(_ *testing.T, c kase) verdict {
			if v, ok := told[c.id()]; ok {
				return v
			}
			return verdict{Status: Failed, Story: "no process has tried it", First: "no process has tried it"}
		}
	}
}

// claimOf is the file that a process makes in a directory to claim a case.
func claimOf(dir string, c kase) string {
	return filepath.Join(dir, strings.ReplaceAll(c.id(), "/", " "))
}

func isClaimed(dir string, c kase) bool {
	_, err := os.Stat(claimOf(dir, c))
	return err == nil
}
