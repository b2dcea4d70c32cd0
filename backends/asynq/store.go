package asynq

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

//go:embed write.lua
var writeSource string

//go:embed beat.lua
var beatSource string

var (
	writeScript = redis.NewScript(writeSource)
	beatScript  = redis.NewScript(beatSource)
)

const (
	// forgetAfter is how long an instance stays listed that is not heard of.
	forgetAfter = time.Hour

	// resend is how long a roster that has not changed is not sent again: it may have
	// been forgotten, or lost in a failover.
	resend = time.Minute
)

// store keeps the ledger in Redis. Of each worker it keeps a hash with two
// records, each with its revision, so that both are read and compared in one
// command. All keys have the queue's hash tag, as asynq's have, so that in a
// Redis Cluster they are on one node.
type store struct {
	target target
	queue  string
	client *batcher // made by Open
	writes writeNames

	mu     sync.Mutex
	roster []byte    // of this instance
	sent   time.Time // when it was last sent
	born   time.Time // as it was last seen
}

var _ ledger.Store = (*store)(nil)

func (s *store) key(rest string) string { return "tickwork:{" + s.queue + "}:" + rest }

func (s *store) workerKey(name string) string { return s.key("w:" + name) }

// failedKey is where the error of a run is kept that its task does not know.
func (s *store) failedKey(tick core.Tick) string { return s.key("failed:" + tick.ID()) }

// The keys of the registry.
func (s *store) bornKey() string    { return s.key("born") }
func (s *store) seenKey() string    { return s.key("instances") }
func (s *store) rostersKey() string { return s.key("rosters") }

// Open implements ledger.Store.
func (s *store) Open(ctx context.Context, host core.Host) error {
	client, err := s.target.connect(ctx, host)
	if err != nil {
		return err
	}
	s.client = &batcher{UniversalClient: client}
	s.roster, s.sent, s.born = nil, time.Time{}, time.Time{}
	warnOfEviction(ctx, client, host.Logger)
	return nil
}

// Close implements ledger.Store.
func (s *store) Close(context.Context) error {
	err := s.target.close(s.client.UniversalClient)
	s.client.wait() // what is under way has no connection any more
	return err
}

// Load implements ledger.Store.
func (s *store) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	pipe := s.client.Pipeline()
	answers := make([]*redis.SliceCmd, len(workers))
	for i, name := range workers {
		answers[i] = pipe.HMGet(ctx, s.workerKey(name), "lease", "lease_rev", "control", "control_rev")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read the records of %d workers: %w", len(workers), err)
	}
	states := make([]ledger.State, len(workers))
	for i, name := range workers {
		var err error
		if states[i], err = stateOf(name, answers[i].Val()); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// WriteLease implements ledger.Store.
func (s *store) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	guard := ""
	if w.Guarded {
		guard = strconv.FormatUint(w.Control, 10)
	}
	state, err := s.write(ctx, "lease", w, guard)
	if err == nil {
		state.Lease.Value = w.Value
	}
	return state, err
}

// WriteControl implements ledger.Store.
func (s *store) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	state, err := s.write(ctx, "control", w, "")
	if err == nil {
		state.Control.Value = w.Value
	}
	return state, err
}

func (s *store) write(ctx context.Context, field string, w ledger.Write, guard string) (ledger.State, error) {
	keys := []string{s.workerKey(w.Worker)}
	answer, err := writeScript.Run(ctx, s.client, keys, field, strconv.FormatUint(w.Rev, 10), w.Value, guard, s.writes.next()).Slice()
	if err != nil {
		return ledger.State{}, fmt.Errorf("write the %s record of %s: %w", field, w.Worker, err)
	}
	if len(answer) != 5 {
		return ledger.State{}, fmt.Errorf("write the %s record of %s: unexpected answer %v", field, w.Worker, answer)
	}
	state, err := stateOf(w.Worker, answer[1:])
	if err == nil && answer[0] != int64(1) {
		err = ledger.ErrConflict
	}
	return state, err
}

