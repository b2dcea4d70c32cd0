package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A result is what the tests did with a mutant.
type result struct {
	*mutant
	executed bool // by any of the tests
	public   bool // the public suite killed it
	killed   bool // some test did
	by       string
}

// A prepared is a suite that passes without a mutant.
type prepared struct {
	suite
	binary   string
	timeout  time.Duration
	executes map[int]bool // the numbers of the mutants whose code it executes
}

// A run runs mutants.
type run struct {
	build   *built
	opts    options
	suites  []*prepared // the public ones first
	public  int         // how many are public
	results []result
}

// prepare builds each suite and runs it once without a mutant.
func (r *run) prepare(ctx context.Context, t target) error {
	suites := t.public
	if !r.opts.public {
		suites = slices.Concat(t.public, t.others)
	}
	r.public = len(t.public)
	for _, s := range suites {
		binary, err := r.build.binary(s.dir)
		if err != nil {
			return err
		}
		p := &prepared{suite: s, binary: binary, timeout: time.Hour}
		list := filepath.Join(r.build.out, fmt.Sprintf("executed-%d", len(r.suites)))
		start := time.Now()
		if by := r.test(ctx, p, envExecuted+"="+list); by != "" {
			return fmt.Errorf("the tests in %s fail without a mutant: %s", s.dir, by)
		}
		took := time.Since(start)
		p.timeout = max(5*took, 20*time.Second)
		if r.opts.timeout > 0 {
			p.timeout = r.opts.timeout
		}
		if p.executes, err = numbers(list); err != nil {
			return err
		}
		fmt.Printf("without a mutant %s %s takes %v and executes the code of %d\n", s.dir, s.run, took.Round(time.Millisecond), len(p.executes))
		r.suites = append(r.suites, p)
	}
	return nil
}

// numbers reads a file of numbers, one a line; it need not exist.
func numbers(name string) (map[int]bool, error) {
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	all := map[int]bool{}
	for field := range strings.FieldsSeq(string(data)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all[n] = true
	}
	return all, nil
}

// all runs the mutants, several at a time, until ctx ends.
func (r *run) all(ctx context.Context, chosen []*mutant) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(r.opts.jobs, 1) {
		wg.Go(func() {
			for i := range next {
				r.results[i] = r.one(ctx, chosen[i])
				if r.opts.verbose {
					fmt.Printf("%s: %s\n", chosen[i].id, r.results[i].outcome())
				}
			}
		})
	}
	for i := range chosen {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
}

func (r result) outcome() string {
	switch {
	case r.killed:
		return "killed by " + r.by
	case r.executed:
		return "survives"
	default:
		return "survives: not executed"
	}
}

// one runs the suites on a mutant until one kills it.
func (r *run) one(ctx context.Context, m *mutant) result {
	res := result{mutant: m}
	for i, p := range r.suites {
		if !p.executes[m.number] {
			continue
		}
		res.executed = true
		if by := r.test(ctx, p, envMutant+"="+strconv.Itoa(m.number)); by != "" {
			res.killed, res.public, res.by = true, i < r.public, p.dir+" "+by
			break
		}
	}
	return res
}

// test runs a suite and returns "" if it passes, otherwise what ended it.
func (r *run) test(ctx context.Context, p *prepared, env string) string {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, "-test.failfast", "-test.run="+p.run, "-test.timeout=0")
	cmd.Dir = filepath.Join(r.build.root, filepath.FromSlash(p.dir))
	cmd.Env = append(os.Environ(), env, "TMPDIR="+r.build.out) // a killed test leaves its files
	cmd.WaitDelay = time.Second
	out := &firstBytes{limit: 1 << 20}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	stop := limitMemory(cmd.Process)
	err := cmd.Wait()
	tooLarge := stop()
	switch {
	case ctx.Err() != nil:
		return "a timeout"
	case tooLarge:
		return "too much memory"
	case err != nil:
		for _, sign := range signs {
			if found := sign.FindSubmatch(out.Bytes()); found != nil {
				return string(found[1])
			}
		}
		return err.Error()
	}
	return ""
}

// signs are what a failing test binary prints: a subtest, a test, or another end.
var signs = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^ +--- FAIL: (\S+)`),
	regexp.MustCompile(`(?m)^--- FAIL: (\S+)`),
	regexp.MustCompile(`(?m)^((?:panic|fatal error): .*)`),
}

// A firstBytes keeps the first bytes that are written to it: a mutant may print without end.
type firstBytes struct {
	bytes.Buffer
	limit int
}

func (b *firstBytes) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// maxMemory is what a test binary may use.
const maxMemory = 2 << 30

// limitMemory kills a process that uses too much memory. The function that it returns ends the
// watch and returns whether that happened. It works only on systems with /proc.
func limitMemory(process *os.Process) (stop func() bool) {
	quit, done := make(chan struct{}), make(chan bool)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		tooLarge := false
		for {
			select {
			case <-quit:
				done <- tooLarge
				return
			case <-tick.C:
				if resident(process.Pid) > maxMemory {
					tooLarge = true
					_ = process.Kill()
				}
			}
		}
	}()
	return func() bool { close(quit); return <-done }
}

// resident returns the memory of a process in bytes, 0 if it is unknown.
func resident(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
