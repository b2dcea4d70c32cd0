package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

// A Server is a real broker of the suite's own, to be killed and started again,
// for the cases in which the nodes are processes.
type Server interface {
	// Address is what the nodes' Opener is given.
	Address() string
	// Kill ends the server as kill -9 does; of several, the one that leads. It tells
	// whether the others go on: a majority that has all the data is left, and elects
	// another. Then that is no outage, and nothing is lost: it excuses no run that
	// loses its lease, and no gap longer than the failover time after it.
	Kill() (othersGoOn bool)
	// Start starts it again, with its data, or, where they are to be lost, without.
	// It answers when Start returns, and of several has what the others have.
	Start(lose bool) error
	// Close ends it for good.
	Close()
}

// A fleet is nodes that are processes, and the server between them.
type fleet struct {
	*trial
	server Server
	rec    *history.Recorder
	specs  []core.Worker
	seed   uint64 // from which the nodes' are derived
	served bool   // while a server is dead, by others

	mu    sync.Mutex
	nodes []*process
	n     int
}

// A process is a node of a fleet.
type process struct {
	f       *fleet
	name    string
	cmd     *exec.Cmd
	in      *os.File
	answers chan message
	read    chan struct{} // closed when all that it said was read
	gone    bool
	frozen  bool
	stderr  bytes.Buffer // read when it is gone
}

// fleets lets one case after another have the machine, unless they are short.
var fleets sync.Mutex

// processes makes a case of what is tried on processes, in real time.
func processes(rule, name string, run func(*fleet)) kase {
	return kase{rule: rule, name: name, processes: true, run: func(t *trial) {
		if !testing.Short() {
			fleets.Lock()
			defer fleets.Unlock()
		}
		f := newFleet(t)
		run(f)
		f.holds(rule)
	}}
}

func newFleet(t *trial) *fleet {
	server, err := t.backend.Server()
	t.must(err, "start a server")
	t.cleanup(server.Close)
	f := &fleet{trial: t, server: server, rec: history.NewRecorder()}
	t.cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, p := range f.nodes {
			p.end()
		}
	})
	return f
}

// launch starts a node with workers.
func (f *fleet) launch(loads ...load) *process { return f.launchAhead(0, loads...) }

// launchAhead starts a node whose clock is ahead.
func (f *fleet) launchAhead(ahead time.Duration, loads ...load) *process {
	p, err := f.tryLaunch(f.failover(), ahead, loads...)
	f.must(err, "start a node")
	return p
}

func (f *fleet) tryLaunch(within, ahead time.Duration, loads ...load) (*process, error) {
	for _, l := range loads {
		if !slices.ContainsFunc(f.specs, func(w core.Worker) bool { return w.Name == l.Name }) {
			f.specs = append(f.specs, l.worker(0))
		}
	}
	f.n++
	p := &process{f: f, name: numbered("n", f.n), answers: make(chan message, 1), read: make(chan struct{})}
	events, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	orders, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p.in = in
	p.cmd = exec.Command(exe)
	p.cmd.Env = append(os.Environ(), nodeEnv+"=1")
	p.cmd.Stdin, p.cmd.ExtraFiles, p.cmd.Stderr = orders, []*os.File{theirs}, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_ = theirs.Close()
	_ = orders.Close()
	go p.listen(events)
	f.mu.Lock()
	f.nodes = append(f.nodes, p)
	f.mu.Unlock()
	return p, p.do(order{Do: "open", Address: f.server.Address(), Node: Node{Name: p.name, Namespace: "conformance"}, Loads: loads, Ahead: ahead, Seed: f.seed + uint64(f.n), Within: within})
}

// listen hears what the node says.
func (p *process) listen(events *os.File) {
	defer close(p.read)
	defer events.Close()
	in := bufio.NewScanner(events)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var m message
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			continue // its last line was cut off with it
		}
		if m.Event != nil {
			p.f.rec.Take(*m.Event)
			p.f.tell(*m.Event)
			continue
		}
		select {
		case p.answers <- m:
		default:
		}
	}
}