// stateOf reads the fields lease, lease_rev, control, control_rev.
func stateOf(worker string, fields []any) (ledger.State, error) {
	state := ledger.State{Worker: worker}
	for i, e := range []*ledger.Entry{&state.Lease, &state.Control} {
		rev, there := fields[2*i+1].(string)
		if !there {
			continue
		}
		n, err := strconv.ParseUint(rev, 10, 64)
		if err != nil {
			return state, fmt.Errorf("the record of %s has the revision %q, which is no number", worker, rev)
		}
		value, _ := fields[2*i].(string)
		*e = ledger.Entry{Value: []byte(value), Rev: n}
	}
	return state, nil
}

// Beat implements ledger.Store. It also sees to it that asynq's tools know of the
// queue, which asynq itself does not after Redis has lost its data.
func (s *store) Beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	s.mu.Lock()
	if roster != nil {
		s.roster = roster
	}
	known := s.roster
	if time.Since(s.sent) > resend {
		roster = known
	}
	s.mu.Unlock()
	pulse, err := s.beat(ctx, instance, roster)
	if err != nil {
		return ledger.Pulse{}, err
	}
	s.mu.Lock()
	reborn := !s.born.Equal(pulse.Born)
	s.mu.Unlock()
	if !reborn {
		return pulse, nil
	}
	if roster == nil && known != nil { // it is lost with the rest
		if pulse, err = s.beat(ctx, instance, known); err != nil {
			return ledger.Pulse{}, err
		}
	}
	if err := s.client.SAdd(ctx, "asynq:queues", s.queue).Err(); err != nil {
		return ledger.Pulse{}, fmt.Errorf("enter the queue in asynq:queues: %w", err)
	}
	s.mu.Lock()
	s.born = pulse.Born
	s.mu.Unlock()
	return pulse, nil
}

func (s *store) beat(ctx context.Context, instance string, roster []byte) (ledger.Pulse, error) {
	keys := []string{s.bornKey(), s.seenKey(), s.rostersKey()}
	began := time.Now()
	answer, err := beatScript.Run(ctx, s.client, keys, instance, roster, forgetAfter.Microseconds()).Slice()
	if err != nil {
		return ledger.Pulse{}, err
	}
	if len(answer) != 2 {
		return ledger.Pulse{}, fmt.Errorf("unexpected answer %v", answer)
	}
	if roster != nil {
		s.mu.Lock()
		s.sent = began
		s.mu.Unlock()
	}
	now, err1 := microTime(answer[0])
	born, err2 := microTime(answer[1])
	return ledger.Pulse{Now: now, Born: born}, errors.Join(err1, err2)
}

// microTime reads a time in µs.
func microTime(text any) (time.Time, error) {
	s, _ := text.(string)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%v is no time in µs", text)
	}
	return time.UnixMicro(n).UTC(), nil
}

// Leave implements ledger.Store.
func (s *store) Leave(ctx context.Context, instance string) error {
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, s.seenKey(), instance)
		p.HDel(ctx, s.rostersKey(), instance)
		return nil
	})
	return err
}

// Instances implements ledger.Store.
func (s *store) Instances(ctx context.Context) ([]ledger.Member, error) {
	pipe := s.client.Pipeline()
	seen := pipe.ZRangeWithScores(ctx, s.seenKey(), 0, -1)
	rosters := pipe.HGetAll(ctx, s.rostersKey())
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	var members []ledger.Member
	for _, z := range seen.Val() {
		name, _ := z.Member.(string)
		m := ledger.Member{Instance: name, Seen: time.UnixMicro(int64(z.Score)).UTC()}
		if roster, ok := rosters.Val()[name]; ok {
			m.Roster = []byte(roster)
		}
		members = append(members, m)
	}
	return members, nil
}

// writeNames names each write, so that one that a client sends twice, as that of a
// Redis Cluster may where it got no answer, is known for the same.
type writeNames struct {
	prefix string
	n      atomic.Uint64
}

func newWriteNames() writeNames {
	return writeNames{prefix: strconv.FormatUint(rand.Uint64(), 36) + "."}
}

func (w *writeNames) next() string { return w.prefix + strconv.FormatUint(w.n.Add(1), 36) }
