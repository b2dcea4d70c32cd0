package nats

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// member is the record of an instance that is alive. When it was written is the
// message's time.
type member struct {
	Instance string `json:"instance"`
}

// silence is how long an instance may be silent until whoever lists the registry
// takes it out: twenty beats, or a minute.
func (s *store) silence() time.Duration { return max(2*s.cfg.Lease, time.Minute) }

// pulses is what the beats of this instance have found out.
type pulses struct {
	turn     chan struct{} // of capacity one: beats are one at a time
	doubt    atomic.Bool   // something has failed since the stream was asked for
	clocks   clocks
	created  time.Time // the stream was, as far as is known
	looked   time.Time // here, when it was last tried to find out whether the stream is the same
	born     time.Time
	behind   int    // times in a row that the stream was asked for and behind what was acknowledged
	mine     uint64 // the revision of the last beat
	sure     bool   // no later one may have been written
	before   uint64 // what the watch had told last when it was written
	answered clocks // when it was; the server's is not known yet
	roster   []byte
}

func newPulses() *pulses { return &pulses{turn: make(chan struct{}, 1)} }

// clocks are what the clocks showed when the server answered.
type clocks struct {
	at       time.Time     // here, by the monotonic clock
	took     time.Duration // from the question to the answer, by the clock here that went further
	instance time.Time     // by the wall
	server   time.Time     // when it wrote the answer, or the beat: after the question, and before at
}

// lookAtClocks returns what the clocks here show.
func (s *store) lookAtClocks() clocks { return clocks{at: time.Now(), instance: s.clock()} }

// answered returns the clocks on the answer to what was asked at some others. The
// server's, which the answer may tell, is missing.
func (s *store) answered(asked clocks) clocks {
	c := s.lookAtClocks()
	c.took = max(c.at.Sub(asked.at), c.instance.Sub(asked.instance).Abs()) // the machine may have slept
	return c
}

// now is the server's time, as reckoned from the answer: behind by as much of what
// that took as came after the server wrote it.
func (c clocks) now() time.Time { return c.server.Add(time.Since(c.at)) }

// areVague tells whether the answer took so long that they tell little.
func (s *store) areVague(c clocks) bool {
	return c.took > min(s.cfg.Lease/20, 100*time.Millisecond)
}

// take waits for the turn, and not longer than the context: who has it waits for
// the server. Give ends it.
func (p *pulses) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pulses) give() { <-p.turn }

// Beat implements ledger.Store. The broker's time is that of the server which
// leads the stream: the messages in it have their times from there. So the watch,
// which tells the last beat and its time, tells the server's clock, too.
//
// A beat follows the instance's last one, and the revision that it gets all that
// was acknowledged: where that is not so data were lost, or may be. The stream
// itself, whose description is long, is asked for only where these two do not tell
// enough, see isToAsk.
func (s *store) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	p := s.pulses
	if err := s.link.check(); err != nil {
		return ledger.Pulse{}, err
	}
	if err := p.take(ctx); err != nil {
		return ledger.Pulse{}, s.link.explain("wait for another beat", err)
	}
	defer func() {
		p.looked = time.Now()
		p.give()
	}()
	s.checkWatch()
	s.compareClocks()
	if roster != nil {
		p.roster = slices.Clone(roster)
	} else if !p.answered.at.IsZero() && time.Since(p.answered.at) > s.silence() {
		roster = p.roster // it may have been taken out of the registry
	}
	for ask, lost := s.isToAsk(), false; ; ask = true {
		if ask {
			if err := s.ask(ctx, lost); err != nil {
				return ledger.Pulse{}, s.link.explain("ask for the bucket "+s.bucket.name, err)
			}
		}
		highest := s.acknowledged()
		rev, err := s.writeBeat(ctx, instance, roster)
		switch {
		case err == nil && rev > highest:
			p.behind = 0
			return ledger.Pulse{Now: p.clocks.now(), Born: p.born}, nil
		case err == nil:
			lost = true
		case p.sure && isConflict(err):
			p.sure = false
			roster = p.roster // it may be gone, too
			lost = s.isSetBack(ctx, instance)
		case ask || !vanished(err):
			p.sure = false // it may have happened
			p.doubt.Store(true)
			return ledger.Pulse{}, err
		}
	}
}

