package conformance

import (
	"context"
	"sync"
)

// A gate holds the runs of a worker until the case opens it. A case that makes
// one opens it with defer, so that nothing waits for a case that has failed.
type gate struct {
	t    *trial
	name string
	shut chan struct{}
	once sync.Once

	mu      sync.Mutex
	entered int
}

func (t *trial) gate(name string) *gate {
	return &gate{t: t, name: name, shut: make(chan struct{})}
}

// open lets everybody through, from now on.
func (g *gate) open() {
	g.once.Do(func() {
		g.t.note("the gate of %s is opened", g.name)
		close(g.shut)
	})
}

// patient is a run that waits for the gate, or for the end of its context: the
// cause of that is its error.
func (g *gate) patient(ctx context.Context) error {
	g.enter()
	select {
	case <-g.shut:
		return nil
	case <-ctx.Done():
		g.t.note("%s: context ends: %v, cause %v", g.name, ctx.Err(), context.Cause(ctx))
		return context.Cause(ctx)
	}
}

// stubborn is a run that waits for the gate and ignores its context.
func (g *gate) stubborn(context.Context) error {
	g.enter()
	<-g.shut
	return nil
}

func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entered++
}

// await waits until somebody has come to the gate.
func (g *gate) await() {
	g.t.eventually(4*g.t.period()+g.t.slack(), g.name+" comes to its gate", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.entered > 0
	})
}
