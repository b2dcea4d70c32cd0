package asynq

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// registry tells which workers there are, by what the instances say of
// themselves.
type registry struct {
	store *store
	lease time.Duration

	mu      sync.Mutex
	read    time.Time
	rosters []ledger.Roster // of the instances that are alive
}

// nobodyHas tells whether no instance that is alive has a worker. It is false
// where that is not known.
func (r *registry) nobodyHas(ctx context.Context, worker string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.read) > r.lease/4 {
		rosters, err := r.load(ctx)
		if err != nil {
			return false
		}
		r.rosters, r.read = rosters, time.Now()
	}
	for _, roster := range r.rosters {
		if has, known := roster.Has(worker); has || !known {
			return false
		}
	}
	return true
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
