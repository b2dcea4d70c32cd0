package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-891a2e1b/tickwork/internal/mutate/rates"
)

// options are the flags.
type options struct {
	sample  int
	seed    uint64
	files   string
	ids     string
	jobs    int
	timeout time.Duration
	public  bool
	record  bool
	list    bool
	verbose bool
	keep    bool
}

func main() { os.Exit(command()) }

// command returns the exit status.
func command() int {
	var opts options
	flag.IntVar(&opts.sample, "sample", 0, "run only `N` mutants, chosen at random; 0 runs all")
	flag.Uint64Var(&opts.seed, "seed", 1, "what the choice of -sample depends on")
	flag.StringVar(&opts.files, "files", "", "run only mutants in files whose name matches the `pattern`, such as 'st*.go'")
	flag.StringVar(&opts.ids, "run", "", "run only mutants whose id matches the `regexp`")
	flag.IntVar(&opts.jobs, "j", runtime.NumCPU(), "run `N` mutants at the same time")
	flag.DurationVar(&opts.timeout, "timeout", 0, "how long a test process may take with a mutant; 0 is five times as long as without, and 20s")
	flag.BoolVar(&opts.public, "public", false, "run the public suite alone: faster, but what other tests kill counts as a survivor")
	flag.BoolVar(&opts.record, "record", false, "write the rates to "+rates.File+" and "+rates.Page)
	flag.BoolVar(&opts.list, "list", false, "list the mutants instead of running them")
	flag.BoolVar(&opts.verbose, "v", false, "print the outcome of each mutant, and the test that killed it")
	flag.BoolVar(&opts.keep, "keep", false, "keep the rewritten files and the test binaries")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./internal/mutate [flags] package...\n\nThe packages:")
		for _, t := range targets {
			fmt.Fprintln(flag.CommandLine.Output(), "  "+t.dir)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		return 2
	}
	if opts.record && (opts.public || opts.list || opts.files != "" || opts.ids != "") {
		fmt.Fprintln(os.Stderr, "mutate: -record wants all tests on all mutants or on a -sample of them: leave out -public, -list, -files and -run")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok := true
	for _, dir := range flag.Args() {
		fresh, err := mutate(ctx, path.Clean(filepath.ToSlash(dir)), opts)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mutate:", err)
			return 1
		}
		ok = ok && fresh
	}
	if !ok {
		return 1
	}
	return 0
}

// mutate runs the mutants of one package and prints what it found. It returns false if
// accepted.txt must be edited.
func mutate(ctx context.Context, dir string, opts options) (bool, error) {
	t, ok := targetOf(dir)
	if !ok {
		return false, fmt.Errorf("%s is not in internal/mutate/targets.go", dir)
	}
	root, err := moduleRoot()
	if err != nil {
		return false, err
	}
	accepted, err := readAccepted(filepath.Join(root, acceptedFile))
	if err != nil {
		return false, err
	}
	pkg, err := load(root, dir)
	if err != nil {
		return false, err
	}
	found := find(pkg)
	all, files, err := rewrite(pkg, found)
	if err != nil {
		return false, err
	}
	chosen, err := choose(all, opts)
	if err != nil {
		return false, err
	}
	if opts.list {
		for _, m := range chosen {
			fmt.Printf("%d %s\n", m.number, m)
		}
		fmt.Printf("%d mutants; %d others do not compile\n", len(chosen), len(found)-len(all))
		return true, nil
	}
	out, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return false, err
	}
	if opts.keep {
		fmt.Println("kept in", out)
	} else {
		defer func() { _ = os.RemoveAll(out) }()
	}
	b, err := build(root, out, files)
	if err != nil {
		return false, err
	}
	r := &run{build: b, opts: opts, results: make([]result, len(chosen))}
	if err := r.prepare(ctx, t); err != nil {
		return false, err
	}
	start := time.Now()
	r.all(ctx, chosen)
	if ctx.Err() != nil {
		return false, errors.New("interrupted")
	}
	fmt.Printf("%s: %d of %d mutants in %v", dir, len(chosen), len(all), time.Since(start).Round(time.Second))
	if opts.sample > 0 {
		fmt.Printf(", seed %d", opts.seed)
	}
	fmt.Println()
	sum := printTable(r.results, accepted)
	printSurvivors(r.results, accepted)
	if opts.record {
		rate := rates.Rate{Package: dir, Mutants: len(all), Count: sum}
		if len(chosen) < len(all) {
			rate.Seed = opts.seed
		}
		if err := rates.Record(root, rate); err != nil {
			return false, err
		}
	}
	return printStale(accepted.stale(dir, all), r.results, accepted), nil
}

// choose returns the mutants to run, in the order of the source.
func choose(all []*mutant, opts options) ([]*mutant, error) {
	ids, err := regexp.Compile(opts.ids)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var chosen []*mutant
	for _, m := range all {
		if opts.files != "" {
			ok, err := path.Match(opts.files, path.Base(m.file.id))
			if err != nil {
				return nil, fmt.Errorf("-files: %w", err)
			}
			if !ok {
				continue
			}
		}
		if ids.MatchString(m.id) {
			chosen = append(chosen, m)
		}
	}
	if opts.sample > 0 && opts.sample < len(chosen) {
		random := rand.New(rand.NewPCG(opts.seed, 0))
		random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		chosen = chosen[:opts.sample]
		slices.SortFunc(chosen, func(a, b *mutant) int { return a.number - b.number })
	}
	return chosen, nil
}

func moduleRoot() (string, error) {
	out, err := goTool(".", "env", "GOMOD")
	return filepath.Dir(strings.TrimSpace(string(out))), err
}
