package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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

// A run runs mutants.
type run struct {
	build   *built
	opts    options
	public  []*part
	others  []*part
	results []result

	mu sync.Mutex // guards took and silent of the parts
}

// A part is one test, or the public suite on one engine, and what it does without a mutant.
type part struct {
	dir, binary string
	run         string        // -test.run
	took        time.Duration // in all
	silent      time.Duration // the longest time between two lines on its progress
	executes    map[int]bool  // the numbers of the mutants whose code it executes
}

// prepare builds each suite and runs its parts once without a mutant.
func (r *run) prepare(ctx context.Context, t target) error {
	isPublic := map[string]bool{}
	for _, s := range t.public {
		binary, err := r.build.binary(s.dir)
		if err != nil {
			return err
		}
		p := &part{dir: s.dir, binary: binary, run: s.run}
		if err := r.try(ctx, p); err != nil {
			return err
		}
		isPublic[s.dir+" ^"+s.run] = true
		r.tell("the public suite in "+s.dir, []*part{p})
		r.public = append(r.public, p)
	}
	if r.opts.public {
		return nil
	}
	for _, s := range t.others {
		binary, err := r.build.binary(s.dir)
		if err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, binary, "-test.list", cmp.Or(s.run, ".")).Output()
		if err != nil {
			return fmt.Errorf("list the tests in %s: %w", s.dir, err)
		}
		var parts []*part
		for name := range strings.FieldsSeq(string(out)) {
			p := &part{dir: s.dir, binary: binary, run: "^" + name + "$"}
			if !isTest.MatchString(name) || isPublic[p.dir+" "+p.run] {
				continue
			}
			if err := r.try(ctx, p); err != nil {
				return err
			}
			parts = append(parts, p)
		}
		r.tell("the tests in "+s.dir, parts)
		r.others = append(r.others, parts...)
	}
	return nil
}

var isTest = regexp.MustCompile(`^(Test|Example|Fuzz)`)

// try runs a part without a mutant, which it must pass. It tries twice: a test in real time
// may be late on a busy machine.
func (r *run) try(ctx context.Context, p *part) (err error) {
	dir, err := os.MkdirTemp(r.build.out, "executed-")
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "list")
	for range 2 {
		_ = os.Remove(list)
		start := time.Now()
		by, silent := r.test(ctx, []*part{p}, envExecuted+"="+list)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if by == "" {
			p.took, p.silent = time.Since(start), silent
			p.executes, err = numbers(list)
			return err
		}
		err = fmt.Errorf("the tests in %s fail without a mutant: %s %s", p.dir, p.run, by)
	}
	return err
}

// tell prints what was found out without a mutant.
func (r *run) tell(what string, parts []*part) {
	var took time.Duration
	executed := map[int]bool{}
	for _, p := range parts {
		took += p.took
		maps.Copy(executed, p.executes)
	}
	fmt.Printf("without a mutant %s takes %v and executes the code of %d\n", what, took.Round(time.Millisecond), len(executed))
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

// one runs the parts that execute a mutant until one kills it: the public suite, then the
// quick ones of the others, then the rest.
func (r *run) one(ctx context.Context, m *mutant) result {
	res := result{mutant: m}
	kills := func(parts []*part) bool {
		if len(parts) == 0 {
			return false
		}
		res.executed = true
		by, _ := r.test(ctx, parts, envMutant+"="+strconv.Itoa(m.number))
		if by == timedOut || by == noProgress {
			if r.isSlower(ctx, parts) {
				by, _ = r.test(ctx, parts, envMutant+"="+strconv.Itoa(m.number))
			}
		}
		if by != "" {
			res.killed, res.by = true, parts[0].dir+" "+by
		}
		return by != ""
	}
	for _, p := range r.public {
		if p.executes[m.number] && kills([]*part{p}) {
			res.public = true
			return res
		}
	}
	for _, quick := range []bool{true, false} {
		byBinary := map[string][]*part{}
		for _, p := range r.others {
			if p.executes[m.number] && quick == (p.took < quickTest) {
				byBinary[p.binary] = append(byBinary[p.binary], p)
			}
		}
		for _, binary := range slices.Sorted(maps.Keys(byBinary)) {
			if kills(byBinary[binary]) {
				return res
			}
		}
	}
	return res
}

const quickTest = time.Second

// isSlower measures parts without a mutant once more, and returns whether the machine has
// become slower, so that a timeout may not be the mutant's fault.
func (r *run) isSlower(ctx context.Context, parts []*part) (slower bool) {
	for _, p := range parts {
		now := &part{dir: p.dir, binary: p.binary, run: p.run}
		if err := r.try(ctx, now); err != nil {
			continue
		}
		r.mu.Lock()
		slower = slower || now.took > 2*p.took || now.silent > 2*p.silent
		p.took, p.silent = max(p.took, now.took), max(p.silent, now.silent)
		r.mu.Unlock()
	}
	return slower
}

const (
	timedOut   = "a timeout"
	noProgress = "no progress"
)

// test runs parts of one binary in one process. It returns "" if they pass, otherwise what
// ended them, and the longest time without progress.
func (r *run) test(ctx context.Context, parts []*part, env string) (by string, silent time.Duration) {
	var names []string
	timeout, silence := 20*time.Second, 10*time.Second
	r.mu.Lock()
	for _, p := range parts {
		names = append(names, p.run)
		timeout += 5 * p.took
		silence = max(silence, 5*p.silent)
		if p.executes == nil { // the first run
			timeout, silence = time.Hour, time.Hour
		}
	}
	r.mu.Unlock()
	if r.opts.timeout > 0 {
		timeout = r.opts.timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, parts[0].binary, "-test.failfast", "-test.v", "-test.run="+strings.Join(names, "|"), "-test.timeout=0")
	cmd.Dir = filepath.Join(r.build.root, filepath.FromSlash(parts[0].dir))
	cmd.Env = append(os.Environ(), env, "TMPDIR="+r.build.out) // a killed test leaves its files
	cmd.WaitDelay = time.Second
	out := newTranscript()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err.Error(), 0
	}
	stop := watch(cmd.Process, out, silence)
	err := cmd.Wait()
	reason := stop()
	switch {
	case ctx.Err() != nil:
		return timedOut, 0
	case reason != "":
		return reason, 0
	case err != nil:
		return cmp.Or(out.sign(), err.Error()), 0
	}
	return "", out.longestSilence()
}