// isSetBack tells whether the last beat is not there, and one before it is: the end
// of the stream was lost. It may also have been taken out of the registry, or be that
// of another instance of the same name. It is the caller's turn.
func (s *store) isSetBack(ctx context.Context, instance string) bool {
	e, err := s.kv.Get(ctx, alive+escape(instance))
	return err == nil && e.Revision() < s.pulses.mine
}

// writeBeat writes that this instance is alive, after its last beat if that is
// known, and its roster unless that is nil. It is the caller's turn.
func (s *store) writeBeat(ctx context.Context, instance string, roster []byte) (rev uint64, err error) {
	p, key := s.pulses, alive+escape(instance)
	if roster != nil {
		if _, err := s.kv.Put(ctx, rosters+escape(instance), roster); err != nil {
			return 0, s.link.explain("write the roster", err)
		}
	}
	value, _ := json.Marshal(member{instance})
	sent := s.lookAtClocks()
	if p.sure {
		rev, err = s.kv.Update(ctx, key, value, p.mine)
	} else {
		rev, err = s.kv.Put(ctx, key, value)
	}
	if err != nil {
		return 0, s.link.explain("write the beat", err)
	}
	p.mine, p.sure, p.before, p.answered = rev, true, s.progress().last, s.answered(sent)
	return rev, nil
}

// compareClocks compares the clocks by the last beat: the watch has told when the
// server wrote it. It is the caller's turn.
func (s *store) compareClocks() {
	p, w := s.pulses, s.progress()
	if w.beat == p.mine && p.sure && p.answered.at.After(p.clocks.at) && !s.areVague(p.answered) {
		p.clocks = p.answered
		p.clocks.server = w.wrote
	}
}

// isToAsk tells whether the stream is to be asked for: there was no beat yet that this
// one is to follow, or something has failed since; the clocks were not compared for some
// beats, or in a request that took so long that it tells little; or the instance's clock
// has gone another way than time has, as that of a machine that slept. It is the
// caller's turn.
func (s *store) isToAsk() bool {
	p := s.pulses
	since := time.Since(p.clocks.at)
	strayed := s.clock().Sub(p.clocks.instance) - since
	return !p.sure || p.doubt.Load() || since >= min(s.cfg.Lease, DefaultLease)/2 ||
		s.areVague(p.clocks) || strayed.Abs() > time.Second
}

// clock is the instance's, as the wall shows it: the monotonic one may stand still
// while the machine sleeps.
func (s *store) clock() time.Time { return s.host.Now().Round(0) }

// acknowledged is the highest revision that this instance knows of.
func (s *store) acknowledged() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.highest
}

// ask asks for the stream, which it makes again if there is none any more, and
// finds out whether data were lost: the stream is another one, or its last
// message is older than one that was acknowledged, as after a server's crash
// that lost the end of its file. Lost says that this is known. It is the caller's
// turn.
func (s *store) ask(ctx context.Context, lost bool) error {
	p, highest := s.pulses, s.acknowledged()
	p.doubt.Store(false)
	sent := s.lookAtClocks()
	info, err := s.stream.Info(ctx)
	if vanished(err) && s.remake(ctx) {
		sent = s.lookAtClocks()
		info, err = s.stream.Info(ctx)
	}
	if err != nil {
		p.doubt.Store(true)
		return err
	}
	switch {
	case info.TimeStamp.IsZero():
		return &configError{"the server is older than 2.10"}
	case info.Cluster != nil && info.Cluster.Leader == "": // who has answered may be behind
		p.doubt.Store(true)
		return errNoLeader
	}
	before := p.created
	p.clocks, p.created = s.answered(sent), info.Created
	p.clocks.server, p.looked = info.TimeStamp, p.clocks.at
	switch {
	case !info.Created.Equal(before):
		p.born, p.behind = info.Created, 0
		s.forget()
	case info.State.LastSeq >= highest && !lost:
		p.behind = 0
	default: // a new leader may be behind for a moment
		if p.behind++; p.behind > 1 || lost {
			p.born, p.behind = info.TimeStamp, 0
			s.forget()
		}
	}
	return nil
}

var errNoLeader = errors.New("the stream has no leader")

