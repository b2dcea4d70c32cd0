package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An onStart is a worker that came to this instance with RunOnStart, until it is
// decided whether that triggers it: only if no other living instance already had the
// worker (PER-6).
//
// Which instance came first is decided by compare-and-set: each lists itself in the
// worker's control record (Control.Present). The first to do so triggers the worker in
// the same write. An instance that finds others there, or in the registry, does not know
// yet whether they are alive: one that was killed is in the registry until its silence
// has lasted for a lease. So it waits for a beat of theirs, or for their silence, and
// triggers the worker if none of them was alive. One that has listed itself and has not
// decided is waited for, too: it may die before it triggers the worker.
type onStart struct {
	c      *candidate
	tick   core.Tick        // of the trigger, so that it is one even if it is written twice
	rivals map[string]rival // by process: the instances that may have had the worker before; nil before the first look
}

// A rival is another instance that has the worker.
type rival struct {
	instance string
	seen     time.Time // its last beat, by the broker's clock
	decided  bool
	missed   bool // it was not in the registry when that was read last
}

// A peer is another process in the registry.
type peer struct {
	Member
	roster Roster
}

// addStart has it decided whether a worker that has come runs on start.
func (e *engine) addStart(c *candidate) {
	e.mu.Lock()
	e.starts = append(e.starts, &onStart{c: c, tick: core.ManualTick(c.name)})
	e.mu.Unlock()
	select {
	case e.started <- struct{}{}:
	default: // it is about to look
	}
}

// runOnStart decides about the workers that run on start, in the order in which they
// came, once those that come with Start are there.
func (e *engine) runOnStart() {
	select {
	case <-e.host.Ready:
	case <-e.quit:
		return
	case <-e.life.Done():
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.started:
		case <-e.quit:
			return
		case <-e.life.Done():
			return
		}
		if e.decideStarts() {
			timer.Reset(e.beatEvery())
		}
	}
}

// decideStarts looks at each worker that is not decided, and returns whether any is
// left.
func (e *engine) decideStarts() (left bool) {
	e.mu.Lock()
	list := slices.Clone(e.starts)
	e.mu.Unlock()
	var peers map[string]peer
	for _, s := range list {
		if e.isStopping() {
			return false
		}
		if !s.isGone() {
			if !e.mayClaim() { // the data are not to be relied upon
				return true
			}
			if peers == nil {
				var err error
				if peers, err = e.announce(list); err != nil {
					return true
				}
			}
			if decided, err := s.decide(peers); err != nil || !decided {
				left = true
				continue
			}
		}
		e.mu.Lock()
		e.starts = slices.DeleteFunc(e.starts, func(o *onStart) bool { return o == s })
		e.changed = true
		e.mu.Unlock()
	}
	return left
}

func (s *onStart) isGone() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.gone
}

// undecided is the workers of the roster that are not decided yet. e.mu is held.
func (e *engine) undecided() (names []string) {
	for _, s := range e.starts {
		names = append(names, s.c.name)
	}
	return names
}

// announce has the registry know that this instance has the workers, before they are
// looked at for the first time, and returns the other processes that are in it.
func (e *engine) announce(list []*onStart) (map[string]peer, error) {
	if slices.ContainsFunc(list, func(s *onStart) bool { return s.rivals == nil }) {
		e.mu.Lock()
		e.changed = true
		e.mu.Unlock()
		if err := e.beat(e.life); err != nil {
			return nil, err
		}
	}
	return e.peers()
}

// peers returns the other processes in the registry, by their names.
func (e *engine) peers() (map[string]peer, error) {
	ctx, cancel := e.op(e.life)
	defer cancel()
	members, err := e.store.Instances(ctx)
	e.contacted(err)
	if err != nil {
		return nil, err
	}
	peers := make(map[string]peer)
	for _, m := range members {
		p := peer{Member: m}
		if err := json.Unmarshal(m.Roster, &p.roster); err == nil && m.Instance != e.host.Instance {
			peers[p.roster.Process] = p
		}
	}
	return peers, nil
}

