package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

// An Opener opens a manager on the broker at an address, in a process of its own.
type Opener func(address string, node Node, opts core.Options) (core.Manager, error)

// Main runs a package's tests, in which nodes of a cluster are processes to kill
// and to freeze: the test binary is started again, as a node, and opens its
// manager with open.
//
//	func TestMain(m *testing.M) { conformance.Main(m, open) }
//
// It defines the flags -conformance.duration and -conformance.seed, see Soak, and
// -conformance.shards: how many processes share the cases of a Run in virtual time, one
// by default. The others are this test binary, started again with this test alone: no
// profile has what they cover, and a test calls Run once for a backend's name. The
// package's tests may have flags of any other name.
func Main(m *testing.M, open Opener) {
	ServeNode(open)
	os.Exit(m.Run())
}

// ServeNode is Main for a TestMain that has more to do: it never returns where
// this process was started as a node, and otherwise at once.
func ServeNode(open Opener) {
	if flag.Lookup(durationFlag) == nil {
		flag.DurationVar(&soakFor, durationFlag, 0, "how long the soak test goes on; 0 leaves it out")
		flag.Uint64Var(&soakSeed, seedFlag, 0, "what the soak test's faults are drawn from; 0 is the time")
		flag.IntVar(&shards, shardsFlag, 1, "how many processes share the cases of the suite in virtual time")
	}
	if os.Getenv(nodeEnv) == "" {
		return
	}
	if err := serveNode(open); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The flags begin with this package's name, as those of testing do with test: a package
// that imports this one has flags of its own.
const (
	durationFlag = "conformance.duration"
	seedFlag     = "conformance.seed"
	shardsFlag   = "conformance.shards"
)

var (
	soakFor  time.Duration
	soakSeed uint64
)

// nodeEnv is set in a process that is a node.
const nodeEnv = "TICKWORK_CONFORMANCE_NODE"

// An order is what a node is told to do, a line of JSON on its standard input. It
// answers each.
type order struct {
	Do      string        `json:"do"` // open, trigger, stop
	Address string        `json:"address,omitempty"`
	Node    Node          `json:"node,omitzero"`
	Loads   []load        `json:"loads,omitempty"`
	Ahead   time.Duration `json:"ahead,omitempty"` // its clock
	Seed    uint64        `json:"seed,omitempty"`  // of its runs
	Worker  string        `json:"worker,omitempty"`
	Within  time.Duration `json:"within,omitempty"`
}

// A message is what a node says, a line of JSON on its file descriptor 3.
type message struct {
	Event *history.Event `json:"event,omitempty"`
	Done  string         `json:"done,omitempty"` // the order
	Error string         `json:"error,omitempty"`
}

// A load is a worker as it is told to a node.
type load struct {
	Name       string        `json:"name"`
	Every      time.Duration `json:"every,omitempty"` // zero: long-running
	Least      time.Duration `json:"least,omitempty"` // a run takes between this
	Most       time.Duration `json:"most,omitempty"`  // and this
	Hangs      bool          `json:"hangs,omitempty"` // until its context ends, but for what is run again
	Rough      int           `json:"rough,omitempty"` // of a hundred runs so many fail, panic and ignore their context each
	AtMostOnce bool          `json:"at_most_once,omitempty"`
}

// worker returns the worker, whose runs are drawn from a seed: the nth to begin is
// the same where the seed is.
func (l load) worker(seed uint64) core.Worker {
	name := fnv.New64a()
	_, _ = name.Write([]byte(l.Name))
	var mu sync.Mutex
	source := rand.New(rand.NewPCG(seed, name.Sum64()))
	w := core.Worker{Name: l.Name, AtMostOnce: l.AtMostOnce, Run: func(ctx context.Context) error {
		mu.Lock()
		took, dice := l.draw(source)
		mu.Unlock()
		return l.run(ctx, took, dice)
	}}
	if l.Every > 0 {
		w.Schedule = core.Every(l.Every)
	}
	return w
}

// draw decides how long a run takes, and what comes of it.
func (l load) draw(source *rand.Rand) (took time.Duration, dice int) {
	took = l.Least
	if l.Most > l.Least {
		took += time.Duration(source.Int64N(int64(l.Most - l.Least)))
	}
	return took, source.IntN(100)
}

func (l load) run(ctx context.Context, took time.Duration, dice int) error {
	switch {
	case l.Hangs:
		return hangsOnce(ctx)
	case dice < l.Rough:
		_ = takes(took)(ctx)
		return errors.New("it failed")
	case dice < 2*l.Rough:
		_ = takes(took)(ctx)
		panic("it panicked")
	case dice < 3*l.Rough:
		return ignores(took)(ctx)
	}
	return takes(took)(ctx)
}

// serveNode is the node program.
func serveNode(open Opener) error {
	pipe := os.NewFile(3, "events")
	out := json.NewEncoder(pipe)
	lock := make(chan struct{}, 1)
	say := func(m message) {
		lock <- struct{}{}
		defer func() { <-lock }()
		if err := out.Encode(m); err != nil {
			os.Exit(1) // nobody listens any more
		}
	}
	var n *servedNode
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		if n == nil {
			n = &servedNode{watch: history.NewNode(o.Node.Name, func(e history.Event) { say(message{Event: &e}) })}
		}
		done := message{Done: o.Do}
		if err := n.obey(open, o); err != nil {
			done.Error = err.Error()
		}
		say(done)
	}
	return nil // whoever started it is gone
}

// servedNode is the manager in a node's process.
type servedNode struct {
	watch *history.Node
	m     core.Manager
}

func (n *servedNode) obey(open Opener, o order) error {
	ctx, cancel := context.WithTimeout(context.Background(), max(o.Within, time.Second))
	defer cancel()
	switch o.Do {
	case "open":
		opts := core.Options{
			Instance:  o.Node.Name,
			Observers: []core.Observer{n.watch.Observe},
			Logger:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		}
		if o.Ahead != 0 { // else it is left to its default, as programs leave it
			opts.Now = func() time.Time { return time.Now().Add(o.Ahead) }
		}
		m, err := open(o.Address, o.Node, opts)
		if err != nil {
			return err
		}
		n.m = m
		for _, l := range o.Loads {
			if err := m.Add(ctx, n.watch.Worker(l.worker(o.Seed))); err != nil {
				return err
			}
		}
		if err := m.Start(ctx); err != nil {
			return err
		}
		n.watch.Suffer(history.Started)
		return nil
	case "trigger":
		return errOf(n.m.Trigger(ctx, o.Worker))
	case "stop":
		n.watch.Suffer(history.Stopping)
		return n.m.Stop(ctx)
	}
	return fmt.Errorf("unknown order %q", o.Do)
}
