package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/seed-891a2e1b/tickwork/conformance/history"
	"github.com/seed-891a2e1b/tickwork/core"
)

// An instance is a process of this program that runs workers.
type instance struct {
	number int
	life   int // how often it was started: each start is a new instance of the cluster
	cmd    *exec.Cmd
	stdin  io.Closer // closing it ends the instance
	alive  bool
}

// name returns the instance's name in its present life.
func (i *instance) name() string {
	if i.life == 1 {
		return strconv.Itoa(i.number)
	}
	return fmt.Sprintf("%d.%d", i.number, i.life)
}

// news is an event and the instance that it came from. If over is set, the
// instance's process has ended instead.
type news struct {
	from *instance
	history.Event
	over bool
	err  error
}

// parent starts the instances and ends them. Only its loop touches them; all news
// comes to that loop.
type parent struct {
	settings
	broker  string
	stdout  io.Writer
	stderr  io.Writer
	began   time.Time
	all     []*instance
	news    chan news
	record  history.Recorder
	killed  map[string]bool // by the name of the instance
	errs    []error
	busiest int // the number of the instance that runs alwaysUp
}

// cluster runs the instances until the context ends, and returns whether the
// verdict on what they did is good.
func cluster(ctx context.Context, s settings, stdin io.Reader, stdout, stderr io.Writer) (good bool, err error) {
	broker, stop, err := s.broker()
	if err != nil {
		return false, err
	}
	defer stop()
	p := &parent{settings: s, broker: broker, stdout: stdout, stderr: stderr, began: time.Now(), news: make(chan news), killed: map[string]bool{}}
	for number := range s.n {
		p.all = append(p.all, &instance{number: number + 1})
	}
	for _, i := range p.all {
		if err = p.start(i); err != nil {
			break
		}
	}
	if err == nil {
		fmt.Fprintf(stdout, "%d instances on %s; a number and Enter kills one, or starts it again; Ctrl-C ends\n", s.n, s.backend)
		p.loop(ctx, lines(stdin))
	}
	if failed := p.stop(); err == nil {
		err = failed
	}
	if err != nil {
		return false, err
	}
	return p.verdict(), nil
}

// start starts an instance, and passes its events on to the loop.
func (p *parent) start(i *instance) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to start it again: %w", err)
	}
	i.life++
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), nodeVariable+"="+i.name(), brokerVariable+"="+p.broker)
	cmd.Stderr = p.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start instance %d: %w", i.number, err)
	}
	i.cmd, i.stdin, i.alive = cmd, stdin, true
	go func(name string) {
		in := json.NewDecoder(stdout)
		for {
			var e history.Event
			if in.Decode(&e) != nil { // the process has ended, or was killed in the middle of a line
				break
			}
			p.news <- news{from: i, Event: e}
		}
		_, _ = io.Copy(io.Discard, stdout)
		p.news <- news{from: i, Event: history.Event{Node: name}, over: true, err: cmd.Wait()}
	}(i.name())
	return nil
}

// loop takes news and typed lines until the context ends.
func (p *parent) loop(ctx context.Context, typed <-chan string) {
	var kill <-chan time.Time
	if p.kill > 0 {
		timer := time.NewTimer(p.kill)
		defer timer.Stop()
		kill = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-p.news:
			p.take(n)
			if len(p.errs) > 0 {
				return
			}
		case <-kill:
			p.toggle(strconv.Itoa(max(p.busiest, 1)))
		case line, ok := <-typed:
			if !ok {
				typed = nil
				continue
			}
			p.toggle(line)
		}
	}
}

// toggle kills the instance whose number was typed, or starts it again.
func (p *parent) toggle(line string) {
	number, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || number < 1 || number > len(p.all) {
		fmt.Fprintf(p.stdout, "type a number from 1 to %d\n", len(p.all))
		return
	}
	i := p.all[number-1]
	if i.alive {
		p.show(i.name(), "is killed")
		p.killed[i.name()] = true
		_ = i.cmd.Process.Kill() // it may have ended already
		return
	}
	if err := p.start(i); err != nil {
		p.show(i.name(), err.Error())
		return
	}
	p.show(i.name(), "is started again")
}