// forget forgets what was known of a stream that has lost data.
func (s *store) forget() {
	s.mu.Lock()
	clear(s.known)
	s.highest = 0
	s.watched.of++
	s.watched.beat = 0 // revisions may come again
	s.mu.Unlock()
	s.watchAnew()
}

// checkWatch has the watch begin anew if it has not told anything since the last
// beat, not even of that: the server that had its consumer may have ended.
func (s *store) checkWatch() {
	p, w := s.pulses, s.progress()
	if w.synced && w.last < p.mine && w.last == p.before && time.Since(p.answered.at) > s.cfg.Lease/20 {
		s.watchAnew()
	}
}

// Leave implements ledger.Store.
func (s *store) Leave(ctx context.Context, instance string) error {
	if err := s.link.check(); err != nil {
		return err
	}
	return s.takeOut(ctx, instance)
}

// takeOut takes an instance out of the registry. A deleted key would leave a
// marker, and instances come and go for years: the messages are purged.
func (s *store) takeOut(ctx context.Context, instance string) error {
	for _, kind := range []string{alive, rosters} {
		if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.bucket.subject(kind+escape(instance)))); err != nil {
			return s.link.explain("leave the registry", err)
		}
	}
	return nil
}

// Instances implements ledger.Store. It takes those out that have died.
func (s *store) Instances(ctx context.Context) ([]ledger.Member, error) {
	if err := s.link.check(); err != nil {
		return nil, err
	}
	if err := s.pulses.take(ctx); err != nil {
		return nil, s.link.explain("wait for a beat", err)
	}
	err := s.ask(ctx, false)
	now := s.pulses.clocks.server
	s.pulses.give()
	if err != nil {
		return nil, s.link.explain("list the registry", err)
	}
	return s.living(ctx, now)
}

// living lists the registry, and takes those out that have died by the server's time.
func (s *store) living(ctx context.Context, now time.Time) ([]ledger.Member, error) {
	members, err := s.members(ctx)
	if err != nil {
		return nil, s.link.explain("list the registry", err)
	}
	var list []ledger.Member
	for _, name := range slices.Sorted(maps.Keys(members)) {
		m, err := s.complete(ctx, members[name])
		if err != nil {
			return nil, s.link.explain("list the registry", err)
		}
		if now.Sub(m.Seen) <= s.silence() {
			list = append(list, m)
			continue
		}
		if err := s.takeOut(ctx, name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// complete reads the keys of an instance that the list lacks: a list may miss a key that
// is written while it is read.
func (s *store) complete(ctx context.Context, m ledger.Member) (ledger.Member, error) {
	get := func(kind string) (jetstream.KeyValueEntry, error) {
		e, err := s.kv.Get(ctx, kind+escape(m.Instance))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, nil
		}
		return e, err
	}
	if m.Seen.IsZero() {
		switch e, err := get(alive); {
		case err != nil:
			return m, err
		case e != nil:
			m.Seen = e.Created()
		}
	}
	if m.Roster == nil {
		switch e, err := get(rosters); {
		case err != nil:
			return m, err
		case e != nil:
			m.Roster = e.Value()
		}
	}
	return m, nil
}

// members reads the registry.
func (s *store) members(ctx context.Context) (map[string]ledger.Member, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher, err := s.kv.WatchFiltered(ctx, []string{alive + ">", rosters + ">"}, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer drain(watcher)
	defer cancel()
	members := make(map[string]ledger.Member)
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case e, ok := <-watcher.Updates():
			if !ok {
				return nil, errors.New("the server has ended the list")
			}
			if e == nil {
				return members, nil
			}
			name := unescape(e.Key()[len(alive):])
			m := members[name]
			m.Instance = name
			if strings.HasPrefix(e.Key(), rosters) {
				m.Roster = e.Value()
			} else {
				m.Seen = e.Created()
			}
			members[name] = m
		}
	}
}

// sweep takes the dead out of the registry: each instance does so once, when it
// comes. Now is a server's time.
func (s *store) sweep(ctx context.Context, now time.Time) {
	op, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if _, err := s.living(op, now); err != nil {
		s.host.Logger.Debug("nats: the registry was not swept", "error", err)
	}
}