// do gives an order and waits for the answer.
func (p *process) do(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %s: %w", p.name, o.Do, err)
	}
	timeout := time.NewTimer(o.Within + p.f.failover())
	defer timeout.Stop()
	select {
	case m := <-p.answers:
		if m.Error != "" {
			return fmt.Errorf("%s: %s: %s", p.name, o.Do, m.Error)
		}
		return nil
	case <-p.read:
		return fmt.Errorf("%s: %s: the process ended", p.name, o.Do)
	case <-timeout.C:
		return fmt.Errorf("%s: %s: no answer", p.name, o.Do)
	}
}

// kill ends the process with SIGKILL. What it had said counts, and when it returns
// the process is gone.
func (p *process) kill() {
	p.end()
	p.suffer(history.Killed)
}

func (p *process) end() {
	if p.gone {
		return
	}
	p.gone = true
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	<-p.read
	_ = p.in.Close()
}

// stop stops the manager, and then ends the process.
func (p *process) stop(within time.Duration) error {
	err := p.do(order{Do: "stop", Within: within})
	p.end()
	p.suffer(history.Killed) // a run that was given up has ended with it
	return err
}

func (p *process) freeze() {
	p.suffer(history.Frozen)
	p.f.must(p.cmd.Process.Signal(freezing), "SIGSTOP")
	p.frozen = true
}

func (p *process) thaw() {
	p.f.must(p.cmd.Process.Signal(thawing), "SIGCONT")
	p.suffer(history.Thawed)
	p.frozen = false
}

// suffer tells what was done to the process.
func (p *process) suffer(what history.Kind) {
	e := history.Event{At: time.Now(), Kind: what, Node: p.name}
	p.f.rec.Take(e)
	p.f.tell(e)
}

// restart kills the server, and starts it again after a while.
func (f *fleet) restart(after time.Duration, lose bool) {
	f.down()
	f.sleep(after)
	f.up(lose)
}

func (f *fleet) down() {
	f.served = f.server.Kill()
	if f.served {
		f.rec.Happened(history.Hiccup)
		f.note("the broker's leader is dead, and the others go on")
		return
	}
	f.rec.Happened(history.BrokerDown)
	f.note("the broker is down")
}

func (f *fleet) up(lose bool) {
	f.must(f.server.Start(lose), "start the server again")
	if f.served {
		f.note("the server is back among the others; it had lost its data: %t", lose)
		return
	}
	if lose {
		f.rec.Happened(history.BrokerLost)
	}
	f.rec.Happened(history.BrokerUp)
	f.note("the broker is back; its data are lost: %t", lose)
}

func (f *fleet) failover() time.Duration { return f.features.Failover }

// times is how often a case does something, and how often where it is to be short.
func (f *fleet) times(n, short int) int {
	if testing.Short() {
		return short
	}
	return n
}

// seen returns what happened so far.
func (f *fleet) seen() *history.History {
	h := f.rec.History()
	h.Until = time.Now()
	return h
}

// tolerance is how late things may be on a machine that is not the suite's alone.
func (f *fleet) tolerance() time.Duration { return f.features.Lateness + time.Second + f.stall() }

// holds judges the history by some rules; by all that there are if none are given.
func (f *fleet) holds(rules ...string) {
	h := f.seen()
	f.judge(h.Check(history.Promise{Workers: f.specs, Failover: f.failover(), Lateness: f.tolerance()}), rules...)
}

// alive returns the nodes that have not ended.
func (f *fleet) alive() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.nodes), func(p *process) bool { return p.gone })
}

// running returns the runs that go on, on a node.
func (f *fleet) running(node string) []history.Run {
	return slices.DeleteFunc(f.seen().Runs, func(r history.Run) bool { return r.Node != node || !r.Over().IsZero() })
}
