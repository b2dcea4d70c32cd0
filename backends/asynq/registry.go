package asynq

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// registry tells which workers there are, by what the instances say of
// themselves.
type registry struct {
	store *store
	lease time.Duration

	mu      sync.Mutex // not held while they are read
	read    time.Time
	reading bool
	rosters []ledger.Roster // of the instances that are alive
}

// nobodyHas tells whether no instance that is alive has a worker. It is false
// where that is not known.
func (r *registry) nobodyHas(ctx context.Context, worker string) bool {
	rosters, err := r.alive(ctx)
	return err == nil && !slices.ContainsFunc(rosters, func(roster ledger.Roster) bool {
		has, known := roster.Has(worker)
		return has || !known
	})
}

var errBeingRead = errors.New("the registry is being read")

// alive returns the rosters of the instances that are alive, as they were a moment
// ago. Who comes while another reads them does not wait, which could take as long as
// a timeout.
func (r *registry) alive(ctx context.Context) ([]ledger.Roster, error) {
	r.mu.Lock()
	old, reading := time.Since(r.read) > r.lease/4, r.reading
	rosters := r.rosters
	r.reading = reading || old
	r.mu.Unlock()
	switch {
	case !old:
		return rosters, nil
	case reading:
		return nil, errBeingRead
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reading = false
	}()
	rosters, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.rosters, r.read = rosters, time.Now()
	r.mu.Unlock()
	return rosters, nil
}

func (r *registry) load(ctx context.Context) ([]ledger.Roster, error) {
	members, err := r.store.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var latest time.Time // by Redis' clock
	for _, m := range members {
		if m.Seen.After(latest) {
			latest = m.Seen
		}
	}
	var rosters []ledger.Roster
	for _, m := range members {
		if latest.Sub(m.Seen) > r.lease {
			continue
		}
		roster := ledger.Roster{Count: -1} // of one that said nothing yet
		_ = json.Unmarshal(m.Roster, &roster)
		rosters = append(rosters, roster)
	}
	return rosters, nil
}
