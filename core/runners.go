package core

import (
	"sync"
	"time"
)

// runners are the goroutines that runs run on. One whose run is over waits for
// another for a while before it ends, since waking it costs a third of starting
// a new one and growing its stack. A run never waits for one: where none is
// free there is a new one, so that a run that blocks holds up nobody (ERR-7).
// The zero value is ready to use.
type runners struct {
	mu      sync.Mutex
	idle    []chan *run // the last to become idle is the first to be woken
	least   int         // the fewest that were idle since the last look
	look    *time.Timer // while some are idle
	stopped bool
}

// maxIdle bounds the goroutines that wait for a run, and idleFor is about how
// long they wait when there are too many.
const (
	maxIdle = 256
	idleFor = time.Second
)

// start runs r on a goroutine.
func (p *runners) start(r *run) {
	p.mu.Lock()
	n := len(p.idle) - 1
	if n < 0 {
		p.mu.Unlock()
		go p.work(r)
		return
	}
	next := p.idle[n]
	p.idle = p.idle[:n]
	p.least = min(p.least, n)
	p.mu.Unlock()
	next <- r
}

// work is a runner's goroutine. A Goexit in a run ends it, which is no loss.
func (p *runners) work(r *run) {
	next, own := make(chan *run, 1), new(progress)
	for r != nil {
		r.main(own)
		if !p.rest(next) {
			return
		}
		r = <-next
	}
}

// rest makes a runner idle, unless there are enough.
func (p *runners) rest(next chan *run) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, next)
	if p.look == nil {
		p.least = 0
		p.look = time.AfterFunc(idleFor, p.dismiss)
	}
	return true
}

// dismiss ends as many runners as were idle all the time since the last look.
func (p *runners) dismiss() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	for _, next := range p.idle[:p.least] {
		close(next)
	}
	p.idle = append(p.idle[:0], p.idle[p.least:]...)
	p.least = len(p.idle)
	if len(p.idle) == 0 {
		p.look = nil
		return
	}
	p.look.Reset(idleFor)
}

// stop ends the idle runners, and has the others end after their run.
func (p *runners) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	for _, next := range p.idle {
		close(next)
	}
	p.idle = nil
	if p.look != nil {
		p.look.Stop()
	}
}
