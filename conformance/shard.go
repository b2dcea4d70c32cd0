package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shards is the flag -conformance.shards, see Main.
var shards = 1

// shardEnv is set in a process that is a shard, to an assignment in JSON.
const shardEnv = "TICKWORK_CONFORMANCE_SHARD"

// An assignment is what a process has to know that shares the cases of a backend with
// others.
type assignment struct {
	N       int    // which of them it is; the first is the test's own
	Backend string // of no other
	Dir     string // where they tell each other what they try, and the verdicts; empty for one that is alone
}

// verdicts is the file that the process tells its verdicts in.
func (a assignment) verdicts() string { return filepath.Join(a.Dir, fmt.Sprint("verdicts-", a.N)) }

// A crew is the processes that share the cases of a backend in virtual time. The first
// is the test's own.
type crew struct {
	assignment
	none bool          // it is to try none of the cases
	told *json.Encoder // of a process that is one of the others
	rest []*shard      // of the first: the others
}

// A shard is a process of a crew as the first one sees it.
type shard struct {
	file   string
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
	err    error
	told   map[string]verdict // by case, when it has ended
}

// toldVerdict is a line that a shard writes into its file.
type toldVerdict struct {
	Case    string
	Verdict verdict
}

// hire returns the crew of a test: itself alone, where no more are asked for, or a
// single case is.
func hire(t *testing.T, b Backend) *crew {
	t.Helper()
	c := &crew{assignment: assignment{N: 1, Backend: b.Name}}
	if given := os.Getenv(shardEnv); given != "" {
		if err := json.Unmarshal([]byte(given), &c.assignment); err != nil {
			t.Fatalf("conformance: %s: %v", shardEnv, err)
		}
		if c.Backend != b.Name || b.WallClock {
			c.none, c.told = true, json.NewEncoder(io.Discard)
			return c
		}
		file, err := os.OpenFile(c.verdicts(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			t.Fatalf("conformance: shard %d: %v", c.N, err)
		}
		t.Cleanup(func() { _ = file.Close() })
		c.told = json.NewEncoder(file)
		return c
	}
	if shards <= 1 || b.WallClock || isSingle() {
		return c
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.Dir = t.TempDir() // which outlives them
	t.Cleanup(func() {
		cancel()
		for _, s := range c.rest {
			<-s.ended
		}
	})
	for n := 2; n <= min(shards, len(selected(b))); n++ {
		s, err := startShard(ctx, t, assignment{N: n, Backend: b.Name, Dir: c.Dir})
		if err != nil {
			t.Fatalf("conformance: start shard %d: %v", n, err)
		}
		c.rest = append(c.rest, s)
	}
	return c
}

// startShard starts this test binary again, with this test alone and further flags.
func startShard(ctx context.Context, t *testing.T, a assignment, flags ...string) (*shard, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	given, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	s := &shard{file: a.verdicts(), ended: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, exe, append(shardFlags(t), flags...)...)
	// The detector of races waits for a second, at a process's end, for goroutines that
	// go on. A bubble leaves none; and the first process still waits.
	race := "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")
	s.cmd.Env = append(os.Environ(), shardEnv+"="+string(given), race)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		s.err = s.cmd.Wait()
	}()
	return s, nil
}

// shardFlags are the flags of a shard: the package's own, of testing's those that
// change what is tested, and a time that is over before the test's is, so that what a
// shard says of a case that hangs is heard.
func shardFlags(t *testing.T) []string {
	args := []string{"-test.run=^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$", "-test.timeout=0"}
	if end, ok := t.Deadline(); ok {
		left := time.Until(end)
		args[1] = "-test.timeout=" + (left - left/10).String()
	}
	flag.Visit(func(f *flag.Flag) {
		switch name, testings := strings.CutPrefix(f.Name, "test."); {
		case f.Name == shardsFlag:
		case !testings, name == "cpu", name == "skip", name == "short":
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	return args
}

// claim tells whether a case is this process's to try: each is who comes to it first.
func (c *crew) claim(t *testing.T, k kase) bool {
	t.Helper()
	if c.Dir == "" {
		return true
	}
	file, err := os.OpenFile(claimOf(c.Dir, k), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return false
	case err != nil:
		t.Fatalf("conformance: claim a case: %v", err)
	}
	_ = file.Close()
	return true
}

// serve tries the cases that nobody else does, and tells what came of them. That one
// has failed is for the first process to say.
func (c *crew) serve(t *testing.T, b Backend, cases []kase) {
	if c.none {
		return
	}
	f := features(t, b)
	for _, k := range cases {
		if !c.claim(t, k) {
			continue
		}
		t.Run(k.id(), func(t *testing.T) {
			if err := c.told.Encode(toldVerdict{Case: k.id(), Verdict: judge(t, t.Name(), b, k, f, nil)}); err != nil {
				t.Errorf("conformance: tell the verdict: %v", err)
			}
		})
	}
}

// ask returns the verdict of a case that another process tries, when that has ended.
func (c *crew) ask(_ *testing.T, k kase) verdict {
	for _, s := range c.rest {
		if s.told == nil {
			s.read()
		}
		if v, ok := s.told[k.id()]; ok {
			return v
		}
	}
	return verdict{Status: Failed, Story: "the process that was to try it ended before"}
}

// read waits for a shard's end and reads what it has told.
func (s *shard) read() {
	<-s.ended
	s.told = map[string]verdict{}
	file, err := os.Open(s.file)
	if err != nil {
		return // it has not come so far
	}
	defer func() { _ = file.Close() }()
	for in := json.NewDecoder(bufio.NewReader(file)); ; {
		var v toldVerdict
		if in.Decode(&v) != nil { // the end, or where it was cut off
			return
		}
		s.told[v.Case] = v.Verdict
	}
}

// check fails the test for what a shard's process has failed for, beside its cases: it
// found a race, or left a goroutine behind, or came to no end.
func (c *crew) check(t *testing.T) {
	t.Helper()
	for _, s := range c.rest {
		if <-s.ended; s.err != nil {
			t.Errorf("conformance: a process that tried some of the cases: %v:\n%s", s.err, ends(s.output.String()))
		}
	}
}

// ends are the begin and the end of what a process said.
func ends(output string) string {
	const enough = 1 << 13
	if len(output) > 2*enough {
		return output[:enough] + "\n…\n" + output[len(output)-enough:]
	}
	return output
}