// decide looks at the worker's control record, lists this instance in it, and triggers
// the worker if no other instance had it. It returns whether that is decided.
func (s *onStart) decide(peers map[string]peer) (decided bool, err error) {
	e, name := s.c.e, s.c.name
	var left map[string]rival
	var run, triggers bool
	var unread error
	_, err = e.request(e.life, name, func(lease Lease, next *Control) bool {
		if slices.ContainsFunc(next.Present, func(p Presence) bool { return p.Process != e.processID && peers[p.Process].Instance == "" }) {
			// It has left, or it has come since the registry was read: it is in there before
			// it lists itself.
			if peers, unread = e.peers(); unread != nil {
				return false
			}
		}
		now := s.others(next.Present, peers)
		left, run = s.judge(now, peers)
		decided = len(left) == 0
		triggers = run && lease.Trigger != s.tick.Manual && !e.triggerPending(lease, *next, name)
		if triggers {
			next.Trigger = s.tick.Manual
		}
		before := next.Present
		next.Present = e.listed(before, decided, func(process string) bool {
			_, has := now[process]
			_, waits := left[process]
			return has || waits
		})
		return run || !slices.Equal(before, next.Present)
	})
	if err := cmp.Or(err, unread); err != nil {
		return false, err
	}
	s.rivals = left
	if triggers {
		e.dispatchTrigger(e.life, s.tick)
	}
	return decided, nil
}

// listed returns a list of instances with this one, and without those that are not to
// be kept.
func (e *engine) listed(list []Presence, decided bool, keep func(process string) bool) []Presence {
	list = slices.DeleteFunc(slices.Clone(list), func(p Presence) bool {
		return p.Process != e.processID && !keep(p.Process)
	})
	me := Presence{Instance: e.host.Instance, Process: e.processID, Decided: decided}
	i := slices.IndexFunc(list, func(p Presence) bool { return p.Process == e.processID })
	if i < 0 {
		return append(list, me)
	}
	list[i] = me
	return list
}

// judge returns the rivals of which it is not known yet whether they were alive when the
// worker came, and whether to trigger it. With none left it is decided.
func (s *onStart) judge(now map[string]rival, peers map[string]peer) (wait map[string]rival, run bool) {
	if s.rivals == nil {
		return now, len(now) == 0
	}
	wait = make(map[string]rival)
	for process, was := range s.rivals {
		is, still := now[process]
		was.decided = was.decided || is.decided
		beaten := still && is.seen.After(was.seen)
		left := !still && hasLeft(process, was, peers)
		switch {
		case was.decided && (beaten || left):
			return nil, false // it was alive
		case still:
			was.missed = false
			wait[process] = was
		case left && !was.missed: // the list may lack what is written while it is read
			was.missed = true
			wait[process] = was
		}
	}
	return wait, len(wait) == 0
}

// hasLeft returns whether a process has left the registry, and so was alive before: not
// one that is silent there, or whose place another process of the same name has taken.
func hasLeft(process string, r rival, peers map[string]peer) bool {
	for _, p := range peers {
		if p.roster.Process == process || p.Instance == r.instance {
			return false
		}
	}
	return true
}

// others returns the other instances that have the worker and are not known to be dead,
// by process: those that have listed themselves in the control record, and those whose
// roster has the worker and that are not about to list themselves.
func (s *onStart) others(present []Presence, peers map[string]peer) map[string]rival {
	e, name := s.c.e, s.c.name
	now := e.pulse.brokerNow()
	found := make(map[string]rival)
	for process, p := range peers {
		if now.Sub(p.Seen) >= e.cfg.Lease {
			continue
		}
		has, known := p.roster.Has(name)
		i := slices.IndexFunc(present, func(l Presence) bool { return l.Process == process })
		switch {
		case i >= 0 && (has || !known):
			found[process] = rival{instance: p.Instance, seen: p.Seen, decided: present[i].Decided}
		case i < 0 && has && !slices.Contains(p.roster.Undecided, name):
			found[process] = rival{instance: p.Instance, seen: p.Seen, decided: true}
		}
	}
	return found
}