// stop ends the instances and waits for them.
func (p *parent) stop() error {
	for _, i := range p.all {
		if i.alive {
			_ = i.stdin.Close()
		}
	}
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	for p.living() > 0 {
		select {
		case n := <-p.news:
			p.take(n)
		case <-deadline.C:
			for _, i := range p.all {
				if i.alive {
					p.errs = append(p.errs, fmt.Errorf("instance %s did not end, and was killed", i.name()))
					_ = i.cmd.Process.Kill()
				}
			}
		}
	}
	return errors.Join(p.errs...)
}

func (p *parent) living() (n int) {
	for _, i := range p.all {
		if i.alive {
			n++
		}
	}
	return n
}

// take shows an event and keeps it for the verdict. Events that an instance sent
// before it was killed may come later than the kill.
func (p *parent) take(n news) {
	switch {
	case n.over && p.killed[n.Node]:
		n.from.alive = false
		p.record.Take(history.Event{At: time.Now(), Kind: history.Killed, Node: n.Node})
		return
	case n.over:
		n.from.alive = false
		p.show(n.Node, "has ended")
		if n.err != nil {
			p.errs = append(p.errs, fmt.Errorf("instance %s ended with an error: %w", n.Node, n.err))
		}
		return
	}
	p.record.Take(n.Event)
	tick := core.Tick{Worker: n.Worker, Slot: n.Slot, Manual: n.Manual}
	switch id := short(tick); n.Kind {
	case history.Started:
		p.show(n.Node, "has joined")
	case history.Began:
		if n.Worker == alwaysUp {
			p.busiest = n.from.number
		}
		text := "runs " + id
		if n.Redelivered {
			text += " again"
		}
		p.show(n.Node, text)
	case history.Returned:
		text := "has run " + id
		if n.Err != "" {
			text += ": " + n.Err
		}
		p.show(n.Node, text)
	case history.Skipped:
		p.show(n.Node, fmt.Sprintf("skips %s: %s", id, n.Reason))
	case history.Broker:
		if n.Err != "" {
			p.show(n.Node, "has trouble with the broker: "+n.Err)
		} else {
			p.show(n.Node, "reaches the broker again")
		}
	}
}

// verdict prints whether the runs kept the rules of the contract, and returns it.
func (p *parent) verdict() bool {
	h := p.record.History()
	runs, again, skips := len(h.Runs), 0, 0
	for _, r := range h.Runs {
		if r.Tick.Redelivered {
			again++
		}
	}
	for _, s := range h.Skips {
		skips += s.Count
	}
	breaches := h.Check(history.Promise{Workers: workers(), Failover: p.lease * 3 / 2, Lateness: time.Second})
	fmt.Fprintf(p.stdout, "%d runs on %d instances, %d of them again after an instance was lost; %d slots skipped\n", runs, len(h.Nodes), again, skips)
	if len(breaches) == 0 {
		fmt.Fprintln(p.stdout, "verdict: good. No slot twice, no overlap, no gap, and the fencing tokens rise")
		return true
	}
	fmt.Fprintln(p.stdout, "verdict: bad")
	for _, b := range breaches {
		fmt.Fprintln(p.stdout, "  "+b.String())
	}
	return false
}

// show prints a line. Each instance has a column of its own.
func (p *parent) show(name, text string) {
	number, _ := strconv.Atoi(name[:1])
	fmt.Fprintf(p.stdout, "%7.2fs  %s%-4s %s\n", time.Since(p.began).Seconds(), strings.Repeat(" ", 6*(number-1)), name, text)
}

// short returns a tick's id, with the time of day for a slot.
func short(t core.Tick) string {
	if t.Manual != "" {
		return t.ID()
	}
	return t.Worker + "@" + t.Slot.Format(time.TimeOnly)
}

// lines returns the lines that are typed, until the input ends.
func lines(in io.Reader) <-chan string {
	typed := make(chan string)
	go func() {
		defer close(typed)
		for s := bufio.NewScanner(in); s.Scan(); {
			typed <- s.Text()
		}
	}()
	return typed
}
