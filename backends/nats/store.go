package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-891a2e1b/tickwork/core"
	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// store is the ledger in a key-value bucket: a key for each record, whose
// revision is the sequence of its message in the bucket's stream.
type store struct {
	cfg    Config
	bucket bucket
	host   core.Host
	link   *link
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	stream jetstream.Stream
	anew   chan struct{} // the watch is to begin anew
	pulses *pulses

	mu      sync.Mutex
	known   map[string]ledger.State // what the watch has told, and our own writes
	highest uint64                  // the highest revision of them
	watched watched
}

// watched is how far the watch has come.
type watched struct {
	synced bool      // it has told all that there was when it began
	last   uint64    // the revision that it told last
	beat   uint64    // that of the last beat it told
	wrote  time.Time // when the server wrote that, by its clock
	of     int       // how often data were lost: what was read before tells nothing
}

var _ ledger.Watcher = (*store)(nil)

func newStore(cfg Config) *store {
	return &store{
		cfg: cfg, bucket: cfg.bucket(),
		anew: make(chan struct{}, 1), known: make(map[string]ledger.State),
		pulses: newPulses(),
	}
}

// retry is how long Open waits before it tries again.
const retry = 250 * time.Millisecond

// answer is how long a single request of Open may take: one that the server does
// not permit is not answered.
const answer = 5 * time.Second

// Open implements ledger.Store.
func (s *store) Open(ctx context.Context, host core.Host) error {
	s.reset()
	if err := s.connect(ctx, host); err != nil {
		return err
	}
	if err := s.openBucket(ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), answer)
		defer cancel()
		return errors.Join(fmt.Errorf("JetStream on %s: %w", s.link.name(), err), s.Close(closing))
	}
	found := s.stream.CachedInfo()
	s.pulses.created, s.pulses.born = found.Created, found.Created
	s.sweep(ctx, found.TimeStamp)
	return nil
}

// reset forgets what was known before an earlier Close.
func (s *store) reset() {
	s.mu.Lock()
	clear(s.known)
	s.highest, s.watched = 0, watched{}
	s.mu.Unlock()
	s.pulses = newPulses()
}

func (s *store) connect(ctx context.Context, host core.Host) (err error) {
	s.host = host
	if s.link, err = connect(ctx, s.cfg, host); err != nil {
		return err
	}
	pulses := s.pulses // these are not of a later Open
	s.link.back = func() {
		pulses.doubt.Store(true)
		s.watchAnew()
	}
	go s.link.follow()
	if s.js, err = jetstream.New(s.link.nc); err != nil {
		return errors.Join(fmt.Errorf("JetStream on %s: %w", s.link.name(), err), s.Close(ctx))
	}
	return nil
}

// reach tells whether Open would succeed, as far as that can be known without
// making anything.
func (s *store) reach(ctx context.Context) error {
	if err := s.connect(ctx, core.Host{Logger: slog.New(slog.DiscardHandler), Instance: "preflight"}); err != nil {
		return err
	}
	op, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	stream, err := s.js.Stream(op, s.bucket.stream())
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		err = nil // Open makes it
	case err == nil:
		_, _, err = s.bucket.mended(stream.CachedInfo().Config)
	default:
		err = s.link.explain("ask for the bucket "+s.bucket.name, err)
	}
	if err != nil {
		err = fmt.Errorf("JetStream on %s: %w", s.link.name(), err)
	}
	return errors.Join(err, s.Close(ctx))
}

// openBucket tries until its context ends: JetStream may not be ready yet.
func (s *store) openBucket(ctx context.Context) error {
	for {
		op, cancel := context.WithTimeout(ctx, answer)
		kv, stream, err := s.bucket.open(op, s.js)
		cancel()
		if err == nil {
			s.kv, s.stream = kv, stream
			if lack := s.bucket.lacks(stream.CachedInfo().Config); lack != "" {
				s.host.Logger.Warn("nats: " + lack)
			}
			return nil
		}
		if _, hopeless := errors.AsType[*configError](err); hopeless {
			return err
		}
		if denied := s.link.denied(); denied != nil {
			return fmt.Errorf("%w (%w)", denied, err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retry):
		}
	}
}

