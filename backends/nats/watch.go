package nats

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// Watch implements ledger.Watcher. There is one watcher for all records of the
// namespace. It begins anew, with all records there are, after a reconnect, when
// the bucket was made anew, and when it has stood still for a beat.
func (s *store) Watch(ctx context.Context, changed func(ledger.State), ready func()) error {
	synced := func() {
		s.mu.Lock()
		s.watched.synced = true
		s.mu.Unlock()
		ready()
	}
	for ctx.Err() == nil {
		err := s.watch(ctx, changed, synced)
		s.mu.Lock()
		s.watched.synced = false
		s.mu.Unlock()
		if err == nil || ctx.Err() != nil {
			continue
		}
		if denied := s.link.denied(); denied != nil {
			return denied
		}
		s.host.Logger.Debug("nats: the watch begins anew", "reason", err)
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
	return context.Cause(ctx)
}

// progress is how far the watch has come.
func (s *store) progress() watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.watched
}

// watchAnew has the watch begin anew.
func (s *store) watchAnew() {
	select {
	case s.anew <- struct{}{}:
	default:
	}
}

// lookAfter is how long a watch goes on without a beat that has tried to look whether
// the bucket is still the one that it is on: two beats.
func (s *store) lookAfter() time.Duration { return s.cfg.Lease / 5 }

// look looks for those who watch and do not beat. No beat waits for it long.
func (s *store) look(ctx context.Context) {
	select {
	case s.pulses.turn <- struct{}{}:
	default: // a beat finds out
		return
	}
	defer s.pulses.give()
	if time.Since(s.pulses.looked) < s.lookAfter() || s.link.check() != nil {
		return
	}
	op, cancel := context.WithTimeout(ctx, min(s.lookAfter(), answer))
	defer cancel()
	_ = s.ask(op, false)
}

// watch watches until it is to begin anew.
func (s *store) watch(ctx context.Context, changed func(ledger.State), synced func()) error {
	select {
	case <-s.anew:
	default:
	}
	if err := s.link.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	of := s.progress().of
	late := time.AfterFunc(answer, cancel)
	// Our own beats are watched too: they tell that the watch still goes on, and the
	// server's time.
	watcher, err := s.kv.WatchFiltered(ctx, []string{leases + ">", controls + ">", alive + escape(s.host.Instance)})
	late.Stop()
	if err != nil {
		return s.link.explain("watch the records", err)
	}
	defer drain(watcher)
	defer cancel()
	look := time.NewTicker(s.lookAfter())
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.anew:
			return nil
		case <-look.C:
			s.look(ctx)
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errors.New("the server has ended it")
			case e == nil:
				synced()
			default:
				s.tell(e, of, changed)
			}
		}
	}
}

// drain takes what is left of a watcher that was cancelled, or its callback would
// wait for ever.
func drain(w jetstream.KeyWatcher) {
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for {
		select {
		case _, ok := <-w.Updates():
			if !ok {
				return
			}
		case <-limit.C:
			return
		}
	}
}

// tell tells the engine of a record, unless data were lost since the watch began.
func (s *store) tell(e jetstream.KeyValueEntry, of int, changed func(ledger.State)) {
	s.mu.Lock()
	if s.watched.of != of {
		s.mu.Unlock()
		return
	}
	s.watched.last = e.Revision()
	s.highest = max(s.highest, e.Revision())
	if strings.HasPrefix(e.Key(), alive) {
		s.watched.beat, s.watched.wrote = e.Revision(), e.Created()
	}
	s.mu.Unlock()
	record, name := leaseOf, strings.TrimPrefix(e.Key(), leases)
	switch {
	case strings.HasPrefix(e.Key(), alive):
		return
	case strings.HasPrefix(e.Key(), controls):
		record, name = controlOf, strings.TrimPrefix(e.Key(), controls)
	}
	entry := ledger.Entry{Value: e.Value(), Rev: e.Revision()}
	if e.Operation() != jetstream.KeyValuePut {
		entry.Value = nil
	}
	changed(s.learn(unescape(name), entry, record))
}

func leaseOf(s *ledger.State) *ledger.Entry   { return &s.Lease }
func controlOf(s *ledger.State) *ledger.Entry { return &s.Control }

// learn keeps what is known of a worker, of which revisions only rise, and
// returns its state. An entry without a value is a record that was deleted.
func (s *store) learn(worker string, e ledger.Entry, record func(*ledger.State) *ledger.Entry) ledger.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.known[worker]
	state.Worker = worker
	if r := record(&state); e.Rev > r.Rev {
		*r = e
		s.known[worker] = state
	}
	s.highest = max(s.highest, e.Rev)
	for _, r := range []*ledger.Entry{&state.Lease, &state.Control} {
		if r.Value == nil {
			*r = ledger.Entry{}
		}
	}
	return state
}
