package conformance

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-891a2e1b/tickwork/core"
)

// A poller is an engine that looks every second at what is due.
type poller struct {
	host core.Host
	stop context.CancelFunc
	done sync.WaitGroup
	mu   sync.Mutex
	next map[*core.Job]time.Time

	polls *atomic.Int64
}

func (p *poller) Features() core.Features {
	return core.Features{Engine: "poller", Lateness: time.Second + 50*time.Millisecond, MinPeriod: time.Second}
}

func (p *poller) Start(_ context.Context, host core.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.host, p.stop, p.next = host, cancel, map[*core.Job]time.Time{}
	p.done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				p.poll(host.Now())
			}
		}
	})
	return nil
}

func (p *poller) poll(now time.Time) {
	p.polls.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	for job, slot := range p.next {
		if slot.IsZero() || slot.After(now) {
			continue
		}
		p.next[job], _ = job.Next(slot)
		job.Go(context.Background(), job.Tick(slot), nil)
	}
}

func (p *poller) Schedule(_ context.Context, job *core.Job) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[job], err = job.Next(p.host.Now())
	return err
}

func (p *poller) Unschedule(_ context.Context, job *core.Job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.next, job)
	return nil
}

func (p *poller) Stop(context.Context) error {
	p.stop()
	p.done.Wait()
	return nil
}

// TestYearOfAPoller: the year of CRN-3 does not take minutes on an engine that polls once
// a second. A year has 31 million seconds.
func TestYearOfAPoller(t *testing.T) {
	var polls atomic.Int64
	b := Backend{Name: "poller", Open: func(opts core.Options) (core.Manager, error) {
		return core.NewManager(&poller{polls: &polls}, opts), nil
	}}
	for _, c := range suite() {
		if c.id() != "CRN-3/a-year-in-three-zones" {
			continue
		}
		v := judge(t, t.Name(), b, c, features(t, b), nil)
		assert.Equal(t, Passed, v.Status, v.Story)
		assert.Less(t, polls.Load(), int64(2_000_000), "how often the engine polled")
	}
}