// Close implements ledger.Store.
func (s *store) Close(ctx context.Context) error {
	if s.js != nil {
		s.js.CleanupPublisher()
	}
	err := s.link.close(ctx)
	if err == nil {
		<-s.link.done
	}
	return err
}

// Load implements ledger.Store.
func (s *store) Load(ctx context.Context, workers []string) ([]ledger.State, error) {
	states := make([]ledger.State, len(workers))
	for i, worker := range workers {
		state, err := s.load(ctx, worker)
		if err != nil {
			return nil, err
		}
		states[i] = state
	}
	return states, nil
}

func (s *store) load(ctx context.Context, worker string) (ledger.State, error) {
	state := ledger.State{Worker: worker}
	name := escape(worker)
	var err error
	if state.Lease, err = s.get(ctx, leases+name); err != nil {
		return state, err
	}
	state.Control, err = s.get(ctx, controls+name)
	return state, err
}

// get returns the record at a key. One that was deleted is not there.
func (s *store) get(ctx context.Context, key string) (ledger.Entry, error) {
	if err := s.link.check(); err != nil {
		return ledger.Entry{}, err
	}
	got, err := s.kv.Get(ctx, key)
	if vanished(err) && s.remake(ctx) {
		got, err = s.kv.Get(ctx, key)
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound): // ErrKeyDeleted is one
		return ledger.Entry{}, nil
	case err != nil:
		return ledger.Entry{}, s.link.explain("read "+key, err)
	}
	return ledger.Entry{Value: got.Value(), Rev: got.Revision()}, nil
}

// WriteLease implements ledger.Store.
func (s *store) WriteLease(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return s.write(ctx, leases, w, leaseOf)
}

// WriteControl implements ledger.Store.
func (s *store) WriteControl(ctx context.Context, w ledger.Write) (ledger.State, error) {
	return s.write(ctx, controls, w, controlOf)
}

func (s *store) write(ctx context.Context, kind string, w ledger.Write, record func(*ledger.State) *ledger.Entry) (ledger.State, error) {
	rev, err := s.compareAndSet(ctx, kind+escape(w.Worker), w)
	if vanished(err) && s.remake(ctx) {
		rev, err = s.compareAndSet(ctx, kind+escape(w.Worker), w)
	}
	switch {
	case err == nil:
		wrote := ledger.Entry{Value: w.Value, Rev: rev}
		state := s.learn(w.Worker, wrote, record)
		*record(&state) = wrote // the watch may have told of a later one
		return state, nil
	case !isConflict(err):
		return ledger.State{}, s.link.explain("write "+kind+escape(w.Worker), err)
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		state, failed := s.load(ctx, w.Worker)
		switch {
		case failed != nil:
			return ledger.State{}, fmt.Errorf("after a conflict: %w", failed)
		case record(&state).Rev != w.Rev:
			return state, ledger.ErrConflict
		}
		select { // another write of the record waits for the servers to agree
		case <-time.After(pause):
		case <-ctx.Done():
			return ledger.State{}, s.link.explain("write "+kind+escape(w.Worker), err)
		}
	}
}

func (s *store) compareAndSet(ctx context.Context, key string, w ledger.Write) (uint64, error) {
	if err := s.link.check(); err != nil {
		return 0, err
	}
	if w.Rev == 0 {
		return s.kv.Create(ctx, key, w.Value)
	}
	return s.kv.Update(ctx, key, w.Value, w.Rev)
}

// vanished tells whether the bucket is not there any more.
func vanished(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// remake makes the bucket again where somebody has deleted it. The next beat
// finds out.
func (s *store) remake(ctx context.Context) bool {
	_, _, err := s.bucket.open(ctx, s.js)
	return err == nil
}

// isConflict tells whether the record was at another revision. Servers with
// replicas have a code of their own for that.
func isConflict(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
