package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core"
)

var leasesOfAllKinds = []time.Duration{time.Second, 10 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}

// inClustersOf runs a test in a cluster of three for each kind of store, and each
// lease.
func inClustersOf(t *testing.T, leases []time.Duration, f func(cl *cluster, lease time.Duration)) {
	for _, k := range kinds {
		for _, l := range leases {
			k.leases = []time.Duration{l, l, l}
			t.Run(k.name+" "+l.String(), func(t *testing.T) {
				inClusterOf(t, k, 3, func(cl *cluster) { f(cl, l) })
			})
		}
	}
}

// The declared failover time is kept whatever the lease is, and where a store tells
// of changes it is no longer than the lease and five seconds.
func TestFailoverIsKept(t *testing.T) {
	inClustersOf(t, leasesOfAllKinds, func(cl *cluster, lease time.Duration) {
		f := cl.nodes[0].m.Features()
		require.LessOrEqual(cl.t, f.Failover, lease+lease/2)
		if !cl.kind.polled {
			require.LessOrEqual(cl.t, f.Failover, lease+5*time.Second)
		}
		cl.add(core.Worker{Name: "w", Run: lasting(1000 * time.Hour)})
		cl.start()
		var longest time.Duration
		// dies has the holder die, as seen from the others, and back the time from which
		// the failover counts.
		dies := func(back func()) {
			holder, n := cl.holder("w"), len(cl.of("w"))
			holder.store.Cut(true)
			back()
			from := time.Now()
			time.Sleep(f.Failover + f.Lateness)
			runs := cl.of("w")
			require.Greater(cl.t, len(runs), n, "the runs %s after the holder's death", f.Failover)
			longest = max(longest, runs[n].began.Sub(from))
			holder.store.Cut(false)
			time.Sleep(3 * lease)
			require.Len(cl.t, cl.of("w"), n+1)
		}
		for i := range 12 { // wherever between two renewals, and two looks of the others
			time.Sleep(lease * time.Duration(i) / 33)
			dies(func() {})
		}
		for i := range 12 { // and the broker beside it, for a while
			time.Sleep(lease * time.Duration(i) / 33)
			dies(func() {
				cl.broker.Down(true)
				time.Sleep(lease / 5 * time.Duration(i))
				cl.broker.Down(false)
			})
		}
		cl.t.Logf("the longest takeover %s, declared %s", longest, f.Failover)
	})
}
