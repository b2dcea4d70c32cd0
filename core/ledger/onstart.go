package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/seed-891a2e1b/tickwork/core"
)

// An onStart is a worker with RunOnStart that was added to this instance, until the
// instance has decided whether to trigger it: only if no other living instance already
// had the worker (PER-6). So is a long-running worker, which is triggered only if it was
// done before (LNG-3): otherwise it needs no trigger to run.
//
// Compare-and-set decides which instance came first. Each instance lists itself in the
// worker's control record (Control.Present). The first one triggers the worker in the
// same write. An instance that finds others there, or in the registry, does not know yet
// whether they are alive: a killed instance stays in the registry until it has been
// silent for a lease. So it waits until each of them has sent a heartbeat or fallen
// silent, and triggers the worker if none of them was alive. It also waits for an
// instance that has listed itself and has not decided, because that instance may die
// before it triggers the worker.
type onStart struct {
	c      *candidate
	tick   core.Tick        // of the trigger; the same for each try, so that two writes make one trigger
	rivals map[string]rival // by process: the instances that may have had the worker before this one; nil before the first look
}

// A rival is another instance that has the worker.
type rival struct {
	instance string
	seen     time.Time // its last heartbeat, by the broker's clock
	decided  bool
	missed   bool // the registry did not have it when it was last read
}

// A peer is another process in the registry.
type peer struct {
	Member
	roster Roster
}

// addStart makes runOnStart decide about a worker that was added.
func (e *engine) addStart(c *candidate) {
	e.mu.Lock()
	e.starts = append(e.starts, &onStart{c: c, tick: core.ManualTick(c.name)})
	e.mu.Unlock()
	select {
	case e.started <- struct{}{}:
	default: // runOnStart is about to look
	}
}

// runOnStart decides about the workers with RunOnStart, in the order in which they were
// added. It begins when Start has scheduled its workers.
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
// left undecided.
func (e *engine) decideStarts() (left bool) {
	e.mu.Lock()
	list := slices.Clone(e.starts)
	e.mu.Unlock()
	var peers map[string]peer
	for _, s := range list {
		if e.isStopping() {
			return false
		}
		if s.mayTrigger() {
			if !e.mayClaim() { // what the broker has cannot be relied on
				return true
			}
			if s.c.job.LongRunning() && !s.c.isKnown() {
				left = true
				continue
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

// mayTrigger returns whether there is anything left to decide.
func (s *onStart) mayTrigger() bool {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.gone && (!c.job.LongRunning() || !c.known || c.isDone() && c.lease.Done.Before(c.joined))
}

// isKnown returns whether the worker's records were read.
func (c *candidate) isKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// undecided returns Roster.Undecided for the workers of these names; nil if all are
// decided. e.mu is held.
func (e *engine) undecided(names []string) []byte {
	if len(e.starts) == 0 || len(names) > MaxSums {
		return nil
	}
	undecided := make(map[string]bool, len(e.starts))
	for _, s := range e.starts {
		undecided[s.c.name] = true
	}
	bits := make([]byte, (len(names)+7)/8)
	for i, name := range names {
		if undecided[name] {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return bits
}

// announce writes to the registry that this instance has the workers, before it looks at
// them for the first time. It returns the other processes in the registry.
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

// peers returns the other processes in the registry, by Roster.Process.
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
// the worker if no other instance had it. It returns whether it could decide.
func (s *onStart) decide(peers map[string]peer) (decided bool, err error) {
	e, name := s.c.e, s.c.name
	var left map[string]rival
	var run, triggers bool
	var unread error
	_, err = e.request(e.life, name, func(lease Lease, next *Control) bool {
		if slices.ContainsFunc(next.Present, func(p Presence) bool { return p.Process != e.processID && peers[p.Process].Instance == "" }) {
			// The process has left, or it has joined since the registry was read: it is in
			// the registry before it lists itself.
			if peers, unread = e.peers(); unread != nil {
				return false
			}
		}
		now := s.others(next.Present, peers, lease)
		left, run = s.judge(now, next.Present, peers)
		decided = len(left) == 0
		triggers = run && lease.Trigger != s.tick.Manual && !e.triggerPending(lease, *next, name)
		triggers = triggers && (!s.c.job.LongRunning() || !lease.Done.IsZero())
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
	if triggers && !s.c.job.LongRunning() {
		e.dispatchTrigger(e.life, s.tick)
	}
	return decided, nil
}

// listed returns list with this instance added, and without the others for which keep
// returns false.
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

// judge returns the rivals that may or may not have been alive when the worker was added,
// and whether to trigger the worker. If it returns no rivals, that is decided.
func (s *onStart) judge(now map[string]rival, present []Presence, peers map[string]peer) (wait map[string]rival, run bool) {
	wait = make(map[string]rival)
	if s.rivals == nil {
		for process, r := range now {
			if r.decided || !s.c.e.cameBefore(present, process) {
				wait[process] = r
			}
		}
		return wait, len(wait) == 0
	}
	for process, was := range s.rivals {
		is, still := now[process]
		was.decided = was.decided || is.decided
		beaten := still && is.seen.After(was.seen)
		left := !still && hasLeft(process, was, peers)
		switch {
		case was.decided && (beaten || left):
			return nil, false // it was alive
		case still && !is.decided && s.c.e.cameBefore(present, process): // it waits for this one
		case still:
			was.missed = false
			wait[process] = was
		case left && !was.missed: // a list may lack an entry that is written while it is read
			was.missed = true
			wait[process] = was
		}
	}
	return wait, len(wait) == 0
}

// cameBefore returns whether this instance is listed before a process, which is listed
// too: the process waits for it.
func (e *engine) cameBefore(present []Presence, process string) bool {
	index := func(process string) int {
		return slices.IndexFunc(present, func(p Presence) bool { return p.Process == process })
	}
	mine := index(e.processID)
	return mine >= 0 && mine < index(process)
}

// hasLeft returns whether a process has left the registry, and so was alive before. It
// returns false for a process that is silent in the registry, and for one that another
// process of the same instance name has replaced.
func hasLeft(process string, r rival, peers map[string]peer) bool {
	for _, p := range peers {
		if p.roster.Process == process || p.Instance == r.instance {
			return false
		}
	}
	return true
}

// others returns the other instances that have the worker and are not known to be dead,
// by process. They have listed themselves in the control record, or their roster has the
// worker as one that is decided or does not run on start. One that has just started may
// have run a long-running worker to its end before its roster lists it.
func (s *onStart) others(present []Presence, peers map[string]peer, lease Lease) map[string]rival {
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
		case i < 0 && has && !p.roster.isUndecided(name):
			found[process] = rival{instance: p.Instance, seen: p.Seen, decided: true}
		case i < 0 && p.roster.Count < 0 && s.c.job.LongRunning() && p.Instance == lease.Owner:
			found[process] = rival{instance: p.Instance, seen: p.Seen}
		}
	}
	return found
}
